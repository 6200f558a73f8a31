"""A VOMS server to play with: attribute certificates as real ones make them, and what a site needs to believe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import cms, core
from asn1crypto import x509 as asn1x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pandad.embedded.pki import BASE, SANDBOX_PROXY_LIFETIME, SANDBOX_VO, SandboxPki, dn_of
from pandad.embedded.proxies import CLOCK_SKEW, Credential, make_proxy, write_private

FQANS = "1.3.6.1.4.1.8005.100.100.4"
CERTIFICATES = "1.3.6.1.4.1.8005.100.100.10"
GENERIC_ATTRIBUTES = "1.3.6.1.4.1.8005.100.100.11"
NO_REVOCATION_AVAILABLE = "2.5.29.56"
AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"

SANDBOX_FQANS: Mapping[str, Sequence[str]] = {
    "alice": (f"/{SANDBOX_VO}",),
    "bob": (f"/{SANDBOX_VO}",),
    "pilot": (f"/{SANDBOX_VO}/Role=pilot", f"/{SANDBOX_VO}"),
    "prod": (f"/{SANDBOX_VO}/Role=production", f"/{SANDBOX_VO}"),
}

Change = Callable[[Any], None]


@dataclass(frozen=True)
class VomsServer:
    """A server that may vouch for a VO. ``credential``: its own."""

    vo: str
    host: str
    credential: Credential
    port: int = 15000

    @property
    def uri(self) -> str:
        """As attribute certificates name it."""
        return f"{self.vo}://{self.host}:{self.port}"

    def install(self, vomsdir: Path) -> None:
        """Have those who use this folder believe it."""
        folder = vomsdir / self.vo
        folder.mkdir(parents=True, exist_ok=True)
        links = (self.credential.certificate, *self.credential.chain)
        text = "".join(f"{dn_of(link.subject)}\n{dn_of(link.issuer)}\n" for link in links)
        write_private(folder / f"{self.host}.lsc", text.encode(), 0o644)

    def attribute_certificate(
        self, holder: x509.Certificate, now: datetime, *, fqans: Sequence[str], nickname: str = "",
        lifetime: timedelta = timedelta(hours=12), change: Change = lambda info: None,
    ) -> bytes:
        """One for the user with that certificate, DER.

        :param fqans: short; what VOMS adds (`/Role=NULL`) is added. :param change: spoils what is to be signed, for tests.
        """
        ends = now + lifetime
        info = cms.AttributeCertificateInfoV2({
            "version": "v2",
            "holder": {"base_certificate_id": {"issuer": [_directory(holder.issuer)], "serial": holder.serial_number}},
            "issuer": cms.AttCertIssuer("v2_form", {"issuer_name": [_directory(self.credential.certificate.subject)]}),
            "signature": self._algorithm(),
            "serial_number": x509.random_serial_number() >> 8,
            "att_cert_validity_period": {
                "not_before_time": min(now, ends).replace(microsecond=0) - CLOCK_SKEW,
                "not_after_time": ends.replace(microsecond=0)},
            "attributes": [{"type": FQANS, "values": [self._authority(fqans)]}],
            "extensions": self._extensions(nickname),
        })
        change(info)
        return self.sign(info)

    def sign(self, info: cms.AttributeCertificateInfoV2) -> bytes:
        """The whole of it, DER."""
        signed = info.dump()
        return bytes(cms.AttributeCertificateV2({
            "ac_info": cms.AttributeCertificateInfoV2.load(signed),
            "signature_algorithm": self._algorithm(),
            "signature": self._signature(signed),
        }).dump())

    def _algorithm(self) -> dict[str, str]:
        return {"algorithm": "sha256_rsa" if isinstance(self.credential.key, rsa.RSAPrivateKey) else "sha256_ecdsa"}

    def _signature(self, signed: bytes) -> bytes:
        key = self.credential.key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return key.sign(signed, ec.ECDSA(hashes.SHA256()))

    def _authority(self, fqans: Sequence[str]) -> core.Any:
        return core.Any(cms.IetfAttrSyntax({
            "policy_authority": [uri(self.uri)],
            "values": [cms.IetfAttrValue("octets", long_form(fqan).encode()) for fqan in fqans],
        }))

    def _extensions(self, nickname: str) -> list[asn1x509.Extension]:
        links = b"".join(link.public_bytes(Encoding.DER) for link in (self.credential.certificate, *self.credential.chain))
        public_key = asn1x509.Certificate.load(self.credential.certificate.public_bytes(Encoding.DER)).public_key
        key_identifier = asn1x509.AuthorityKeyIdentifier({"key_identifier": public_key.sha1}).dump()
        extensions = [
            extension(CERTIFICATES, sequence(sequence(links))),
            extension(NO_REVOCATION_AVAILABLE, core.Null().dump()),
            extension(AUTHORITY_KEY_IDENTIFIER, key_identifier),
        ]
        return [extension(GENERIC_ATTRIBUTES, self._generic(nickname)), *extensions] if nickname else extensions

    def _generic(self, nickname: str) -> bytes:
        named = b"".join(core.OctetString(text.encode()).dump() for text in ("nickname", nickname, self.vo))
        grantor = asn1x509.GeneralNames([uri(self.uri)]).dump()
        return sequence(sequence(sequence(grantor + sequence(sequence(named)))))


class _Uri(asn1x509.URI):  # type: ignore[misc]
    """One as it is: asn1crypto rewrites those that it does not know."""

    def set(self, value: str) -> None:
        self._unicode, self.contents, self._header = value, value.encode("ascii"), None


def uri(text: str) -> asn1x509.GeneralName:
    """A name that is an address."""
    return asn1x509.GeneralName("uniform_resource_identifier", _Uri(text))


def extension(kind: str, value: bytes, critical: bool = False) -> asn1x509.Extension:
    """One of an attribute certificate."""
    flag = core.Boolean(True).dump() if critical else b""
    return asn1x509.Extension.load(sequence(core.ObjectIdentifier(kind).dump() + flag + core.OctetString(value).dump()))


def sequence(content: bytes) -> bytes:
    """A DER SEQUENCE of what is encoded already."""
    made = core.Sequence()
    made.contents = content
    return bytes(made.dump())


def long_form(fqan: str) -> str:
    """As VOMS servers write it."""
    with_role = fqan if "/Role=" in fqan else f"{fqan}/Role=NULL"
    return with_role if "/Capability=" in with_role else f"{with_role}/Capability=NULL"


def in_extension(*attribute_certificates: bytes) -> bytes:
    """The content of a proxy's VOMS extension."""
    return sequence(sequence(b"".join(attribute_certificates)))


def make_sandbox_voms(pki: SandboxPki, now: datetime) -> None:
    """A server for SANDBOX_VO that the sandbox believes, and for each user a proxy (`.vproxy`) with what it says of him."""
    # RSA: libvomsapi, which voms-proxy-info goes by, takes whatever an elliptic curve key seems to have signed.
    server = VomsServer(SANDBOX_VO, "localhost", pki.authority.issue_user(f"{BASE}/OU=Hosts/CN=voms", now))
    server.install(pki.vomsdir)
    for name, user in pki.users.items():
        made = server.attribute_certificate(
            user.certificate, now, fqans=SANDBOX_FQANS[name], nickname=name, lifetime=SANDBOX_PROXY_LIFETIME)
        make_proxy(user, now, lifetime=SANDBOX_PROXY_LIFETIME, attributes=in_extension(made)).write(pki.voms_proxy(name))


def _directory(name: x509.Name) -> asn1x509.GeneralName:
    return asn1x509.GeneralName("directory_name", asn1x509.Name.load(name.public_bytes()))
