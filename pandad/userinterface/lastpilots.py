"""What the last pilots of a queue asked for, and why one job, or nothing at all, was theirs: by the predicate of dispatch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.capability import Capability, Misfit, misfit
from pandad.spec.criterion import PILOT_REMEDIES, next_step
from pandad.spec.facts import Asked, Refusal
from pandad.spec.line import Line
from pandad.userinterface.funnel import shortfall

WHOSE = frozenset({"owner", "prodUserName"})  # criteria that tell whose pilot it is
PERSONAL = frozenset({"owners", "owner_name"})  # and what the pilot said of that
PRIVATE = PERSONAL | {"node", "computing_element", "scheduler_id", "harvester_id", "worker_id", "holder"}
HIDDEN = "somebody else's"


@dataclass(frozen=True, slots=True)
class Tried:
    """One kind of pilot that asked, and why it cannot take the jobs of a line; None: it can."""

    asked: Asked
    no: Misfit | None


NOBODY = Identity("", "")
_KNOWN = frozenset(f.name for f in fields(Capability)) - {"queue", "holder"}


def pilot_of(queue: str, demands: Mapping[str, Any]) -> Capability:
    """What a pilot asked for, in the form that dispatch decides by."""
    said = {name: value for name, value in demands.items() if name in _KNOWN}
    if "owners" in said:
        said["owners"] = frozenset(Identity(*each) for each in said["owners"])
    return Capability(queue=queue, holder=NOBODY, **said)


def tried(line: Line, queue: str, asked: Sequence[Asked]) -> list[Tried]:
    """The last pilots of the queue against one line, as dispatch decides."""
    return [Tried(each, misfit(line, pilot_of(queue, each.demands))) for each in asked]


def main_obstacle(found: Sequence[Tried]) -> Misfit | None:
    """What keeps most of these pilots from taking it, and of those the nearest; None if one can."""
    refusals = [each.no for each in found if each.no is not None]
    if not refusals or len(refusals) < len(found):
        return None
    (criterion, _), = Counter(no.criterion for no in refusals).most_common(1)
    return min((no for no in refusals if no.criterion == criterion), key=lambda no: shortfall(no.have, no.need))


def step_of(no: Misfit, queue: str) -> str:
    """What would have to change for such a pilot to take it."""
    return next_step(PILOT_REMEDIES.get(no.criterion), queue, no.criterion, no.have, no.need)


def words(no: Misfit) -> str:
    """For a person: what the job needs and the pilot has."""
    if no.criterion in WHOSE:
        return f"{no.criterion}: the pilot takes the jobs of one user only"
    return f"{no.criterion}: the job needs {_plain(no.need) or 'none'}, the pilot has {_listed(no.have)}"


def rows(found: Sequence[Tried], caller: Caller) -> list[dict[str, Any]]:
    """For the answer: what `row` has, and of this job fits, criterion, have, need, text."""
    return [{**row(each.asked, caller), **_verdict(each, caller)} for each in found]


def row(asked: Asked, caller: Caller) -> dict[str, Any]:
    """One kind of pilot: at, asked, jobs (how many the last one got) and reasons (if none, what kept most jobs from it first)."""
    reasons = [{"criterion": no.criterion, "lines": no.lines, **_compared(no, caller)} for no in asked.refusals]
    return {"at": asked.at, "asked": demands(asked.demands, caller), "jobs": asked.jobs, "reasons": reasons}


def may_see_nodes(caller: Caller) -> bool:
    """Names of nodes, and whose pilots they are, are for those who run the service."""
    return caller.has(Role.PRODUCTION) and not caller.limited


def demands(said: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """What a pilot said, for this caller."""
    if may_see_nodes(caller):
        return {key: _plain(value) for key, value in said.items()}
    shown = {key: _plain(value) for key, value in said.items() if key not in PRIVATE}
    return {**shown, "owners": HIDDEN} if PERSONAL & said.keys() else shown


def _compared(no: Misfit | Refusal, caller: Caller) -> dict[str, Any]:
    hidden = no.criterion in WHOSE and not may_see_nodes(caller)
    return {"have": HIDDEN if hidden else _plain(no.have), "need": None if hidden else _plain(no.need)}


def _verdict(each: Tried, caller: Caller) -> dict[str, Any]:
    if each.no is None:
        return {"fits": True, "criterion": None, "have": None, "need": None, "text": "can take it"}
    return {"fits": False, "criterion": each.no.criterion, **_compared(each.no, caller), "text": words(each.no)}


def _plain(value: object) -> Any:
    if isinstance(value, Identity):
        return value.subject
    return [_plain(each) for each in value] if isinstance(value, tuple | list | set | frozenset) else value


def _listed(value: object) -> str:
    plain = _plain(value)
    return ", ".join(map(str, plain)) if isinstance(plain, list) else str(plain)


def newest(asked: Sequence[Asked]) -> datetime | None:
    """When a pilot asked last."""
    return max((each.at for each in asked), default=None)
