"""What a VOMS attribute certificate (RFC 5755 version 2, with VOMS' own extensions) says. Pure: checks the form only.

Stricter than RFC 5755 where libvomsapi is, and where reading something in two ways could give somebody a role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto import cms, core
from asn1crypto import x509 as asn1x509

from pandad.api.refusal import AttributeRefusal as Why
from pandad.api.refusal import AttributesRefused

FQANS = "1.3.6.1.4.1.8005.100.100.4"
CERTIFICATES = "1.3.6.1.4.1.8005.100.100.10"
GENERIC_ATTRIBUTES = "1.3.6.1.4.1.8005.100.100.11"
NO_REVOCATION_AVAILABLE = "2.5.29.56"
AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
TARGETS = "2.5.29.55"

MOST_CERTIFICATES = 10  # attribute certificates in a proxy, and certificates in one of them; real ones have one to three
LONGEST_SERIAL_BYTES = 20
REMEMBERED_NAMES = 1000

ALGORITHMS = {f"{digest}_{kind}": (kind, digest) for digest in ("sha256", "sha384", "sha512") for kind in ("rsa", "ecdsa")}

_SERVER = re.compile(r"(?P<vo>[A-Za-z0-9_][A-Za-z0-9_.-]*)://(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*):(?P<port>[0-9]{1,5})")
_FQAN = re.compile(
    r"(?P<group>(?:/[A-Za-z0-9_.-]+)+)(?:/Role=(?P<role>[\w. -]+))?(?:/Capability=(?P<capability>[\w. -]+))?", re.ASCII)
_NICKNAME = re.compile(r"[^\0-\x1f\x7f]{0,256}")

# What asn1crypto raises, beside ValueError, over bytes that are not what they should be.
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


class _Certificates(core.SequenceOf):  # type: ignore[misc]
    _child_spec = asn1x509.Certificate


class _CertificateLists(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Certificates


class _AttributeCertificates(core.SequenceOf):  # type: ignore[misc]
    _child_spec = cms.AttributeCertificateV2


class _AttributeCertificateLists(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _AttributeCertificates


class _GenericAttribute(core.Sequence):  # type: ignore[misc]
    _fields = [("name", core.OctetString), ("value", core.OctetString), ("qualifier", core.OctetString)]


class _GenericAttributes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _GenericAttribute


class _Grant(core.Sequence):  # type: ignore[misc]
    _fields = [("grantor", asn1x509.GeneralNames), ("attributes", _GenericAttributes)]


class _Grants(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Grant


class _GrantLists(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Grants


class _Target(core.Sequence):  # type: ignore[misc]
    _fields = [("name", asn1x509.GeneralName, {"explicit": 0, "optional": True}), ("rest", core.Any, {"optional": True})]


class _Targets(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Target


class _TargetLists(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Targets


Name = Any
"""A name in a form that is equal for names that X.509 takes for equal (RFC 5280 section 7.1)."""


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
    certificates: tuple[bytes, ...]
    """DER: that of the signer, and what leads from it to its root."""
    key_identifier: bytes
    """SHA-1 of the signer's key."""
    targets: tuple[str, ...] | None
    """The hosts it is for; None is all."""
    signed: bytes
    signature: bytes
    algorithm: tuple[str, str]
    """Kind of the key (rsa, ecdsa) and hash."""


def parse(extension: bytes) -> Sequence[AttributeCertificate]:
    """Those in the VOMS extension of a proxy, in their order; at least one.

    :raise AttributesRefused: one is not as it should be.
    """
    with _readable():
        lists = _AttributeCertificateLists.load(extension, strict=True)
        if len(lists) != 1 or not len(lists[0]):
            raise AttributesRefused(Why.MALFORMED)
        if len(lists[0]) > MOST_CERTIFICATES:
            raise AttributesRefused(Why.TOO_MANY)
        return [_parsed(certificate) for certificate in lists[0]]


@lru_cache(maxsize=REMEMBERED_NAMES)
def name_of(der: bytes) -> Name:
    """See Name. Takes 0.3 ms for a new one.

    :raise AttributesRefused: it cannot be read.
    """
    with _readable():
        return asn1x509.Name.load(der, strict=True).hashable


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise AttributesRefused(Why.MALFORMED) from error


def _parsed(certificate: cms.AttributeCertificateV2) -> AttributeCertificate:
    info = certificate["ac_info"]
    if info["version"].native != "v2":
        raise AttributesRefused(Why.VERSION)
    if len(info["serial_number"].contents) > LONGEST_SERIAL_BYTES:
        raise AttributesRefused(Why.MALFORMED, "the serial number is too long")
    extensions = _extensions(info["extensions"])
    vo, host, fqans = _authority(info["attributes"])
    serial, holder_issuer = _holder(info["holder"])
    period = info["att_cert_validity_period"]
    return AttributeCertificate(
        vo=vo, host=host, fqans=fqans,
        nickname=_nickname(extensions.get(GENERIC_ATTRIBUTES)),
        not_before=period["not_before_time"].native, not_after=period["not_after_time"].native,
        holder_serial=serial, holder_issuer=holder_issuer, issuer=_issuer(info["issuer"]),
        certificates=_certificates(extensions.get(CERTIFICATES)),
        key_identifier=_key_identifier(extensions[AUTHORITY_KEY_IDENTIFIER]),
        targets=_targets(extensions.get(TARGETS)),
        signed=info.dump(), signature=certificate["signature"].native, algorithm=_algorithm(certificate))


def _algorithm(certificate: cms.AttributeCertificateV2) -> tuple[str, str]:
    outer, inner = certificate["signature_algorithm"], certificate["ac_info"]["signature"]
    if outer.dump() != inner.dump():
        raise AttributesRefused(Why.ALGORITHM, "two are named")
    algorithm = outer["algorithm"].native
    if algorithm not in ALGORITHMS:
        raise AttributesRefused(Why.ALGORITHM, algorithm)
    return ALGORITHMS[algorithm]


def _extensions(extensions: asn1x509.Extensions) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for extension in extensions:
        kind = extension["extn_id"].dotted
        if extension["critical"].native and kind != TARGETS:
            raise AttributesRefused(Why.CRITICAL_EXTENSION, kind)
        if kind in found:
            raise AttributesRefused(Why.MALFORMED, f"extension {kind} twice")
        found[kind] = extension["extn_value"].contents
    for kind in (NO_REVOCATION_AVAILABLE, AUTHORITY_KEY_IDENTIFIER):
        if kind not in found:
            raise AttributesRefused(Why.EXTENSIONS_MISSING, kind)
    return found


def _holder(holder: cms.Holder) -> tuple[int, Name]:
    """The serial number and the issuer of the certificate that it was given to; libvomsapi knows no other way to name it."""
    named = holder["base_certificate_id"]
    others = (holder["entity_name"], holder["object_digest_info"])
    if not _there(named) or any(map(_there, others)) or _there(named["issuer_uid"]):
        raise AttributesRefused(Why.HOLDER, "it is not named by issuer and serial number alone")
    return int(named["serial"].native), _only_name(named["issuer"], Why.HOLDER)


def _issuer(issuer: cms.AttCertIssuer) -> Name:
    form = issuer.chosen
    if issuer.name != "v2_form" or any(_there(form[field]) for field in ("base_certificate_id", "object_digest_info")):
        raise AttributesRefused(Why.ISSUER, "it is not named by its name alone")
    return _only_name(form["issuer_name"], Why.ISSUER)


def _only_name(names: asn1x509.GeneralNames, why: Why) -> Name:
    if len(names) != 1 or names[0].name != "directory_name":
        raise AttributesRefused(why, "there is not one name")
    return name_of(names[0].chosen.chosen.dump())


def _there(field: Any) -> bool:
    return not isinstance(field, core.Void)


def _authority(attributes: cms.AttCertAttributes) -> tuple[str, str, tuple[str, ...]]:
    """VO, host of the server, FQANs."""
    values = [attribute["values"] for attribute in attributes if attribute["type"].dotted == FQANS]
    if len(values) != 1 or len(values[0]) != 1:
        raise AttributesRefused(Why.FQAN, "there is not one attribute with them")
    syntax = cms.IetfAttrSyntax.load(values[0][0].dump(), strict=True)
    authority = syntax["policy_authority"]
    if not _there(authority) or len(authority) != 1 or authority[0].name != "uniform_resource_identifier":
        raise AttributesRefused(Why.SERVER)
    server = _SERVER.fullmatch(_text(authority[0].chosen.contents))
    if server is None:
        raise AttributesRefused(Why.SERVER)
    vo = server["vo"]
    return vo, server["host"], tuple(_fqan(vo, value) for value in syntax["values"])


def _fqan(vo: str, value: cms.IetfAttrValue) -> str:
    written = _text(value.chosen.contents) if value.name == "octets" else ""
    match = _FQAN.fullmatch(written)
    if match is None or match["group"].split("/")[1] != vo:
        raise AttributesRefused(Why.FQAN, repr(written))
    kept = [(word, match[word.lower()]) for word in ("Role", "Capability") if match[word.lower()] not in (None, "NULL")]
    return match["group"] + "".join(f"/{word}={named}" for word, named in kept)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8")


def _certificates(value: bytes | None) -> tuple[bytes, ...]:
    if value is None:
        return ()
    lists = _CertificateLists.load(value, strict=True)
    if len(lists) != 1 or len(lists[0]) > MOST_CERTIFICATES:
        raise AttributesRefused(Why.MALFORMED, "the certificates of its signer")
    return tuple(certificate.dump() for certificate in lists[0])


def _key_identifier(value: bytes) -> bytes:
    identifier = asn1x509.AuthorityKeyIdentifier.load(value, strict=True)["key_identifier"]
    return bytes(identifier.native) if _there(identifier) else b""


def _nickname(value: bytes | None) -> str:
    """The generic attribute of that name."""
    if value is None:
        return ""
    grants = [grant for grants in _GrantLists.load(value, strict=True) for grant in grants]
    named = [_text(a["value"].native) for grant in grants for a in grant["attributes"] if a["name"].native == b"nickname"]
    nickname = named[0].strip() if named else ""
    if not _NICKNAME.fullmatch(nickname):
        raise AttributesRefused(Why.MALFORMED, "the nickname")
    return nickname


def _targets(value: bytes | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    names = [target["name"] for targets in _TargetLists.load(value, strict=True) for target in targets]
    return tuple(_text(name.chosen.contents) for name in names if _there(name) and name.name == "uniform_resource_identifier")
