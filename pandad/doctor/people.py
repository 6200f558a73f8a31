"""Who has which role: entries of [identity] that meet nobody, or more than was meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress

from cryptography import x509

from pandad.api.x509.gridcert import UNREADABLE, read
from pandad.api.x509.vomsdir import read_vomsdir
from pandad.doctor.finding import Finding, warning
from pandad.doctor.installation import Installation
from pandad.doctor.issuers import accepted
from pandad.spec.caller import Identity
from pandad.spec.fqan import Fqan
from pandad.spec.principal import principal_of

PAGE = "reference/rights.md"
NO_PILOT = warning(
    "nobody-is-pilot", "nobody may fetch jobs",
    "write the DN of the pilots' robot into identity.pilot, or its VO into identity.vos", PAGE)
OF_A_PROXY = warning(
    "dn-of-a-proxy", "a DN is that of a proxy, which nobody is known by", 'write "{dn}"', PAGE)
TWICE = warning("named-twice", "somebody is in a list twice", "leave one of the two out", PAGE)
UNKNOWN_CA = warning(
    "unknown-ca", "an entry is bound to a CA that is not trusted, and meets nobody",
    "install the CA in tls.ca_directory, or write its DN as `openssl x509 -noout -subject -nameopt compat` prints it", PAGE)
UNKNOWN_ISSUER = warning(
    "unknown-issuer", "an entry is bound to a token issuer that is not accepted, and meets nobody",
    "write the issuer exactly as in [tokens.issuers], or add it there", PAGE)
UNKNOWN_VO = warning(
    "unknown-vo", "a VO is named that nobody vouches for, and its roles meet nobody",
    "put the .lsc files of its VOMS servers into tls.vomsdir/{vo}/, or a token issuer of it into [tokens]", "reference/x509.md")
ANY_CA = warning(
    "dn-of-any-ca", "a DN counts whichever of several CAs vouches for it", 'write "{dn} from CA", CA being the DN of its root',
    PAGE)

LISTS = ("pilot", "production", "admin", "ddm")
SEVERAL = 3  # CAs: a grid's bundle; one more than the own one may be the next key of the same
_PROXY_CN = re.compile(r"/CN=(?:limited proxy|proxy|\d{5,})$")


def people(seen: Installation) -> Iterator[Finding]:
    """What [identity] says, beside the form of its entries."""
    identity = seen.config.identity
    if not identity.pilot and not identity.vos and not _vos_of_tokens(seen):
        yield NO_PILOT.found("is empty, and no VO's roles count", **seen.place("identity", "pilot"))
    anchors, vos, issuers = _anchors(seen), _vos(seen), _issuers(seen)
    for name, members in (*((name, getattr(identity, name)) for name in LISTS), *identity.groups.items()):
        path = ("identity", name) if name in LISTS else ("identity", "groups", name)
        yield from _doubled(seen, path, members)
        for number, member in enumerate(members):
            yield from _entry(seen, (*path, number), member, anchors, vos, issuers)
    for number, vo in enumerate(identity.vos):
        if vo not in vos:
            yield UNKNOWN_VO.found(f"is {vo!r}, and nobody vouches for that VO", **seen.place("identity", "vos", number), vo=vo)


def _doubled(seen: Installation, path: tuple[str, ...], members: Collection[str]) -> Iterator[Finding]:
    for number, member in enumerate(members):
        if member in list(members)[:number]:
            yield TWICE.found(f"names {member} a second time", **seen.place(*path, number))


def _entry(seen: Installation, path: tuple[str | int, ...], member: str, anchors: Collection[str], vos: Collection[str],
           issuers: Collection[str]) -> Iterator[Finding]:
    meant = principal_of(member)
    where = seen.place(*path)
    if isinstance(meant, Fqan):
        if meant.vo not in vos:
            yield UNKNOWN_VO.found(f"is of the VO {meant.vo}, which nobody vouches for", **where, vo=meant.vo)
        return
    subject = meant.subject if isinstance(meant, Identity) else member
    if subject.startswith("/") and (tail := _PROXY_CN.search(subject)) and not tail[0][4:].isdigit():
        yield OF_A_PROXY.found(f"ends in {tail[0]}", **where, dn=_PROXY_CN.sub("", subject))
    if isinstance(meant, Identity) and meant.anchor.startswith("/") and anchors and meant.anchor not in anchors:
        yield UNKNOWN_CA.found(f"is bound to {meant.anchor}, which is no root in {seen.config.tls.ca_directory}", **where)
    if isinstance(meant, Identity) and not meant.anchor.startswith("/") and meant.anchor not in issuers:
        yield UNKNOWN_ISSUER.found(f"is bound to {meant.anchor}, whose tokens are not accepted", **where)
    if isinstance(meant, str) and len(anchors) >= SEVERAL:
        yield ANY_CA.found(f"counts from any of {len(anchors)} CAs", **where, dn=member)


def _anchors(seen: Installation) -> Collection[str]:
    """The DNs of the roots that are trusted; none if they cannot be read."""
    found = set()
    for file in seen.config.tls.ca_directory.glob("*.[0-9]"):
        with suppress(OSError, *UNREADABLE):
            found.add(read(x509.load_pem_x509_certificate(file.read_bytes())).subject)
    return found


def _vos(seen: Installation) -> Collection[str]:
    of_voms = {name for name, vo in read_vomsdir(seen.config.tls.vomsdir).items() if vo.chains or vo.certificates}
    return of_voms | _vos_of_tokens(seen)


def _vos_of_tokens(seen: Installation) -> set[str]:
    return {each.vo for each, _ in accepted(seen)}


def _issuers(seen: Installation) -> set[str]:
    return {name for each, _ in accepted(seen) for name in each.issuers}
