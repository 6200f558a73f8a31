"""What a VOMS attribute certificate (RFC 5755 version 2, with VOMS' own extensions) says. Pure: checks the form only.

Stricter than RFC 5755 where libvomsapi is, and where reading something in two ways could give somebody a role.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from pandad.api.x509 import acsyntax as syntax
from pandad.api.x509.gridcert import UNREADABLE
from pandad.api.x509.refusal import AttributeRefusal as Why
from pandad.api.x509.refusal import AttributesRefused

FQANS = ObjectIdentifier("1.3.6.1.4.1.8005.100.100.4")
CERTIFICATES = ObjectIdentifier("1.3.6.1.4.1.8005.100.100.10")
GENERIC_ATTRIBUTES = ObjectIdentifier("1.3.6.1.4.1.8005.100.100.11")
NO_REVOCATION_AVAILABLE = ObjectIdentifier("2.5.29.56")
AUTHORITY_KEY_IDENTIFIER = ObjectIdentifier("2.5.29.35")
TARGETS = ObjectIdentifier("2.5.29.55")

MOST_CERTIFICATES = 10  # attribute certificates in a proxy, and certificates in one of them; real ones have one to three
SERIAL_BITS = 160
VERSION_2 = 1

ALGORITHMS: Mapping[str, tuple[str, str]] = {
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
}
"""Kind of the key, and hash."""

SEQUENCE_TAG, OCTETS_TAG, NAME_TAG, URI_TAG = b"\x30", b"\x04", b"\xa0", b"\x86"
ENCODINGS = {b"\x0c": "utf-8", b"\x13": "ascii", b"\x14": "latin-1", b"\x16": "ascii", b"\x1e": "utf-16-be"}
"""By the tag of a text: UTF8String, PrintableString, TeletexString, IA5String, BMPString."""

_SERVER = re.compile(r"(?P<vo>[A-Za-z0-9_][A-Za-z0-9_.-]*)://(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*):(?P<port>[0-9]{1,5})")
_FQAN = re.compile(
    r"(?P<group>(?:/[A-Za-z0-9_.-]+)+)(?:/Role=(?P<role>[\w. -]+))?(?:/Capability=(?P<capability>[\w. -]+))?", re.ASCII)
_NICKNAME = re.compile(r"[^\0-\x1f\x7f]{0,256}")

T = TypeVar("T")

Name = tuple[tuple[tuple[str, str], ...], ...]
"""(type, value) of all parts; the same for names that differ in capital letters, spaces and kinds of text only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeCertificate:
    """One, as it says of itself."""

    vo: str
    host: str
    """Of the VOMS server."""
    fqans: tuple[str, ...]
    """As VOMS' tools show them: without `/Role=NULL` and `/Capability=NULL`."""
    nickname: str
    not_before: datetime
    not_after: datetime
    holder_serial: int
    holder_issuer: Name
    issuer: Name
    certificates: tuple[x509.Certificate, ...]
    """That of the signer, and what leads from it to its root."""
    key_identifier: bytes
    """SHA-1 of the signer's key."""
    targets: tuple[str, ...] | None
    """The hosts it is for; None is all."""
    signed: bytes
    signature: bytes
    algorithm: tuple[str, str]
    """See ALGORITHMS."""


def parse(extension: bytes) -> Sequence[AttributeCertificate]:
    """Those in the VOMS extension of a proxy, in their order; at least one.

    :raise AttributesRefused: one is not as it should be.
    """
    found = _read(syntax.Certificates, extension).certificates
    if not found:
        raise AttributesRefused(Why.MALFORMED)
    if len(found) > MOST_CERTIFICATES:
        raise AttributesRefused(Why.TOO_MANY)
    return [_parsed(certificate) for certificate in found]


def name_of(name: x509.Name) -> Name:
    """See Name."""
    return tuple(tuple(sorted((part.oid.dotted_string, _plain(part.value)) for part in place)) for place in name.rdns)


def _read(kind: type[T], der: bytes, why: Why = Why.MALFORMED, detail: str = "") -> T:
    try:
        return asn1.decode_der(kind, der)
    except UNREADABLE as error:
        raise AttributesRefused(why, detail) from error


def _parsed(certificate: syntax.Certificate) -> AttributeCertificate:
    signed = _encoded(certificate.info)
    info = _read(syntax.Info, signed)
    if info.version != VERSION_2:
        raise AttributesRefused(Why.VERSION)
    if info.serial.bit_length() >= SERIAL_BITS:
        raise AttributesRefused(Why.MALFORMED, "the serial number is too long")
    extensions = _extensions(info.extensions)
    vo, host, fqans = _authority(info.attributes)
    holder = _read(syntax.Holder, _encoded(info.holder), Why.HOLDER, "it is not named by issuer and serial number alone")
    return AttributeCertificate(
        vo=vo, host=host, fqans=fqans,
        nickname=_nickname(extensions.get(GENERIC_ATTRIBUTES)),
        not_before=info.validity.not_before.as_datetime().replace(tzinfo=UTC),
        not_after=info.validity.not_after.as_datetime().replace(tzinfo=UTC),
        holder_serial=holder.base_certificate_id.serial,
        holder_issuer=_only_name(holder.base_certificate_id.issuer, Why.HOLDER),
        issuer=_issuer(info.issuer),
        certificates=_certificates(extensions.get(CERTIFICATES)),
        key_identifier=_read(syntax.KeyIdentifier, extensions[AUTHORITY_KEY_IDENTIFIER]).key or b"",
        targets=_targets(extensions.get(TARGETS)),
        signed=signed, signature=certificate.signature.as_bytes(), algorithm=_algorithm(certificate, info))


def _encoded(element: asn1.TLV) -> bytes:
    """As it was: in DER there is one way to write it."""
    return _element(element.tag_bytes, bytes(element.data))


def _element(tag: bytes, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return tag + bytes([length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return tag + bytes([0x80 | len(octets)]) + octets + content


def _algorithm(certificate: syntax.Certificate, info: syntax.Info) -> tuple[str, str]:
    outer = _encoded(certificate.algorithm)
    if outer != _encoded(info.algorithm):
        raise AttributesRefused(Why.ALGORITHM, "two are named")
    kind = _read(syntax.Algorithm, outer, Why.ALGORITHM).kind.dotted_string
    if kind not in ALGORITHMS or certificate.signature.padding_bits():
        raise AttributesRefused(Why.ALGORITHM, kind)
    return ALGORITHMS[kind]


def _extensions(extensions: Sequence[syntax.Extension]) -> Mapping[ObjectIdentifier, bytes]:
    found: dict[ObjectIdentifier, bytes] = {}
    for extension in extensions:
        kind = extension.kind
        if extension.critical and kind != TARGETS:
            raise AttributesRefused(Why.CRITICAL_EXTENSION, kind.dotted_string)
        if kind in found:
            raise AttributesRefused(Why.MALFORMED, f"extension {kind.dotted_string} twice")
        found[kind] = extension.value
    for kind in (NO_REVOCATION_AVAILABLE, AUTHORITY_KEY_IDENTIFIER):
        if kind not in found:
            raise AttributesRefused(Why.EXTENSIONS_MISSING, kind.dotted_string)
    return found


def _issuer(issuer: asn1.TLV) -> Name:
    detail = "it is not named by its name alone"
    if issuer.tag_bytes != NAME_TAG:
        raise AttributesRefused(Why.ISSUER, detail)
    # [0] stands in the place of SEQUENCE.
    return _only_name(_read(syntax.Issuer, SEQUENCE_TAG + _encoded(issuer)[1:], Why.ISSUER, detail).name, Why.ISSUER)


def _only_name(names: Sequence[syntax.NameParts], why: Why) -> Name:
    if len(names) != 1:
        raise AttributesRefused(why, "there is not one name")
    try:
        return tuple(
            tuple(sorted((part.kind.dotted_string, _plain(_text(part.value))) for part in place.as_list())) for place in names[0])
    except ValueError:
        raise AttributesRefused(why, "its name cannot be read") from None


def _text(value: asn1.TLV) -> str:
    encoding = ENCODINGS.get(value.tag_bytes)
    if encoding is None:
        raise ValueError("no text")
    return str(value.data, encoding)


def _plain(value: str | bytes) -> str:
    return " ".join(value.lower().split()) if isinstance(value, str) else value.hex()


def _authority(attributes: Sequence[asn1.TLV]) -> tuple[str, str, tuple[str, ...]]:
    """VO, host of the server, FQANs."""
    encoded = [_encoded(attribute) for attribute in attributes]
    wanted = [der for der in encoded if _read(syntax.Kind, der).kind == FQANS]
    if len(wanted) != 1:
        raise AttributesRefused(Why.FQAN, "there is not one attribute with them")
    values = _read(syntax.Fqans, wanted[0], Why.SERVER).values.as_list()
    if len(values) != 1:
        raise AttributesRefused(Why.FQAN, "there is not one value with them")
    servers = values[0].servers
    server = _SERVER.fullmatch(servers[0].as_str()) if len(servers) == 1 else None
    if server is None:
        raise AttributesRefused(Why.SERVER)
    return server["vo"], server["host"], tuple(_fqan(server["vo"], fqan) for fqan in values[0].fqans)


def _fqan(vo: str, value: asn1.TLV) -> str:
    written = str(value.data, "ascii", "backslashreplace") if value.tag_bytes == OCTETS_TAG else ""
    match = _FQAN.fullmatch(written)
    if match is None or match["group"].split("/")[1] != vo:
        raise AttributesRefused(Why.FQAN, repr(written))
    kept = [(word, match[word.lower()]) for word in ("Role", "Capability") if match[word.lower()] not in (None, "NULL")]
    return match["group"] + "".join(f"/{word}={named}" for word, named in kept)


def _certificates(value: bytes | None) -> tuple[x509.Certificate, ...]:
    if value is None:
        return ()
    links = _read(syntax.Links, value, detail="the certificates of its signer").links
    if len(links) > MOST_CERTIFICATES:
        raise AttributesRefused(Why.TOO_MANY, "certificates of its signer")
    return tuple(links)


def _nickname(value: bytes | None) -> str:
    """The generic attribute of that name."""
    if value is None:
        return ""
    grants = _read(syntax.Grants, value).grants
    named = [attribute.value for grant in grants for attribute in grant.attributes if attribute.name == b"nickname"]
    nickname = named[0].decode("utf-8", "backslashreplace").strip() if named else ""
    if not _NICKNAME.fullmatch(nickname):
        raise AttributesRefused(Why.MALFORMED, "the nickname")
    return nickname


def _targets(value: bytes | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(name for target in _read(syntax.Targets, value).targets if (name := _target(target)) is not None)


def _target(target: asn1.TLV) -> str | None:
    """A host. RFC 5755 tags the name; VOMS puts that into a sequence of one."""
    der = _encoded(target)
    name = _read(syntax.Target, der if target.tag_bytes == SEQUENCE_TAG else _element(SEQUENCE_TAG, der)).name
    return str(name.data, "ascii", "backslashreplace") if name.tag_bytes == URI_TAG else None
