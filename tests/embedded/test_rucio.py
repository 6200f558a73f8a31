"""A Rucio of one's own: the real server, and the agent that moves files for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from ruciostand import ENDPOINTS, ROBOT, token_of
from rucioworlds import RealRucioWorld
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.dataservice.datasets import Dataset, RuleState, RuleWish
from pandad.dataservice.ddm import DDMUnavailable, FileName
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.session import Session
from pandad.dataserviceconfig import RucioConfig
from pandad.embedded.issuer import Issuer
from pandad.embedded.pki import SandboxPki
from pandad.embedded.proxies import new_rsa_key
from pandad.embedded.rucio import agent
from pandad.embedded.rucio.agent import Options, Transfer, TransferFailed
from pandad.embedded.rucio.install import RUCIO_VERSION, RucioUnavailable, prepare_rucio
from pandad.embedded.tokens import Signer, claims_of

DISK, TAPE = ENDPOINTS
DIS = Dataset("panda", "panda.42_dis1")
NAMES = [FileName("user.alice", f"events.{number}") for number in range(3)]


def test_an_installation_that_fails_says_why(tmp_path: Path) -> None:
    """The error has the installer's own words; one that was complete is not done again."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RucioUnavailable, match="the virtual environment for Rucio could not be made") as failed:
        prepare_rucio(tmp_path / "file" / "cache")
    assert "file" in failed.value.output
    environment = tmp_path / "cache" / f"rucio-{RUCIO_VERSION}"
    environment.mkdir(parents=True)
    (environment / "complete").touch()
    assert prepare_rucio(tmp_path / "cache") == environment / "bin" / "python"


def source(path: Path, adler32: str) -> dict[str, object]:
    return {"pfns": {f"file://localhost{path}": {}}, "adler32": adler32}


def test_bytes_are_compared(tmp_path: Path) -> None:
    """A copy has the bytes of its source; one whose checksum is not the file's is not left behind."""
    (tmp_path / "source").write_bytes(b"events")
    agent.copy(source(tmp_path / "source", "08eb0296"), tmp_path / "there" / "events")
    assert (tmp_path / "there" / "events").read_bytes() == b"events"
    with pytest.raises(TransferFailed, match="adler32 is 08eb0296 and should be 00000001"):
        agent.copy(source(tmp_path / "source", "00000001"), tmp_path / "there" / "other")
    with pytest.raises(TransferFailed, match="nowhere"):
        agent.copy(None, tmp_path / "there" / "other")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["events"]


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[RealRucioWorld]:
    """The real one, with NAMES at DISK."""
    made = RealRucioWorld(request)
    for name in NAMES:
        made.put(DISK, name, b"events of " + name.lfn.encode())
    yield made
    made.close()


async def rule(world: RealRucioWorld) -> str:
    """NAMES shall be at TAPE."""
    await world.datasets.make(DIS)
    await world.datasets.attach(DIS, NAMES)
    await world.datasets.close(DIS)
    return await world.datasets.add_rule(DIS, RuleWish(TAPE, "Production Input", 3600))


async def moved(world: RealRucioWorld, options: Options) -> dict[str, int]:
    """A round of the agent, in a thread: it blocks."""
    done: dict[str, int] = await world.stand.in_thread(lambda: agent.work(world.stand.admin(), options))
    return done


@pytest.mark.rucio
@ensureDeferred
async def test_the_agent_brings_what_rules_demand(world: RealRucioWorld) -> None:
    """Real bytes get to the other endpoint, and then the rule is complete; a second round has nothing to do."""
    rule_id = await rule(world)
    assert await moved(world, Options()) == {"A": 3, "U": 0}
    (seen,) = await world.datasets.rules([rule_id])
    assert (seen.state, seen.ok) == (RuleState.OK, 3)
    for name in NAMES:
        there = agent.path_of(world.stand.admin(), Transfer(name.scope, name.lfn, TAPE))
        assert there.read_bytes() == b"events of " + name.lfn.encode()
    assert set(await world.ddm.replicas(TAPE, NAMES)) == set(NAMES)
    assert await moved(world, Options()) == {"A": 0, "U": 0}


@pytest.mark.rucio
@ensureDeferred
async def test_the_agent_fails_as_it_is_told_to(world: RealRucioWorld) -> None:
    """Its failures get the rule stuck, as FTS's would; they are tried again when it is told so, and then the file arrives."""
    rule_id = await rule(world)
    assert await moved(world, Options(fail="events.1")) == {"A": 2, "U": 1}
    (stuck,) = await world.datasets.rules([rule_id])
    assert (stuck.state, stuck.ok, stuck.stuck) == (RuleState.STUCK, 2, 1)
    assert set(await world.ddm.replicas(TAPE, NAMES)) == {NAMES[0], NAMES[2]}
    assert await moved(world, Options()) == {"A": 0, "U": 0}
    assert await moved(world, Options(retry_stuck=True)) == {"A": 1, "U": 0}
    assert set(await world.ddm.replicas(TAPE, NAMES)) == set(NAMES)


@pytest.mark.rucio
@ensureDeferred
async def test_a_file_that_rotted(world: RealRucioWorld) -> None:
    """Bytes that are not what the catalogue says do not arrive."""
    await rule(world)
    agent.path_of(world.stand.admin(), Transfer(NAMES[0].scope, NAMES[0].lfn, DISK)).write_bytes(b"something else")
    assert await moved(world, Options()) == {"A": 2, "U": 1}
    assert not agent.path_of(world.stand.admin(), Transfer(NAMES[0].scope, NAMES[0].lfn, TAPE)).exists()


@pytest.mark.rucio
@ensureDeferred
async def test_the_agent_as_a_program(world: RealRucioWorld) -> None:
    """It does its work from a command line of its own."""
    rule_id = await rule(world)
    stand = world.stand
    who = [stand.url, stand.account, stand.user, str(stand.password_file)]
    command = [sys.executable, "-m", "pandad.embedded.rucio.agent", *who, "--once"]
    await stand.in_thread(lambda: subprocess.run(command, check=True, timeout=60))
    (seen,) = await world.datasets.rules([rule_id])
    assert seen.state is RuleState.OK


@pytest.mark.rucio
@ensureDeferred
async def test_who_is_known_by_a_proxy(world: RealRucioWorld, pki: SandboxPki) -> None:
    """Behind https the owner of the account gets in with a proxy, and nobody else does."""
    url = await world.stand.start_tls(pki.host_certificate, pki.host_key, pki.ca_file)

    async def seen_by(name: str) -> tuple[Sequence[str], str]:
        session = Session(reactor, RucioConfig(
            url=url, ca=pki.ca_directory, account=world.stand.account, auth_type="x509_proxy",
            proxy_file=pki.directory / f"{name}.proxy"), lambda: 0.0)
        try:
            ddm = RucioDDM(session)
            await ddm.run_once()
            return sorted(ddm.endpoints()), ddm.complaint() or ""
        finally:
            await session.close()

    assert await seen_by("prod") == (sorted(ENDPOINTS), "")
    seen, complaint = await seen_by("alice")
    assert not seen and "Rucio refuses the x509_proxy of the account root" in complaint


@pytest.mark.rucio
@ensureDeferred
async def test_who_is_known_by_a_token(world: RealRucioWorld, issuer: Issuer, tmp_path: Path) -> None:
    """The owner of the account gets in with a token of the issuer, also when his first calls come together, each of which Rucio
    would enter the new token for; nobody else does, nor with another issuer's key, another audience, or without the scopes."""
    async def seen_by(token: str) -> tuple[Sequence[str], str]:
        (tmp_path / "token").write_text(token)
        session = Session(reactor, RucioConfig(
            url=world.stand.url, account=world.stand.account, auth_type="oidc", token_file=tmp_path / "token"), time.time)
        try:
            ddm = RucioDDM(session)
            await gatherResults([Deferred.fromCoroutine(ddm.run_once()) for _ in range(6)])
            return sorted(ddm.endpoints()), ddm.complaint() or ""
        finally:
            await session.close()

    assert await seen_by(token_of(issuer)) == (sorted(ENDPOINTS), "")
    claims = {**claims_of(ROBOT, issuer.url, "rucio", time.time(), 600), "scope": "openid profile"}
    for bad in (Signer(new_rsa_key()).sign(claims), token_of(issuer, "alice"), token_of(issuer, aud="panda"),
                token_of(issuer, scope="openid"), token_of(issuer, iss="http://nobody.example.org")):
        seen, complaint = await seen_by(bad)
        assert not seen and "the token of the account root is refused" in complaint


@pytest.mark.rucio
@ensureDeferred
async def test_killed_and_started_again(world: RealRucioWorld) -> None:
    """The server comes back at the same address with all it knew; the client says that it is away meanwhile, and then goes on."""
    rule_id, address = await rule(world), world.stand.url
    await world.stand.stop(signal.SIGKILL)
    for _ in range(3):
        with pytest.raises(DDMUnavailable):
            await world.ddm.replicas(DISK, NAMES)
    assert world.ddm.complaint() is not None
    await world.stand.start()
    assert world.stand.url == address
    world.clock.advance(60)
    assert set(await world.ddm.replicas(DISK, NAMES)) == set(NAMES)
    assert [r.id for r in await world.datasets.rules_of(DIS)] == [rule_id]
    assert world.ddm.complaint() is None
