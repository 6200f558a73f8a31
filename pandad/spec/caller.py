"""Who is calling. An identity is (trust anchor, DN) or (issuer, subject); names are labels and decide nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What an identity may act as, beyond itself."""

    PILOT = "pilot"            # may take and report any job
    PRODUCTION = "production"  # may submit and manage production work; may do what a pilot does
    DDM = "ddm"                # may tell what became of rules and transfers
    ADMIN = "admin"            # may do everything, and see everything


@dataclass(frozen=True, slots=True)
class Identity:
    """The anchor that vouches (root CA subject, or token issuer) and the name it vouches for (DN, or token subject)."""

    anchor: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What somebody proved about himself; what follows from it is not said here.

    ``kind``: the name of the authenticator that verified it. ``host``: the peer's address. ``not_after``: aware.
    ``limited``: a limited proxy, which may do a pilot's work only (RFC 3820 delegation by a job).
    ``vo``: who vouches for ``fqans``; "" is nobody.
    ``fqans``: as verified, in their order: ``/atlas/Role=production``. A token's groups are written the same way.
    ``nickname``: a label that the VO or the issuer gives.
    ``unproved``: why attributes that came along do not count, "" if they do or none came: a refusal tells who wonders why his
    role is not seen.
    """

    kind: str
    identity: Identity
    not_after: datetime
    host: str = ""
    limited: bool = False
    vo: str = ""
    fqans: tuple[str, ...] = ()
    nickname: str = ""
    unproved: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """One authenticated (or anonymous) peer, and what it may act as. ``limited``: see Credential.

    ``account``: the number of the account that the identity is linked to. ``others``: the other identities of it: what is
    theirs is the caller's.
    ``groups``: the workingGroups whose jobs the caller manages. ``production_of``: those of them for which it may also submit
    production work.
    ``remarks``: why attributes and FQANs do not count.
    """

    identity: Identity | None
    roles: frozenset[Role] = frozenset()
    limited: bool = False
    host: str = ""
    credential: Credential | None = None
    account: int | None = None
    others: frozenset[Identity] = frozenset()
    groups: frozenset[str] = frozenset()
    production_of: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Compact label for display, as PanDA makes it; never compare it."""
        return compact_name(self.identity.subject) if self.identity else "anonymous"

    def has(self, *roles: Role) -> bool:
        """Whether one of the roles, or admin, is held."""
        return not self.roles.isdisjoint((*roles, Role.ADMIN))

    def is_(self, identity: Identity | None) -> bool:
        """Whether that is the caller, under this identity or another one of the same account."""
        return identity is not None and (identity == self.identity or identity in self.others)

    @property
    def identities(self) -> frozenset[Identity]:
        """This one, if there is one, and the others of the account."""
        return self.others if self.identity is None else self.others | {self.identity}

    @property
    def described(self) -> str:
        """Whom the server takes the caller for, and with what rights: the end of each refusal."""
        if self.identity is None:
            return "no identity came with the call"
        fqans = self.credential.fqans if self.credential else ()
        said = [
            f"you are {self.identity.subject} (vouched for by {self.identity.anchor})",
            f"of account {self.account}" if self.account is not None else "",
            f"with roles: {', '.join(sorted(self.roles)) or 'none'}",
            f"production of: {', '.join(sorted(self.production_of))}" if self.production_of else "",
            f"FQANs: {', '.join(fqans)}" if fqans else "",
            "with a limited proxy" if self.limited else "",
            *self.remarks]
        return ", ".join(filter(None, said))


ANONYMOUS = Caller(None)

_CN = re.compile(r"/CN=([^/]*)")
_SERIAL = re.compile(r" \d+")


def compact_name(subject: str) -> str:
    """PanDA's user label: the last common name that is neither a number nor a proxy's, without numbers behind the name.

    Two people may share it.
    """
    names = [n for n in _CN.findall(subject) if n and not n.isdigit() and n not in ("proxy", "limited proxy")]
    return _SERIAL.sub("", names[-1]) or names[-1] if names else subject
