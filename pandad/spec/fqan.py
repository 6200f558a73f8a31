"""What a VO says of its members: a group, and maybe a role in it. Compared whole, never by how a text begins."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = r"[A-Za-z0-9._-]+"
_FQAN = re.compile(rf"((?:/{_PART})+)(?:/Role=({_PART}))?(?:/Capability=NULL)?")
_NO_ROLE = "NULL"


@dataclass(frozen=True, slots=True)
class Fqan:
    """``group``: with its VO, as /atlas/usatlas. ``role``: "" is a mere member."""

    group: str
    role: str = ""

    @property
    def vo(self) -> str:
        """The one VO that can say this."""
        return self.group.split("/", 2)[1]

    @property
    def subgroup(self) -> str:
        """The group below the VO, as usatlas; "" for the VO itself."""
        return self.group[len(self.vo) + 2:]

    def __str__(self) -> str:
        return f"{self.group}/Role={self.role}" if self.role else self.group


def fqan_of(text: str) -> Fqan | None:
    """The FQAN in a text; without a role, and with Role=NULL, it is the same. None: it is no FQAN, or one with a capability,
    which nobody gives any more and nobody knows the meaning of."""
    found = _FQAN.fullmatch(text)
    if found is None:
        return None
    return Fqan(found[1], "" if found[2] in (None, _NO_ROLE) else found[2])
