"""A certificate authority to play with: for the sandbox and the tests, never for a site.

Files as grid software expects them: a directory with the authority's certificate under the hash of its name
(``<hash>.0``), the names it may sign (``<hash>.signing_policy``) and what it has revoked (``<hash>.r0``),
each under both of OpenSSL's hashes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from pandad.embedded.proxies import (
    CLOCK_SKEW,
    Credential,
    PrivateKey,
    key_usage,
    make_proxy,
    new_rsa_key,
    pem_of,
    write_private,
)

BASE = "/DC=org/DC=pandad"
SANDBOX_CA = f"{BASE}/CN=pandad sandbox CA"
SANDBOX_VO = "sandbox"  # of proxies and of tokens
SANDBOX_USERS: Mapping[str, str] = {
    "alice": f"{BASE}/OU=Users/CN=alice/CN=12345/CN=Alice Example",
    "bob": f"{BASE}/OU=Users/CN=bob/CN=23456/CN=Bob Example",
    "pilot": f"{BASE}/OU=Users/CN=pilot/CN=34567/CN=Robot: pandad pilot",
    "prod": f"{BASE}/OU=Users/CN=prod/CN=45678/CN=Robot: pandad production",
}
"""Numbers among the CNs as CERN has them: software that takes a numeric CN for a proxy's must be found
out."""

CA_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=395)
SANDBOX_PROXY_LIFETIME = timedelta(days=30)
RENEW_BEFORE = timedelta(days=40)
"""A credential that ends sooner is made anew; longer than a sandbox proxy lives, so that none outlives its
user."""

ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}


@dataclass(frozen=True)
class SandboxPki:
    """What `make_sandbox_pki` made: where things are, and the credentials themselves for tests that need
    more."""

    directory: Path
    authority: Authority
    users: Mapping[str, Credential]
    """By short name (alice, bob, pilot, prod): the certificates, not the proxies."""

    @property
    def ca_directory(self) -> Path:
        return self.directory / "certificates"

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def host_certificate(self) -> Path:
        return self.directory / "hostcert.pem"

    @property
    def host_key(self) -> Path:
        return self.directory / "hostkey.pem"

    def proxy(self, user: str) -> Path:
        return self.directory / f"{user}.proxy"

    @property
    def vomsdir(self) -> Path:
        return self.directory / "vomsdir"

    def voms_proxy(self, user: str) -> Path:
        return self.directory / f"{user}.vproxy"

    def token(self, user: str) -> Path:
        """Written by the sandbox' issuer."""
        return self.directory / f"{user}.token"

    def credential(self, user: str) -> Path:
        return self.directory / f"{user}.cred"


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its key and its self-signed certificate."""

    key: PrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, dn: str, now: datetime) -> Authority:
        """A new authority of that name (slash form), valid for CA_LIFETIME."""
        key, name = new_rsa_key(), name_of(dn)
        builder = (
            _certificate(name, name, key, now, CA_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    def issue_user(self, dn: str, now: datetime, lifetime: timedelta = LIFETIME) -> Credential:
        return self._issue(new_rsa_key(), dn, now, lifetime, [ExtendedKeyUsageOID.CLIENT_AUTH])

    def issue_host(self, names: Iterable[str], now: datetime, lifetime: timedelta = LIFETIME) -> Credential:
        """For the DNS names and addresses `names`, the first of which becomes the CN. The key is ECDSA P-256:
        a third cheaper per handshake than RSA."""
        names = list(names)
        alternative = x509.SubjectAlternativeName([_general_name(name) for name in names])
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        dn = f"{BASE}/OU=Hosts/CN={names[0]}"
        return self._issue(ec.generate_private_key(ec.SECP256R1()), dn, now, lifetime, usages, alternative)

    def _issue(
        self,
        key: PrivateKey,
        dn: str,
        now: datetime,
        lifetime: timedelta,
        usages: list[x509.ObjectIdentifier],
        alternative: x509.SubjectAlternativeName | None = None,
    ) -> Credential:
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            _certificate(name_of(dn), self.certificate.subject, key, now, lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(digital_signature=True, key_encipherment=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(issuer_key, critical=False)
        )
        if alternative is not None:
            builder = builder.add_extension(alternative, critical=False)
        return Credential(key, builder.sign(self.key, hashes.SHA256()))

    def revocation_list(
        self, now: datetime, revoked: Iterable[x509.Certificate] = (), lifetime: timedelta = LIFETIME
    ) -> x509.CertificateRevocationList:
        """A revocation list of these certificates, good for `lifetime`."""
        ends = now + lifetime
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(min(now, ends) - CLOCK_SKEW)
            .next_update(ends)
            .add_extension(issuer_key, critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for certificate in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - CLOCK_SKEW).build())
        return builder.sign(self.key, hashes.SHA256())

    def install(self, ca_directory: Path, signs: str = f"{BASE}/*") -> None:
        """Make clients and servers that use `ca_directory` trust this authority for the names matching
        `signs`."""
        ca_directory.mkdir(exist_ok=True)
        policy = (
            f"access_id_CA    X509    '{dn_of(self.certificate.subject)}'\n"
            "pos_rights      globus  CA:sign\n"
            f"cond_subjects   globus  '\"{signs}\"'\n"
        )
        for name in self.hashes():
            write_private(ca_directory / f"{name}.0", pem_of(self.certificate), 0o644)
            write_private(ca_directory / f"{name}.signing_policy", policy.encode(), 0o644)

    def install_revocations(self, ca_directory: Path, crl: x509.CertificateRevocationList) -> None:
        for name in self.hashes():
            write_private(ca_directory / f"{name}.r0", pem_of(crl), 0o644)

    def hashes(self) -> tuple[str, str]:
        """OpenSSL's hash of the name and the one it used before 1.0, which some grid software still looks
        for."""
        old = hashlib.md5(self.certificate.subject.public_bytes(), usedforsecurity=False).digest()
        new = crypto.X509.from_cryptography(self.certificate).subject_name_hash()
        return f"{new:08x}", f"{int.from_bytes(old[:4], 'little'):08x}"


def make_sandbox_pki(directory: Path, now: datetime | None = None) -> SandboxPki:
    """An authority, a host certificate, and for each of SANDBOX_USERS a certificate and a proxy, below
    `directory`.

    What exists and lasts is kept; the proxies are new each time. Some 0.1 s per key that has to be made."""
    now = now or datetime.now(UTC)
    directory.mkdir(mode=0o755, exist_ok=True)
    authority = _kept_authority(directory, now) or _new_authority(directory, now)
    users = {name: _user(directory, authority, name, now) for name in SANDBOX_USERS}
    pki = SandboxPki(directory, authority, users)
    _ensure_host(pki, now)
    for name, user in users.items():
        make_proxy(user, now, lifetime=SANDBOX_PROXY_LIFETIME).write(pki.proxy(name))
    return pki


def _new_authority(directory: Path, now: datetime) -> Authority:
    """Whatever an earlier authority has signed is worthless now, and goes."""
    for stale in (*directory.glob("*.cred"), *directory.glob("host*.pem"), *directory.glob("certificates/*")):
        stale.unlink()
    authority = Authority.create(SANDBOX_CA, now)
    authority.install(directory / "certificates")
    authority.install_revocations(
        directory / "certificates", authority.revocation_list(now, lifetime=CA_LIFETIME)
    )
    write_private(directory / "ca.key", pem_of(authority.key))
    write_private(directory / "ca.pem", pem_of(authority.certificate), 0o644)
    return authority


def _kept_authority(directory: Path, now: datetime) -> Authority | None:
    try:
        certificate = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())
        key = _load_key((directory / "ca.key").read_bytes())
    except FileNotFoundError:
        return None
    # Nothing that this authority signs may end after it.
    return Authority(key, certificate) if _lasts(certificate, now + LIFETIME) else None


def _user(directory: Path, authority: Authority, name: str, now: datetime) -> Credential:
    file = directory / f"{name}.cred"
    if file.exists():
        content = file.read_bytes()
        kept = Credential(_load_key(content), x509.load_pem_x509_certificate(content))
        if _lasts(kept.certificate, now):
            return kept
    made = authority.issue_user(SANDBOX_USERS[name], now)
    made.write(file)
    return made


def _ensure_host(pki: SandboxPki, now: datetime) -> None:
    names = list(dict.fromkeys(["localhost", socket.gethostname(), "127.0.0.1", "::1"]))
    if pki.host_certificate.exists() and pki.host_key.exists():
        kept = x509.load_pem_x509_certificate(pki.host_certificate.read_bytes())
        covered = kept.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if _lasts(kept, now) and set(covered) == {_general_name(name) for name in names}:
            return
    host = pki.authority.issue_host(names, now)
    write_private(pki.host_key, pem_of(host.key))
    write_private(pki.host_certificate, pem_of(host.certificate), 0o644)


def _lasts(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc > now + RENEW_BEFORE


def _load_key(pem: bytes) -> PrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    return key


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    ends = now + lifetime
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, ends) - CLOCK_SKEW)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def name_of(dn: str) -> x509.Name:
    """The name whose slash form is `dn`. A slash belongs to a value unless ``X=`` follows, as in
    ``CN=host/a.b``."""
    parts = (part.split("=", 1) for part in re.split(r"/(?=[A-Z]+=)", dn)[1:])
    return x509.Name([x509.NameAttribute(ATTRIBUTES[kind], value) for kind, value in parts])


def dn_of(name: x509.Name) -> str:
    """The slash form of a name made by `name_of`."""
    kinds = {oid: kind for kind, oid in ATTRIBUTES.items()}
    return "".join(f"/{kinds[attribute.oid]}={attribute.value!s}" for attribute in name)
