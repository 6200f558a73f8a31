"""Attribute certificates that have to be refused, each with its reason. All but the ones about the signature are signed well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import cms, core
from asn1crypto import x509 as asn1x509
from cryptography import x509

from pandad.api.x509.refusal import AttributeRefusal as Why
from pandad.embedded.pki import BASE, SandboxPki, name_of
from pandad.embedded.proxies import Credential
from pandad.embedded.voms import (
    AUTHORITY_KEY_IDENTIFIER,
    CERTIFICATES,
    FQANS,
    GENERIC_ATTRIBUTES,
    NO_REVOCATION_AVAILABLE,
    VomsServer,
    extension,
    in_extension,
    sequence,
    uri,
)

from .chains import Link, user

HOUR = timedelta(hours=1)
TARGETS = "2.5.29.55"


@dataclass(frozen=True)
class Makers:
    """What it takes to make one. ``alice``: whom it is for. ``chained``: its .lsc has the root too."""

    pki: SandboxPki
    server: VomsServer
    chained: VomsServer
    now: datetime

    @property
    def alice(self) -> x509.Certificate:
        return self.pki.users["alice"].certificate

    def made(self, server: VomsServer | None = None, holder: x509.Certificate | None = None, **how: Any) -> bytes:
        """A good one, but for what is told."""
        how = {"fqans": ["/pandad"], **how}
        return (server or self.server).attribute_certificate(holder or self.alice, how.pop("now", self.now), **how)


@dataclass(frozen=True)
class BadAttributes:
    """``make`` gives the content of the VOMS extension."""

    name: str
    reason: Why
    make: Callable[[Makers], bytes]


def changed(change: Callable[[Any], None]) -> Callable[[Makers], bytes]:
    """One that was changed before it was signed."""
    return lambda makers: in_extension(makers.made(change=change))


def directory(dn: str) -> asn1x509.GeneralName:
    return asn1x509.GeneralName("directory_name", asn1x509.Name.load(name_of(dn).public_bytes()))


def setting(*path: str | int, value: Any) -> Callable[[Makers], bytes]:
    """With another value there."""
    def change(info: Any) -> None:
        for step in path[:-1]:
            info = info[step]
        info[path[-1]] = value
    return changed(change)


def extended(kind: str, value: bytes | None, critical: bool = False, repeat: int = 1) -> Callable[[Makers], bytes]:
    """With that extension so often; value None: without it."""
    def change(info: Any) -> None:
        kept = [e for e in info["extensions"] if e["extn_id"].dotted != kind]
        added = [extension(kind, value, critical)] * repeat if value is not None else []
        info["extensions"] = [*kept, *added]
    return changed(change)


def authority(names: list[asn1x509.GeneralName] | None, fqans: list[Any], repeat: int = 1) -> Callable[[Makers], bytes]:
    """With other words about VO and groups."""
    values = [cms.IetfAttrValue("octets", f.encode()) if isinstance(f, str) else f for f in fqans]
    fields = {"values": values} if names is None else {"policy_authority": names, "values": values}
    attribute = {"type": FQANS, "values": [core.Any(cms.IetfAttrSyntax(fields))]}
    return setting("attributes", value=[attribute] * repeat)


GOOD_URI = "pandad://localhost:15000"


def validity() -> Iterator[BadAttributes]:
    """Before and after."""
    for hours in (1, 24, 9000):
        late, early = -hours * HOUR, hours * HOUR
        yield BadAttributes(f"expired {hours} h ago", Why.EXPIRED,
                            lambda m, late=late: in_extension(m.made(lifetime=late)))  # type: ignore[misc]
        yield BadAttributes(f"valid in {hours} h", Why.NOT_YET_VALID,
                            lambda m, early=early: in_extension(m.made(now=m.now + early)))  # type: ignore[misc]
    yield BadAttributes("second one expired", Why.EXPIRED, lambda m: in_extension(m.made(), m.made(lifetime=-HOUR)))


def holders() -> Iterator[BadAttributes]:
    """Somebody else's, or nobody's."""
    yield BadAttributes("bob's", Why.HOLDER, lambda m: in_extension(m.made(holder=m.pki.users["bob"].certificate)))
    yield BadAttributes("bob's beside alice's", Why.HOLDER,
                        lambda m: in_extension(m.made(), m.made(holder=m.pki.users["bob"].certificate)))
    base = ("holder", "base_certificate_id")
    yield BadAttributes("another serial number", Why.HOLDER, setting(*base, "serial", value=4711))
    yield BadAttributes("negative serial number", Why.HOLDER, setting(*base, "serial", value=-4711))
    for dn in (f"{BASE}/CN=Another CA", f"{BASE}/CN=pandad sandbox CA/CN=1", f"{BASE}", "/CN=pandad sandbox CA"):
        yield BadAttributes(f"issued by {dn}", Why.HOLDER, setting(*base, "issuer", value=[directory(dn)]))
    two = [directory(f"{BASE}/CN=pandad sandbox CA")] * 2
    yield BadAttributes("two issuers", Why.HOLDER, setting(*base, "issuer", value=two))
    yield BadAttributes("no issuer", Why.HOLDER, setting(*base, "issuer", value=[]))
    yield BadAttributes("issuer that is a host", Why.HOLDER, setting(
        *base, "issuer", value=[asn1x509.GeneralName("dns_name", "localhost")]))
    yield BadAttributes("issuer with a number", Why.HOLDER, setting(*base, "issuer_uid", value=b"\1"))
    name = [directory(f"{BASE}/OU=Users/CN=alice")]
    yield BadAttributes("named only", Why.HOLDER, setting("holder", value={"entity_name": name}))
    yield BadAttributes("nobody's", Why.HOLDER, setting("holder", value=cms.Holder.load(sequence(b""))))
    digest = {"digested_object_type": "public_key", "digest_algorithm": {"algorithm": "sha256"}, "object_digest": b"\0" * 32}
    yield BadAttributes("a key's", Why.HOLDER, setting("holder", value={"object_digest_info": digest}))
    yield BadAttributes("named too", Why.HOLDER, setting("holder", "entity_name", value=name))


def issuers() -> Iterator[BadAttributes]:
    """Signed by one, issued by another."""
    def form(**fields: Any) -> Callable[[Makers], bytes]:
        return setting("issuer", value=cms.AttCertIssuer("v2_form", fields))
    named = directory(f"{BASE}/OU=Hosts/CN=another")
    yield BadAttributes("another issuer", Why.ISSUER, form(issuer_name=[named]))
    yield BadAttributes("two servers", Why.ISSUER, form(issuer_name=[named, named]))
    yield BadAttributes("no server", Why.ISSUER, form(issuer_name=[]))
    yield BadAttributes("server that is a host", Why.ISSUER, form(issuer_name=[asn1x509.GeneralName("dns_name", "localhost")]))
    yield BadAttributes("issuer of version 1", Why.ISSUER, setting("issuer", value=cms.AttCertIssuer("v1_form", [named])))


FQAN_TRICKS = (
    "/atlas", "/atlas/Role=production", "/pandadx", "/pandad2/Role=production", "pandad", "pandad/Role=production", "", "/",
    "//pandad",
    "/pandad/", "/pandad//x", "/PANDAD", " /pandad", "/pandad\n", "/pandad/Role=", "/pandad/Role=a/Role=production",
    "/pandad/Role=production/x", "/pandad/Capability=x/Role=production", "/pandad/Role=production\0", "/pandad/Role=pro\u0434",
    "/pandad/Role=production,/atlas", "/pandad/../atlas", "/Role=production", "/pandad/Role=production/Capability=",
    "/pandad/Role=production;Role=admin", "/pandad/Role", "/pandad%2fRole=production", "/pandad\\Role=production",
)
WEIRD_BUT_GOOD = {"/pandad/../atlas", "/pandad/Role"}  # groups of strange names; names are compared whole, and nothing walks them


def fqans() -> Iterator[BadAttributes]:
    """Groups and roles of other VOs, and such as could be taken for others."""
    for written in FQAN_TRICKS:
        if written not in WEIRD_BUT_GOOD:
            yield BadAttributes(f"FQAN {written!r}", Why.FQAN, authority([uri(GOOD_URI)], ["/pandad", written]))
    text = cms.IetfAttrValue("string", "/pandad/Role=production")
    yield BadAttributes("FQAN as a text", Why.FQAN, authority([uri(GOOD_URI)], [text]))
    yield BadAttributes("FQAN as a number", Why.FQAN, authority([uri(GOOD_URI)], [cms.IetfAttrValue("oid", "1.2.3")]))
    yield BadAttributes("no attribute", Why.FQAN, setting("attributes", value=[]))
    yield BadAttributes("two attributes", Why.FQAN, authority([uri(GOOD_URI)], ["/pandad"], repeat=2))
    yield BadAttributes("FQAN in bytes that are no text", Why.FQAN, authority(
        [uri(GOOD_URI)], [cms.IetfAttrValue("octets", b"/pandad/Role=\xff")]))
    yield BadAttributes("attribute without values", Why.FQAN, setting("attributes", value=[{"type": FQANS, "values": []}]))


URI_TRICKS = (
    "pandad", "localhost:15000", "pandad://localhost", "pandad://:15000", "://localhost:15000", "../pandad://localhost:15000",
    "pandad/../pandad://localhost:15000", "pandad://../localhost:15000", "pandad://localhost/../localhost:15000",
    "pandad://localhost:port", "pandad://localhost:15000/x", "pandad ://localhost:15000", "pandad://localhost:15000\n",
    "pandad\0://localhost:15000",
)


def servers() -> Iterator[BadAttributes]:
    """Of no VO, or of one that nobody knows here."""
    for written in URI_TRICKS:
        yield BadAttributes(f"server {written!r}", Why.SERVER, authority([uri(written)], ["/pandad"]))
    yield BadAttributes("no server named", Why.SERVER, authority(None, ["/pandad"]))
    yield BadAttributes("two servers named", Why.SERVER, authority([uri(GOOD_URI)] * 2, ["/pandad"]))
    host = asn1x509.GeneralName("dns_name", "localhost")
    yield BadAttributes("server that is no address", Why.SERVER, authority([host], ["/pandad"]))
    yield BadAttributes("unknown VO", Why.UNKNOWN_VO, authority([uri("atlas://localhost:15000")], ["/atlas"]))
    yield BadAttributes("unknown server", Why.UNKNOWN_SERVER, authority([uri("pandad://elsewhere:15000")], ["/pandad"]))
    yield BadAttributes("VO of another case", Why.UNKNOWN_VO, authority([uri("Pandad://localhost:15000")], ["/Pandad"]))


def signers() -> Iterator[BadAttributes]:
    """Signed by somebody else, or not at all."""
    def by(credential: Callable[[Makers], Credential]) -> Callable[[Makers], bytes]:
        return lambda m: in_extension(m.made(server=replace(m.server, credential=credential(m))))
    yield BadAttributes("by alice herself", Why.LSC, by(lambda m: m.pki.users["alice"]))
    yield BadAttributes("by another host", Why.LSC, by(lambda m: _host(m, "elsewhere")))
    yield BadAttributes("by another authority's host of that name", Why.SIGNER, by(_alike))
    yield BadAttributes("by one who calls himself so, and brings his authority", Why.SIGNER,
                        lambda m: in_extension(m.made(server=replace(m.chained, credential=_alike_with_chain(m)))))
    yield BadAttributes("by an expired host", Why.SIGNER,
                        by(lambda m: _host(m, "voms", -HOUR)))
    yield BadAttributes("by another key", Why.SIGNATURE, by(
        lambda m: Credential(m.pki.users["bob"].key, m.server.credential.certificate)))
    for place in (0, 20, -1):
        yield BadAttributes(f"signature spoiled at {place}", Why.SIGNATURE, lambda m, place=place: _spoiled(m, place))  # type: ignore[misc]
    yield BadAttributes("nothing signed", Why.SIGNATURE, lambda m: _resigned(m, signature=b""))
    for algorithm in ("sha1_rsa", "md5_rsa", "sha1_ecdsa", "sha256_dsa", "rsassa_pss", "sha224_rsa"):
        yield BadAttributes(f"signed by {algorithm}", Why.ALGORITHM,
                            lambda m, a=algorithm: _resigned(m, algorithm=a, inner=a))  # type: ignore[misc]
    yield BadAttributes("two algorithms", Why.ALGORITHM, lambda m: _resigned(m, algorithm="sha512_rsa"))


def _host(m: Makers, name: str, lifetime: timedelta = 100 * HOUR) -> Credential:
    return m.pki.authority.issue_user(f"{BASE}/OU=Hosts/CN={name}", m.now, lifetime)


def _alike(m: Makers) -> Credential:
    certificate = m.server.credential.certificate
    made = replace(user(number=40), subject=certificate.subject, issuer=certificate.issuer, signer_key=user(number=41).key)
    link = made.signed_by(None)
    return Credential(link.key, link.certificate)


def _alike_with_chain(m: Makers) -> Credential:
    root = replace(user(number=41), subject=m.pki.authority.certificate.subject, extensions=[
        (x509.BasicConstraints(True, None), True)]).signed_by(None)
    link = Link(user(number=40).key, replace(
        user(number=40), subject=m.chained.credential.certificate.subject).signed_by(root).certificate)
    return Credential(link.key, link.certificate, (root.certificate,))


def _spoiled(m: Makers, place: int) -> bytes:
    made = cms.AttributeCertificateV2.load(m.made())
    signature = bytearray(made["signature"].native)
    signature[place] ^= 1
    made["signature"] = bytes(signature)
    return in_extension(made.dump(force=True))


def _resigned(m: Makers, algorithm: str | None = None, inner: str | None = None, signature: bytes | None = None) -> bytes:
    made = cms.AttributeCertificateV2.load(m.made())
    if algorithm is not None:
        made["signature_algorithm"] = {"algorithm": algorithm}
    if inner is not None:
        made["ac_info"]["signature"] = {"algorithm": inner}
    if signature is not None:
        made["signature"] = signature
    return in_extension(made.dump(force=True))


NULL = core.Null().dump()


def extensions() -> Iterator[BadAttributes]:
    """Missing, unknown, or of another."""
    yield BadAttributes("no noRevAvail", Why.EXTENSIONS_MISSING, extended(NO_REVOCATION_AVAILABLE, None))
    yield BadAttributes("no key identifier", Why.EXTENSIONS_MISSING, extended(AUTHORITY_KEY_IDENTIFIER, None))
    yield BadAttributes("empty key identifier", Why.KEY_IDENTIFIER, extended(AUTHORITY_KEY_IDENTIFIER, sequence(b"")))
    for length in (1, 20, 32):
        value = asn1x509.AuthorityKeyIdentifier({"key_identifier": b"\1" * length}).dump()
        yield BadAttributes(f"another key of {length} bytes", Why.KEY_IDENTIFIER, extended(AUTHORITY_KEY_IDENTIFIER, value))
    for kind in ("1.2.3.4", "2.5.29.19", "1.3.6.1.4.1.8005.100.100.9"):
        yield BadAttributes(f"critical extension {kind}", Why.CRITICAL_EXTENSION, extended(kind, sequence(b""), critical=True))
        yield BadAttributes(f"extension {kind} twice", Why.MALFORMED, extended(kind, sequence(b""), repeat=2))
    for kind in (GENERIC_ATTRIBUTES, CERTIFICATES, NO_REVOCATION_AVAILABLE):
        yield BadAttributes(f"critical extension {kind}", Why.CRITICAL_EXTENSION, extended(kind, NULL, critical=True))
    yield BadAttributes("no certificates", Why.UNKNOWN_SERVER, extended(CERTIFICATES, None))
    for name, value in {"nothing": b"", "null": NULL, "short": b"\x30\x05\x30", "number": b"\x02\x01\x05"}.items():
        for kind in (CERTIFICATES, GENERIC_ATTRIBUTES, AUTHORITY_KEY_IDENTIFIER, TARGETS):
            yield BadAttributes(f"{name} as extension {kind}", Why.MALFORMED, extended(kind, value))
    yield BadAttributes("empty lists of certificates", Why.MALFORMED, extended(CERTIFICATES, sequence(sequence(b"") * 2)))
    for hosts in ((), ("elsewhere",), ("localhost.elsewhere", "LOCALHOST"), ("",)):
        for critical in (True, False):
            yield BadAttributes(f"for {hosts}, critical {critical}", Why.TARGET, extended(TARGETS, targets(*hosts), critical))


def targets(*hosts: str) -> bytes:
    """The extension for these hosts."""
    each = [sequence(b"\xa0" + bytes([len(name)]) + name) for name in (uri(host).dump() for host in hosts)]
    return sequence(sequence(b"".join(each)))


def forms() -> Iterator[BadAttributes]:
    """What is not what it should be."""
    yield BadAttributes("version 1", Why.VERSION, setting("version", value="v1"))
    yield BadAttributes("long serial number", Why.MALFORMED, setting("serial_number", value=1 << 200))
    empty: Mapping[str, bytes] = {
        "nothing": b"", "null": NULL, "empty": sequence(b""), "empty in empty": sequence(sequence(b"")), "zeros": b"\0" * 100}
    for name, content in empty.items():
        yield BadAttributes(f"{name} as extension", Why.MALFORMED, lambda m, content=content: content)  # type: ignore[misc]
    yield BadAttributes("bytes behind it", Why.MALFORMED, lambda m: in_extension(m.made()) + b"\0")
    yield BadAttributes("bytes behind the list", Why.MALFORMED, lambda m: sequence(sequence(m.made()) + NULL))
    yield BadAttributes("two lists", Why.MALFORMED, lambda m: sequence(sequence(m.made()) * 2))
    yield BadAttributes("11 of them", Why.TOO_MANY, lambda m: in_extension(*[m.made()] * 11))
    for length in (10, 100, 500, -1):
        yield BadAttributes(f"cut at {length}", Why.MALFORMED, lambda m, n=length: in_extension(m.made())[:n])  # type: ignore[misc]


def bad_attributes() -> list[BadAttributes]:
    """All of them."""
    makers = (validity, holders, issuers, fqans, servers, signers, extensions, forms)
    return [bad for maker in makers for bad in maker()]
