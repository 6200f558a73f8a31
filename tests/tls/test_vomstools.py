"""The programs that users of VOMS have: pandad takes what they make, and they take what the sandbox makes."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from cryptography import x509

from pandad.api.x509.gridcert import identify, read
from pandad.api.x509.revocation import Trust
from pandad.api.x509.signingpolicy import read_policies
from pandad.api.x509.voms import Voms
from pandad.api.x509.vomsdir import read_vomsdir
from pandad.embedded.pki import BASE, SANDBOX_USERS, SANDBOX_VO, SandboxPki, make_sandbox_pki
from pandad.embedded.proxies import pem_of, write_private
from pandad.embedded.voms import VomsServer, make_sandbox_voms

PATIENCE_S = 60

pytestmark = pytest.mark.skipif(
    which("voms-proxy-fake") is None or which("voms-proxy-info") is None,
    reason="there are no VOMS programs here: apt-get install voms-clients")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> SandboxPki:
    """With its VOMS server."""
    pki = make_sandbox_pki(tmp_path_factory.mktemp("tools"))
    make_sandbox_voms(pki, datetime.now(UTC))
    return pki


def run(pki: SandboxPki, *command: str | Path) -> str:
    """What it prints; it must succeed."""
    environment = {"PATH": "/usr/bin:/bin", "X509_CERT_DIR": str(pki.ca_directory), "X509_VOMS_DIR": str(pki.vomsdir)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fake(pki: SandboxPki, out: Path, *fqans: str) -> None:
    """A proxy of alice's, made by voms-proxy-fake with the key of a server of `atlas`."""
    credential = pki.authority.issue_user(f"{BASE}/OU=Hosts/CN=voms atlas", datetime.now(UTC))
    server = VomsServer("atlas", "voms.example.org", credential)
    server.install(pki.vomsdir)
    files = {"cert": pem_of(pki.users["alice"].certificate), "key": pem_of(pki.users["alice"].key),
             "hostcert": pem_of(server.credential.certificate), "hostkey": pem_of(server.credential.key)}
    for name, pem in files.items():
        write_private(out.with_suffix(f".{name}"), pem)
    given = [word for name in files for word in (f"-{name}", out.with_suffix(f".{name}"))]
    named = [word for fqan in fqans for word in ("-fqan", fqan)]
    run(pki, "voms-proxy-fake", "-rfc", *given, "-certdir", pki.ca_directory, "-voms", "atlas", "-uri", "voms.example.org:15001",
        *named, "-ga", "nickname=alicia (atlas)", "-hours", "10", "-out", out)


def test_fake_proxies_are_taken(sandbox: SandboxPki, tmp_path: Path) -> None:
    """Groups, roles and nickname of a proxy of voms-proxy-fake's are what it was told, and its user is who he is."""
    fake(sandbox, tmp_path / "proxy", "/atlas/Role=production/Capability=NULL", "/atlas/phys-higgs/Role=NULL/Capability=NULL")
    shown = [read(link) for link in x509.load_pem_x509_certificates((tmp_path / "proxy").read_bytes())]
    peer = identify([*shown, read(sandbox.authority.certificate)])
    trust = Trust.of(sandbox.ca_directory, read_policies(sandbox.ca_directory), False)
    voms = Voms(read_vomsdir(sandbox.vomsdir), trust, [], lambda: datetime.now(UTC))
    assert peer.attributes is not None
    attributes = voms.attributes(peer.attributes, peer.end_entity)
    assert peer.dn == SANDBOX_USERS["alice"]
    assert attributes.vo == "atlas"
    assert attributes.fqans == ("/atlas/Role=production", "/atlas/phys-higgs")
    assert attributes.nickname == "alicia"


@pytest.mark.parametrize("user", SANDBOX_USERS)
def test_the_sandbox_s_proxies_are_taken(sandbox: SandboxPki, user: str) -> None:
    """voms-proxy-info believes the proxies of the sandbox, attributes included."""
    said = run(sandbox, "voms-proxy-info", "-all", "-file", sandbox.voms_proxy(user))
    assert f"VO        : {SANDBOX_VO}" in said
    assert f"attribute : nickname = {user} ({SANDBOX_VO})" in said
    assert "RFC compliant proxy" in said
