"""What a chain of grid certificates says about the person at its end. Pure: the chain was verified elsewhere.

A pilot or user shows a proxy certificate (RFC 3820): signed by the user's own certificate or by another
proxy, with the signer's name plus one CN. The person is the first certificate that is no proxy, the *end
entity certificate*.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from pandad.api.x509.refusal import PeerRefused, Refusal

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


VOMS_ATTRIBUTES = x509.ObjectIdentifier("1.3.6.1.4.1.8005.100.100.5")
"""The extension in which a proxy carries the attribute certificates that VOMS servers gave its user."""

OLD_STYLE_NAMES = ("proxy", "limited proxy")
"""The last CN of a proxy of Globus 2, which has nothing else to be told by."""

UNREADABLE = (ValueError, TypeError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
"""What cryptography raises over certificates that OpenSSL reads and it does not."""

_FORBIDDEN_IN_PROXIES = {ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.ISSUER_ALTERNATIVE_NAME}
_ANOTHER_ATTRIBUTE = re.compile(r"[/+][A-Za-z0-9.]+=")
_CONTROL = re.compile("[\0-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one certificate says. Reading costs far more than all that is done with it afterwards."""

    der: bytes
    subject: str
    """Slash form, as `issuer`."""
    issuer: str
    self_issued: bool
    """Whether both are the same name: by the names themselves, as two may look alike in slash form."""
    policy: bytes | None
    """See `proxy_policy`; None if this is no proxy of RFC 3820."""
    not_after: datetime
    """Aware, UTC."""
    is_ambiguous: bool
    """Whether the subject's slash form is also that of another name, or holds what no text should."""
    is_authority: bool
    path_length: int | None
    """Of authorities: how many may stand between it and the end entity; None is any number."""
    old_style: str
    """The last CN, if that is what Globus 2 gave a proxy and the rest is the signer's name; else empty."""
    attributes: bytes | None
    """Attribute certificates of VOMS, as they are."""


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
    end_entity: bytes
    """The end entity certificate, DER."""
    attributes: bytes | None
    """The VOMS extension of the proxy that was delegated last among those that have one, as libvomsapi takes it; None: no
    certificate has one."""


def read(certificate: x509.Certificate) -> Reading:
    """All that is ever asked of a certificate; some 50 us.

    :raise UNREADABLE: it cannot be read.
    """
    constraints = _constraints(certificate)
    return Reading(
        der=certificate.public_bytes(Encoding.DER),
        subject=slash_form(certificate.subject),
        issuer=slash_form(certificate.issuer),
        self_issued=certificate.subject == certificate.issuer,
        policy=proxy_policy(certificate),
        not_after=certificate.not_valid_after_utc,
        is_ambiguous=_is_ambiguous(certificate.subject),
        is_authority=constraints is not None and constraints.ca,
        path_length=constraints.path_length if constraints is not None else None,
        old_style=_old_style(certificate),
        attributes=_extension(certificate, VOMS_ATTRIBUTES),
    )


def identify(chain: Sequence[Reading], *, accept_old_style: bool = False) -> PeerIdentity:
    """The person behind a verified chain, leaf first, root last.

    :param accept_old_style: let proxies of Globus 2 stand for their users; OpenSSL does not know them, so that their names are
        checked here.
    :raise PeerRefused: also for independent proxies, for proxies whose policy is unknown (RFC 3820 section 3.8.2 demands it)
        and for a chain without its root, as a resumed TLS session has.
    """
    depth = _proxies(chain)
    if depth >= len(chain) or not chain[-1].self_issued:
        raise PeerRefused(Refusal.INCOMPLETE)
    limited = _rights(chain[:depth], accept_old_style)
    end_entity = chain[depth]
    if any(certificate.policy is not None for certificate in chain[depth:]):
        raise PeerRefused(Refusal.PROXY_BEHIND_PLAIN)
    if depth and end_entity.is_authority:
        raise PeerRefused(Refusal.PROXY_OF_CA)
    if end_entity.is_ambiguous or chain[-1].is_ambiguous:
        raise PeerRefused(Refusal.AMBIGUOUS_NAME)
    return PeerIdentity(
        dn=end_entity.subject,
        anchor=chain[-1].subject,
        limited=limited,
        proxy_depth=depth,
        not_after=min(certificate.not_after for certificate in chain),
        end_entity=end_entity.der,
        attributes=next((certificate.attributes for certificate in chain if certificate.attributes is not None), None),
    )


def _proxies(chain: Sequence[Reading]) -> int:
    """How many there are before the first certificate that is none."""
    depth = 0
    while depth < len(chain) and (chain[depth].policy is not None or is_old_style(chain, depth)):
        depth += 1
    return depth


def is_old_style(chain: Sequence[Reading], depth: int) -> bool:
    """Whether a certificate is a proxy of Globus 2: by its name, and as what signed it is no authority."""
    shown = chain[depth]
    return (
        bool(shown.old_style) and shown.policy is None and not shown.is_authority
        and depth + 1 < len(chain) and not chain[depth + 1].is_authority and not chain[depth + 1].self_issued
    )


def _rights(proxies: Sequence[Reading], accept_old_style: bool) -> bool:
    """Whether they are limited. Raises PeerRefused."""
    policies = [proxy.policy for proxy in proxies if proxy.policy is not None]
    if len(policies) == len(proxies):
        for policy in policies:
            _check_policy(policy)
        return LIMITED in policies
    if policies:
        raise PeerRefused(Refusal.MIXED_PROXIES)
    if not accept_old_style:
        raise PeerRefused(Refusal.OLD_STYLE_PROXY)
    return any(proxy.old_style == "limited proxy" for proxy in proxies)


def _check_policy(policy: bytes) -> None:
    if policy == INDEPENDENT:
        raise PeerRefused(Refusal.INDEPENDENT_PROXY)
    if policy not in (INHERIT_ALL, LIMITED):
        raise PeerRefused(Refusal.POLICY_LANGUAGE)


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None


def _old_style(certificate: x509.Certificate) -> str:
    if not certificate.subject.rdns:
        return ""
    *signer, last = certificate.subject.rdns
    names = [str(attribute.value) for attribute in last if attribute.oid == x509.NameOID.COMMON_NAME]
    return names[0] if len(last) == 1 and names and names[0] in OLD_STYLE_NAMES and signer == certificate.issuer.rdns else ""


def is_malformed_proxy(certificate: x509.Certificate) -> bool:
    """Whether a proxy has what RFC 3820 section 3 forbids. OpenSSL says of one that nobody signed it.

    :raise UNREADABLE: it cannot be read.
    """
    policy, constraints = proxy_policy(certificate), _constraints(certificate)
    kinds = {extension.oid for extension in certificate.extensions}
    return policy is not None and (
        policy == b"" or not kinds.isdisjoint(_FORBIDDEN_IN_PROXIES) or (constraints is not None and constraints.ca))


def _is_ambiguous(name: x509.Name) -> bool:
    texts = [_text(attribute) for attribute in name]
    return not texts or any(_ANOTHER_ATTRIBUTE.search(text) or _CONTROL.search(text) for text in texts)


def slash_form(name: x509.Name) -> str:
    """``/DC=org/CN=A B``: the attributes in the certificate's order, values as they are; a plus joins those of one place."""
    return "".join(f"/{'+'.join(f'{_kind(attribute)}={_text(attribute)}' for attribute in place)}" for place in name.rdns)


def _kind(attribute: x509.NameAttribute[str | bytes]) -> str:
    return SHORT_NAMES.get(attribute.oid.dotted_string, attribute.oid.dotted_string)


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.hex()


def proxy_policy(certificate: x509.Certificate) -> bytes | None:
    """The policy language of a proxy, as the content of its DER object identifier; None if this is no proxy.

    Empty for an extension that does not parse, so that it is refused as not understood."""
    info = _extension(certificate, PROXY_CERT_INFO)
    return None if info is None else _policy_language(info)


def _extension(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> bytes | None:
    """The content of an extension that cryptography does not read."""
    try:
        extension = certificate.extensions.get_extension_for_oid(kind)
    except x509.ExtensionNotFound:
        return None
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    return extension.value.value


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
