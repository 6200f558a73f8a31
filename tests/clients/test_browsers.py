"""A person's browser, which shows his certificate whoever's page has it call: over TLS, on the daemon's own port."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from http.client import HTTPSConnection

import pytest

from clients.user import User
from pandad.embedded.sandbox import HOST, QUEUE, Sandbox

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LIMIT_S = 60


def posted(sandbox: Sandbox, path: str, body: str, says: Mapping[str, str]) -> tuple[int, str]:
    """What a browser with alice's certificate gets."""
    context = ssl.create_default_context(capath=str(sandbox.pki.ca_directory))
    context.load_cert_chain(sandbox.pki.directory / "alice.cred")
    link = HTTPSConnection(HOST, sandbox.config.server.tls_port, context=context, timeout=LIMIT_S)
    link.request("POST", path, body, {**FORM, **says})
    answer = link.getresponse()
    said = answer.status, answer.read().decode()
    link.close()
    return said


@pytest.mark.parametrize("says", [
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "https://evil.example.org"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://localhost:1"},
    {"Origin": "https://evil.example.org"},
    {"Origin": "null"},
])
def test_a_form_on_a_foreign_page(sandbox: Sandbox, alice: User, says: dict[str, str]) -> None:
    """It kills no job and stores no secret, in either dialect; the same from a program does."""
    job = {"jobName": "prey", "transformation": "x.sh", "prodSourceLabel": "user", "computingSite": QUEUE}
    ((panda_id, *_),) = alice.data("submit", jobs=[job])
    for path, body, refusal in (("/api/v1/job/kill", f"job_ids={panda_id}", 200),
                                ("/server/panda/set_user_secret", "key=k&value=v", 403)):
        status, said = posted(sandbox, path, body, says)
        assert status == refusal and "a page of another server" in said, said
    assert alice.data("status", ids=[panda_id])[0]["jobStatus"] not in ("cancelled", "closed")
    own = {"Origin": f"https://{HOST}:{sandbox.config.server.tls_port}", "Sec-Fetch-Site": "same-origin"}
    for headers in (own, {}, {"Origin": "sandbox"}):
        assert "a page of another server" not in posted(sandbox, "/api/v1/job/kill", f"job_ids={panda_id}", headers)[1]
    assert alice.data("status", ids=[panda_id])[0]["jobStatus"] in ("cancelled", "closed")
