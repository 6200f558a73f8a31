"""Which work a queue gives no share: CRIC's ``fairsharepolicy``, such as ``type=evgen:30%,group=higgs:0%,type=any:70%``.

Items are separated by commas; each is one or several conditions and a share, separated by colons. PanDA reads only the shares of
zero when it brokers (criterion zeroshare); the others were for a batch system. `any` is what no item of the same kind names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pandad.spec.errors import BadRequest

KEY = "fairsharepolicy"
ANY = "any"
NO_POLICY = frozenset({"", "NULL", "None"})  # what CRIC writes for none

_CONDITION = re.compile(r"(type|group|id)=(.+)|priority([<>]=?|=)(\d+)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%?")


@dataclass(frozen=True, slots=True)
class Share:
    """One item. ``named``: the value wanted for each of type (processingType), group (workingGroup) and id (work queue)."""

    text: str
    named: Mapping[str, str]
    priorities: Sequence[tuple[str, int]]
    is_zero: bool


@dataclass(frozen=True, slots=True)
class FairSharePolicy:
    """The items in their order."""

    shares: Sequence[Share] = ()

    def zero_share(self, work: Mapping[str, str], priority: int) -> str | None:
        """The item by which the queue gives this work nothing, None if it may have some.

        :param work: the job's type, group and id, as far as it has them.
        """
        return next((share.text for share in self.shares if share.is_zero and self._holds(share, work, priority)), None)

    def _holds(self, share: Share, work: Mapping[str, str], priority: int) -> bool:
        return (all(self._is(kind, value, work.get(kind, "")) for kind, value in share.named.items())
                and all(_compares(priority, sign, limit) for sign, limit in share.priorities))

    def _is(self, kind: str, wanted: str, value: str) -> bool:
        if wanted != ANY:
            return wanted == value
        return all(share.named.get(kind) != value for share in self.shares)


def policy_of(value: object) -> FairSharePolicy:
    """Read CRIC's words.

    :raise BadRequest: they are not of this form.
    """
    if value is None or str(value).strip() in NO_POLICY:
        return FairSharePolicy()
    return FairSharePolicy(tuple(_share(item.strip()) for item in str(value).split(",") if item.strip()))


def _share(text: str) -> Share:
    *conditions, share = text.split(":")
    found = [_CONDITION.fullmatch(condition) for condition in conditions]
    if not found or None in found or not _SHARE.fullmatch(share):
        raise BadRequest(KEY, f"{text!r} is no share; write, for example, type=evgen:30% or group=higgs:0%")
    parts = [match for match in found if match is not None]
    named = {match[1]: match[2] for match in parts if match[1]}
    priorities = [(match[3], int(match[4])) for match in parts if not match[1]]
    return Share(text, named, priorities, float(share.rstrip("%")) == 0)


def _compares(priority: int, sign: str, limit: int) -> bool:
    match sign:
        case ">":
            return priority > limit
        case ">=":
            return priority >= limit
        case "<":
            return priority < limit
        case "<=":
            return priority <= limit
    return priority == limit
