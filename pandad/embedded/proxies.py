"""RFC 3820 proxy certificates, made to order: also the ones that a server has to refuse."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

PROXY_CERT_INFO = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")
"""RFC 3820, section 3.8."""
INHERIT_ALL = "1.3.6.1.5.5.7.21.1"
"""id-ppl-inheritAll: an ordinary proxy (RFC 3820, section 3.8.2)."""
INDEPENDENT = "1.3.6.1.5.5.7.21.2"
"""id-ppl-independent: carries none of the rights of the user who signed it."""
LIMITED = "1.3.6.1.4.1.3536.1.1.1.9"
"""Globus' limited proxy: may move files, may not start jobs."""

VOMS_ATTRIBUTES = x509.ObjectIdentifier("1.3.6.1.4.1.8005.100.100.5")

CLOCK_SKEW = timedelta(minutes=5)
RSA_BITS = 2048
SEQUENCE, INTEGER, OBJECT_IDENTIFIER = 0x30, 0x02, 0x06


@dataclass(frozen=True)
class Credential:
    """A certificate, its key, and the certificates that lead from it to its authority, the authority's left
    out."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    def pem(self) -> bytes:
        """Certificate, key, chain: the order of a proxy file, which every grid client and OpenSSL's reads."""
        links = b"".join(pem_of(link) for link in self.chain)
        return pem_of(self.certificate) + pem_of(self.key) + links

    def write(self, path: Path) -> None:
        """Grid clients refuse a proxy that others may read, and one that is being replaced must never be half
        there."""
        write_private(path, self.pem())


def new_rsa_key() -> rsa.RSAPrivateKey:
    """About 0.1 s. RSA is what the oldest grid clients still in use have in common."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def pem_of(thing: x509.Certificate | x509.CertificateRevocationList | PrivateKey) -> bytes:
    """Certificate, revocation list or unencrypted key as PEM."""
    if isinstance(thing, (x509.Certificate, x509.CertificateRevocationList)):
        return thing.public_bytes(serialization.Encoding.PEM)
    return thing.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that nobody else can read, not even for a moment, unless `mode` says so."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    unfinished.rename(path)


def make_proxy(
    issuer: Credential,
    now: datetime,
    *,
    lifetime: timedelta = timedelta(days=1),
    policy: str | None = INHERIT_ALL,
    further_proxies: int | None = None,
    subject: x509.Name | None = None,
    attributes: bytes | None = None,
    key: PrivateKey | None = None,
) -> Credential:
    """A proxy signed by `issuer`, which may be a proxy itself.

    `policy` is the policy language; None leaves out the extension, as in the proxies of Globus 2.
    `further_proxies` is RFC 3820's pCPathLenConstraint. `subject` overrides the issuer's name plus one CN,
    which makes a forgery. `attributes` is the content of a VOMS extension (voms.py). A negative `lifetime` makes a proxy that
    ended that long ago."""
    key = key or new_rsa_key()
    serial = x509.random_serial_number()
    common_name = "proxy" if policy is None else str(serial % 2**31)
    extended = [*issuer.certificate.subject.rdns, _common_name(common_name)]
    ends = now + lifetime
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or x509.Name(extended))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(min(now, ends) - CLOCK_SKEW)
        .not_valid_after(min(ends, issuer.certificate.not_valid_after_utc))
        .add_extension(key_usage(digital_signature=True, key_encipherment=True), critical=True)
    )
    if policy is not None:
        info = x509.UnrecognizedExtension(PROXY_CERT_INFO, _proxy_cert_info(policy, further_proxies))
        builder = builder.add_extension(info, critical=True)
    if attributes is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(VOMS_ATTRIBUTES, attributes), critical=False)
    certificate = builder.sign(issuer.key, hashes.SHA256())
    return Credential(key, certificate, (issuer.certificate, *issuer.chain))


def key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """The KeyUsage extension with just these usages, as critical (RFC 5280 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(value: str) -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, value)])


def _proxy_cert_info(policy: str, further_proxies: int | None) -> bytes:
    """SEQUENCE { pCPathLenConstraint INTEGER OPTIONAL, proxyPolicy SEQUENCE { policyLanguage OBJECT
    IDENTIFIER } }"""
    limit = b"" if further_proxies is None else _der(INTEGER, bytes([further_proxies]))
    return _der(SEQUENCE, limit + _der(SEQUENCE, _der(OBJECT_IDENTIFIER, _oid_content(policy))))


def _der(tag: int, content: bytes) -> bytes:
    """Short form: contents of up to 127 bytes, which these are."""
    return bytes([tag, len(content)]) + content


def _oid_content(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return bytes([40 * first + second]) + b"".join(_base_128(arc) for arc in rest)


def _base_128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | arc & 0x7F)
    return bytes(reversed(digits))
