"""The folder of VOMS servers, and the certificates of those servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pandad.api.x509.refusal import AttributesRefused, Refusal
from pandad.api.x509.revocation import ChainRefused, Trust
from pandad.api.x509.signingpolicy import read_policies
from pandad.api.x509.vomsdir import fits, read_lsc, read_vomsdir
from pandad.embedded.pki import BASE, SandboxPki, make_sandbox_pki
from pandad.embedded.proxies import pem_of
from pandad.embedded.voms import CERTIFICATES, VomsServer

from .badattributes import Makers, extended
from .test_voms import voms_of

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
HOST, CA, ROOT = "/DC=ch/CN=voms.example.org", "/DC=ch/CN=Example CA", "/DC=ch/CN=Example root"


@pytest.mark.parametrize(("text", "chains"), [
    (f"{HOST}\n{CA}\n", [[(HOST, CA)]]),
    (f"\n  {HOST}  \n\n{CA}", [[(HOST, CA)]]),
    (f'"{HOST}"\n"{CA}"\n', [[(HOST, CA)]]),
    (f"{HOST}\n{CA}\n{CA}\n{ROOT}\n", [[(HOST, CA), (CA, ROOT)]]),
    (f"{HOST}\n{CA}\n------ NEXT CHAIN ------\n{HOST}\n{ROOT}\n", [[(HOST, CA)], [(HOST, ROOT)]]),
    (f"{HOST}\n", []),
    (f"{HOST}\n{CA}\n{ROOT}\n", []),
    ("", []),
])
def test_lsc(text: str, chains: list[list[tuple[str, str]]]) -> None:
    """Pairs of names, several chains; half a pair is none."""
    assert read_lsc(text) == chains


@pytest.mark.parametrize(("shown", "good"), [
    ([(HOST, CA)], True), ([(HOST, CA), (CA, ROOT)], True), ([(HOST, CA), (CA, ROOT), (ROOT, ROOT)], False), ([], False),
    ([(HOST, ROOT)], False), ([(CA, ROOT)], False), ([(HOST.lower(), CA)], False), ([(HOST + "/CN=1", CA)], False)])
def test_fits(shown: list[tuple[str, str]], good: bool) -> None:
    """What came along must be the beginning of what is expected, and not nothing."""
    assert fits([(HOST, CA), (CA, ROOT)], shown) is good


def test_names_of_old(tmp_path: Path) -> None:
    """Two kinds of attributes are written in several ways, and are the same."""
    assert fits([("/CN=a/Email=x@y", "/CN=b/USERID=c")], [("/CN=a/emailAddress=x@y", "/CN=b/UID=c")])
    assert not fits([("/CN=a/Email=x@y", "/CN=b")], [("/CN=a/emailAddress=X@y", "/CN=b")])


def test_folders(tmp_path: Path) -> None:
    """A folder is a VO; other files, and what cannot be read, are nothing."""
    (tmp_path / "atlas").mkdir()
    (tmp_path / "atlas" / "voms.example.org.lsc").write_text(f"{HOST}\n{CA}\n")
    (tmp_path / "atlas" / "old.pem").write_text("no certificate")
    (tmp_path / "atlas" / "README").write_text(HOST)
    (tmp_path / "atlas" / "folder.lsc").mkdir()
    (tmp_path / "stray.lsc").write_text(f"{HOST}\n{CA}\n")
    vos = read_vomsdir(tmp_path)
    assert set(vos) == {"atlas"}
    assert vos["atlas"].chains["voms.example.org"] == [[(HOST, CA)]]
    assert vos["atlas"].certificates == []
    assert read_vomsdir(tmp_path / "nowhere") == read_vomsdir(None) == {}


@pytest.fixture
def makers(tmp_path: Path) -> Makers:
    """Alice and a server of her VO that is known nowhere yet."""
    pki = make_sandbox_pki(tmp_path, NOW)
    server = VomsServer("pandad", "localhost", pki.authority.issue_user(f"{BASE}/OU=Hosts/CN=voms", NOW))
    return Makers(pki, server, server, NOW)


def test_certificate_instead_of_names(makers: Makers) -> None:
    """A server may be known by its certificate: then its attributes need not bring it."""
    folder = makers.pki.vomsdir / "pandad"
    folder.mkdir(parents=True)
    (folder / "server.pem").write_bytes(pem_of(makers.server.credential.certificate))
    made = extended(CERTIFICATES, None)(makers)
    holder = makers.alice.public_bytes(Encoding.DER)
    assert voms_of(makers.pki).attributes(made, holder).fqans == ("/pandad",)
    (folder / "server.pem").write_bytes(pem_of(makers.pki.users["bob"].certificate))
    with pytest.raises(AttributesRefused, match="not known here"):
        voms_of(makers.pki).attributes(made, holder)


def trust_of(pki: SandboxPki, lenient: bool = False) -> Trust:
    return Trust.of(pki.ca_directory, read_policies(pki.ca_directory), lenient)


def refused(pki: SandboxPki, makers: Makers, lenient: bool = False) -> Refusal | None:
    try:
        trust_of(pki, lenient).check(makers.server.credential.certificate, (), NOW)
    except ChainRefused as error:
        return error.reason
    return None


def test_servers_are_held_to_the_same_rules(makers: Makers) -> None:
    """Revocation, lists that have ended or are forged, no list, the signing policy: as for those who connect."""
    pki = makers.pki
    authority, server = pki.authority, makers.server.credential.certificate

    def lists(*revoked: object, lifetime: timedelta = 100 * HOUR) -> None:
        authority.install_revocations(pki.ca_directory, authority.revocation_list(NOW, revoked, lifetime))  # type: ignore[arg-type]

    assert refused(pki, makers) is None
    lists(server)
    assert refused(pki, makers) is Refusal.REVOKED
    lists(lifetime=-HOUR)
    assert refused(pki, makers) is Refusal.CRL_EXPIRED
    assert refused(pki, makers, lenient=True) is None
    lists(server, lifetime=-HOUR)
    assert refused(pki, makers, lenient=True) is Refusal.REVOKED
    forged = type(authority)(pki.users["bob"].key, authority.certificate).revocation_list(NOW)
    authority.install_revocations(pki.ca_directory, forged)
    assert refused(pki, makers) is Refusal.CRL_UNUSABLE
    for file in pki.ca_directory.glob("*.r0"):
        file.unlink()
    assert refused(pki, makers) is None
    authority.install(pki.ca_directory, signs="/DC=com/*")
    assert refused(pki, makers) is Refusal.SIGNING_POLICY
