"""The certificate authority to play with: what it makes is what grid clients expect, and is kept as long as
it lasts."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pandad.embedded.pki import (
    SANDBOX_USERS,
    Authority,
    SandboxPki,
    dn_of,
    make_sandbox_pki,
    name_of,
)
from pandad.embedded.proxies import PROXY_CERT_INFO, make_proxy

NOW = datetime.now(UTC)


def contents(directory: Path, pattern: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob(pattern)}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("/DC=org/DC=elsewhere/CN=Another CA", NOW)


def test_clients_can_load_every_credential(pki: SandboxPki) -> None:
    """Each user's proxy and certificate file is a certificate with its key, closed to others."""
    for user in SANDBOX_USERS:
        for file in (pki.proxy(user), pki.credential(user)):
            ssl.create_default_context().load_cert_chain(file)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_ca_directory_is_found_by_hash(pki: SandboxPki) -> None:
    """The directory holds certificate, CRL and signing policy under the hash that OpenSSL looks for."""
    new_hash = pki.authority.hashes()[0]
    context = ssl.create_default_context(capath=str(pki.ca_directory))
    assert context.verify_mode is ssl.CERT_REQUIRED
    for kind in ("0", "r0", "signing_policy"):
        assert (pki.ca_directory / f"{new_hash}.{kind}").exists()


def test_host_certificate_names(pki: SandboxPki) -> None:
    """The host certificate is good for every way to name this machine on the loopback."""
    certificate = x509.load_pem_x509_certificate(pki.host_certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}


def test_numeric_cn_survives(pki: SandboxPki) -> None:
    """A user's DN keeps its numeric CN, and the proxy adds one more."""
    proxy, user = x509.load_pem_x509_certificates(pki.proxy("alice").read_bytes())
    assert dn_of(user.subject) == SANDBOX_USERS["alice"]
    assert dn_of(proxy.issuer) == SANDBOX_USERS["alice"]
    assert len(proxy.subject.rdns) == len(user.subject.rdns) + 1
    assert proxy.extensions.get_extension_for_oid(PROXY_CERT_INFO).critical


def test_kept_until_it_ends(tmp_path: Path) -> None:
    """Made again, everything stays but the proxies; when certificates near their end they are replaced
    too."""
    make_sandbox_pki(tmp_path, NOW)
    made = contents(tmp_path, "*.*")
    make_sandbox_pki(tmp_path, NOW + timedelta(days=1))
    kept = contents(tmp_path, "*.*")
    assert {name for name in made if made[name] != kept[name]} == {f"{user}.proxy" for user in SANDBOX_USERS}
    make_sandbox_pki(tmp_path, NOW + timedelta(days=380))
    renewed = contents(tmp_path, "*.*")
    assert {name for name in made if made[name] == renewed[name]} == {"ca.pem", "ca.key"}


def test_proxy_of_proxy(authority: Authority) -> None:
    """Proxies chain to any depth; each carries the whole way back to the user, and none outlives its
    issuer."""
    user = authority.issue_user("/DC=org/DC=elsewhere/CN=carol", NOW, timedelta(hours=1))
    proxy = user
    for _ in range(3):
        proxy = make_proxy(proxy, NOW, lifetime=timedelta(days=1))
    assert len(proxy.chain) == 3
    assert proxy.chain[-1] == user.certificate
    assert proxy.certificate.not_valid_after_utc == user.certificate.not_valid_after_utc


@pytest.mark.parametrize("dn", ["/DC=org/CN=a", "/C=CH/O=x y/CN=host/a.b.c", "/DC=org/CN=1234/CN=Jo: Doé"])
def test_names_round_trip(dn: str) -> None:
    """A DN in slash form becomes a name and the same DN again."""
    assert dn_of(name_of(dn)) == dn
