"""What a chain of grid certificates says about the person at its end. Pure: the chain was verified elsewhere.

A pilot or user shows a proxy certificate (RFC 3820): signed by the user's own certificate or by another
proxy, with the signer's name plus one CN. The person is the first certificate that is no proxy, the *end
entity certificate*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

PROXY_CERT_INFO = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")
"""id-pe-proxyCertInfo, RFC 3820 section 3.8. This extension, and nothing about the name, makes a certificate
a proxy: a last CN that is a number is quite ordinary for a user."""

INHERIT_ALL = bytes.fromhex("2b06010505071501")
"""1.3.6.1.5.5.7.21.1, id-ppl-inheritAll (RFC 3820 section 3.8.2), as the content of a DER object
identifier."""
INDEPENDENT = bytes.fromhex("2b06010505071502")
"""1.3.6.1.5.5.7.21.2, id-ppl-independent: the proxy has none of the rights of the user who signed it."""
LIMITED = bytes.fromhex("2b060104019b5001010109")
"""1.3.6.1.4.1.3536.1.1.1.9, Globus' limited proxy: for moving files, not for starting work."""

INTEGER, OBJECT_IDENTIFIER, SEQUENCE = 0x02, 0x06, 0x30

SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.42": "GN",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
"""OpenSSL's short names, which the lists of DNs in grid software are written in; others appear as dotted
numbers."""


@dataclass(frozen=True)
class PeerIdentity:
    """Who a verified chain stands for. ``dn``, ``anchor``: slash form; ``proxy_depth``: 0 for the certificate itself."""

    dn: str
    """Slash form of the end entity certificate's subject, no CN left out."""
    anchor: str
    """Slash form of the subject of the root that the chain was verified up to. The same `dn` under another
    anchor is another person."""
    limited: bool
    """True if any proxy of the chain is a limited one."""
    proxy_depth: int
    """Number of proxies before the end entity certificate, 0 for a plain certificate."""
    not_after: datetime
    """When the first certificate of the chain ends; aware, UTC."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one certificate says. Reading costs far more than all that is done with it afterwards."""

    subject: str
    """Slash form, as `issuer`."""
    issuer: str
    self_issued: bool
    """Whether both are the same name: by the names themselves, as two may look alike in slash form."""
    policy: bytes | None
    """See `proxy_policy`; None if this is no proxy."""
    not_after: datetime
    """Aware, UTC."""


class PeerRefused(Exception):
    """The certificate is sound, but says nothing about who its bearer may act for; `reason` is meant for the
    bearer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(certificate: x509.Certificate) -> Reading:
    """All that is ever asked of a certificate; some 50 us."""
    return Reading(
        subject=slash_form(certificate.subject),
        issuer=slash_form(certificate.issuer),
        self_issued=certificate.subject == certificate.issuer,
        policy=proxy_policy(certificate),
        not_after=certificate.not_valid_after_utc,
    )


def identify(chain: Sequence[Reading]) -> PeerIdentity:
    """The person behind a verified chain, leaf first, root last.

    Raises PeerRefused for independent proxies, for proxies whose policy is unknown (RFC 3820 section 3.8.2
    demands it) and for a chain without its root, as a resumed TLS session has."""
    policies = [certificate.policy for certificate in chain if certificate.policy is not None]
    for policy in policies:
        _check_policy(policy)
    depth = len(policies)
    if depth >= len(chain) or not chain[-1].self_issued:
        raise PeerRefused("the certificate chain is incomplete")
    if any(certificate.policy is not None for certificate in chain[depth:]):
        raise PeerRefused("a proxy certificate stands behind one that is no proxy")
    return PeerIdentity(
        dn=chain[depth].subject,
        anchor=chain[-1].subject,
        limited=LIMITED in policies,
        proxy_depth=depth,
        not_after=min(certificate.not_after for certificate in chain),
    )


def _check_policy(policy: bytes) -> None:
    if policy == INDEPENDENT:
        raise PeerRefused("an independent proxy has none of its user's rights")
    if policy not in (INHERIT_ALL, LIMITED):
        raise PeerRefused("the proxy restricts its rights in a way that is not understood here")


def slash_form(name: x509.Name) -> str:
    """``/DC=org/CN=A B``: the attributes in the certificate's order, values as they are."""
    return "".join(f"/{_kind(attribute)}={_text(attribute)}" for attribute in name)


def _kind(attribute: x509.NameAttribute[str | bytes]) -> str:
    return SHORT_NAMES.get(attribute.oid.dotted_string, attribute.oid.dotted_string)


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.hex()


def proxy_policy(certificate: x509.Certificate) -> bytes | None:
    """The policy language of a proxy, as the content of its DER object identifier; None if this is no proxy.

    Empty for an extension that does not parse, so that it is refused as not understood."""
    try:
        extension = certificate.extensions.get_extension_for_oid(PROXY_CERT_INFO)
    except x509.ExtensionNotFound:
        return None
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    return _policy_language(extension.value.value)


def _policy_language(der: bytes) -> bytes:
    """From SEQUENCE { INTEGER OPTIONAL, SEQUENCE { OBJECT IDENTIFIER, OCTET STRING OPTIONAL } }."""
    try:
        inner, _ = _element(der, SEQUENCE)
        if inner[:1] == bytes([INTEGER]):
            _, inner = _element(inner, INTEGER)
        policy, _ = _element(inner, SEQUENCE)
        return _element(policy, OBJECT_IDENTIFIER)[0]
    except (ValueError, IndexError):
        return b""


def _element(der: bytes, expected: int) -> tuple[bytes, bytes]:
    """The content of the first DER element, and what follows the element."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if tag != expected or start + length > len(der):
        raise ValueError(f"DER element {tag:#x} of {length} bytes where {expected:#x} was expected")
    return der[start : start + length], der[start + length :]
