"""The real panda-client with OIDC, by a token of its own and by the device flow, and the real pilot with a token.

The pilot has the certificate of somebody who may not run other people's jobs: what it gets it gets by its token.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from pytest_twisted import blockon, ensureDeferred
from twisted.internet.defer import Deferred

from clients.errand import Errand
from clients.test_panda_client import a_job, submitted
from clients.user import LIMIT_S, User, user_of
from clients.waiting import in_thread, until
from pandad.cli.client import connect
from pandad.embedded.pilot import (
    missing_requirements,
)
from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.sandbox import HOST, Sandbox
from pandad.embedded.tokens import PEOPLE

lacking = missing_requirements()

def token_user(sandbox: Sandbox, name: str, **besides: str) -> User:
    """Who has a token and no certificate."""
    own = {"PANDA_AUTH": "oidc", "PANDA_AUTH_VO": PEOPLE[name].origin, "PANDA_AUTH_ID_TOKEN": sandbox.pki.token(name).read_text()}
    return user_of(sandbox, Path("/none"), **{**own, **besides})


@pytest.fixture(scope="module")
def tokened(sandbox: Sandbox) -> User:
    """Alice with her token."""
    return token_user(sandbox, "alice")


@pytest.fixture(scope="module")
def errand(sandbox: Sandbox, tokened: User) -> Iterator[Errand]:
    """Under way while the other tests of this module run."""
    begun = Errand(sandbox, tokened, "token", sandbox.pki.proxy("bob"), token="pilot")
    try:
        blockon(Deferred.fromCoroutine(begun.begin()))
        yield begun
    finally:
        blockon(Deferred.fromCoroutine(begun.dismiss()))


@pytest.fixture(scope="module", autouse=True)
def begun(request: pytest.FixtureRequest) -> None:
    """Starts the pilot first."""
    if not lacking:
        request.getfixturevalue("errand")


def test_who_one_is(tokened: User) -> None:
    """The client can show as whom it is known; so can our own."""
    answer = tokened.call("attributes")
    assert answer.status == 0 and "SSL_CLIENT_S_DN: alice" in answer.printed.splitlines()
    assert connect(tokened.environment).get("system/get_attributes")["environment"]["SSL_CLIENT_S_DN"] == "alice"


@pytest.mark.parametrize("token", ["alice", "pilot", None])
def test_with_a_certificate_too(sandbox: Sandbox, token: str | None) -> None:
    """On a connection with a certificate that decides, whatever token comes along, good or bad."""
    tls = ssl.create_default_context(capath=str(sandbox.pki.ca_directory))
    tls.load_cert_chain(sandbox.pki.proxy("bob"))
    text = sandbox.pki.token(token).read_text() if token else "x"
    connection = HTTPSConnection(HOST, sandbox.config.server.tls_port, context=tls, timeout=LIMIT_S)
    connection.request("GET", "/api/v1/system/get_attributes",
                       headers={"Authorization": f"Bearer {text}", "Origin": "sandbox:pilot"})
    environment = json.loads(connection.getresponse().read())["data"]["environment"]
    connection.close()
    assert (environment["SSL_CLIENT_S_DN"], environment["PANDAD_ROLES"]) == (SANDBOX_USERS["bob"], "")


def test_jobs(sandbox: Sandbox, tokened: User) -> None:
    """Who comes with a token submits, sees, debugs and kills his jobs; others do not kill them, with a token or a certificate."""
    first, second = submitted(tokened, a_job("token1"), a_job("token2"))
    (job,) = tokened.data("status", ids=[first])
    assert job["prodUserID"] == "alice"
    bob = token_user(sandbox, "bob")
    assert bob.data("kill", ids=[first]) == [False]
    assert user_of(sandbox, sandbox.pki.proxy("bob")).data("kill", ids=[first]) == [False]
    assert tokened.data("debug", panda_id=second, on=True) == "Succeeded"
    assert tokened.data("kill", ids=[first, second]) == [True, True]


def test_production(sandbox: Sandbox) -> None:
    """Production work is for those whose token has the role and who ask for it."""
    managed = a_job("managed", prodSourceLabel="managed")
    assert submitted(token_user(sandbox, "prod"), managed)
    unasked = token_user(sandbox, "prod", PANDA_AUTH_VO="sandbox")
    assert unasked.call("submit", jobs=[managed]).status != 0


@pytest.mark.parametrize(("but", "says"), [
    ({"PANDA_AUTH_VO": "sandbox:production"}, "do not grant the role"),
    ({"PANDA_AUTH_VO": "atlas"}, "does not name a VO"),
    ({"PANDA_AUTH_ID_TOKEN": "x.y.z"}, "not of the form"),
])
def test_refusals(sandbox: Sandbox, but: dict[str, str], says: str) -> None:
    """The client fails, and in its verbose mode it shows why."""
    answer = token_user(sandbox, "alice", **but).call("submit", jobs=[a_job("refused")], verbose=True)
    assert answer.status != 0 and says in answer.printed


def signed_in(sandbox: Sandbox, root: Path) -> str:
    """What a client without a token prints when somebody signs in, and then asks for his attributes."""
    environment = dict(token_user(sandbox, "alice").environment)
    del environment["PANDA_AUTH_ID_TOKEN"]
    program = "from pandaclient import Client; Client.get_cert_attributes()"
    done = subprocess.run(
        [sys.executable, "-c", program], input="y\n", env={**environment, "PANDA_CONFIG_ROOT": str(root)}, capture_output=True,
        text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@ensureDeferred
async def test_device_flow(sandbox: Sandbox, tmp_path: Path) -> None:
    """The client finds the issuer at /auth/, signs in there, is let in, and keeps its token; when that ends it is renewed."""
    first = await in_thread(signed_in, sandbox, tmp_path)
    assert "Please go to" in first and "SSL_CLIENT_S_DN: alice" in first
    kept = tmp_path / ".token"
    tokens = json.loads(kept.read_text())
    kept.write_text(json.dumps({**tokens, "id_token": sandbox.issuer.token("alice", 60)}))
    second = await in_thread(signed_in, sandbox, tmp_path)
    assert "Please go to" not in second and "SSL_CLIENT_S_DN: alice" in second
    assert json.loads(kept.read_text())["refresh_token"] != tokens["refresh_token"]


def denied(sandbox: Sandbox, *words: str) -> None:
    """`pandad token deny`."""
    command = [sys.executable, "-m", "pandad.cli", "token", "deny", sandbox.issuer.url, *words, "--reason", "left on a train"]
    subprocess.run([*command, "--config", str(sandbox.config_file)], check=True, capture_output=True, timeout=LIMIT_S)


@ensureDeferred
async def test_denying(sandbox: Sandbox) -> None:
    """A token that an administrator denies is refused by the running daemon soon after, with the reason; another one of the user
    is good as ever."""
    lost = token_user(sandbox, "bob", PANDA_AUTH_ID_TOKEN=sandbox.issuer.token("bob", jti="lost"))
    assert (await in_thread(lost.call, "attributes")).status == 0
    await in_thread(denied, sandbox, "--jti", "lost")

    async def refusal() -> str | None:
        answer = await in_thread(lost.call, "submit", jobs=[a_job("lost")], verbose=True)
        return answer.printed if answer.status != 0 else None

    assert "denied by the administrators (left on a train)" in str(await until(refusal, "the token to be refused"))
    assert (await in_thread(token_user(sandbox, "bob").call, "attributes")).status == 0


@pytest.mark.skipif(bool(lacking), reason="; ".join(lacking))
@ensureDeferred
async def test_the_pilot(errand: Errand) -> None:
    """A pilot whose only right is its token runs a job of another one's from end to end."""
    job = await errand.ended()
    assert (job["jobStatus"], job["prodUserID"], job["modificationHost"]) == ("finished", "alice", "tokennode")
    assert errand.output == "BY TOKEN\n"


def test_tokens_are_nowhere(sandbox: Sandbox) -> None:
    """After all that no token, nor the signature of one, is in the log of the daemon."""
    log = sandbox.log_file.read_text()
    assert "bearer token refused" in log
    for name in PEOPLE:
        token = sandbox.pki.token(name).read_text()
        assert not any(piece in log for piece in token.split(".")[1:])
