"""The verdicts of all queues on one job, counted by criterion, with the queue that comes nearest. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pandad.spec.criterion import Kind, kind_of, next_step, remedy_of

Verdict = Mapping[str, Any]  # as brokerage stores it: queue, verdict, criterion, have, need, weight, text

OK = "ok"
# How near a queue comes that refuses for such a reason: what passes by itself is nearer than what somebody must change.
_NEARNESS = {Kind.LOAD: 0, Kind.STATUS: 1, Kind.HISTORY: 2, Kind.NEEDS: 3}
LISTED = 5  # nearest queues


def able(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Of the queues that can take it, the best first."""
    return sorted((v for v in verdicts if v["verdict"] == OK), key=lambda v: -float(v.get("weight") or 0))


def nearest(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Of those that refuse, the nearest first."""
    return sorted((v for v in verdicts if v["verdict"] != OK), key=_distance)


def _distance(verdict: Verdict) -> tuple[int, float]:
    return _NEARNESS[kind(verdict)], shortfall(verdict.get("have"), verdict.get("need"))


def shortfall(have: object, need: object) -> float:
    """How far what is there is from what is needed, as a part of it; 1 for what is no number."""
    if isinstance(have, int | float) and isinstance(need, int | float) and max(have, need) > 0:
        return abs(need - have) / max(have, need)
    return 1.0


def funnel(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """queues: how many were looked at; able: how many of them can take it; criteria: per criterion how many queues refuse by it,
    and of those the nearest; text: all of it in one line."""
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in nearest(verdicts):
        groups[verdict["criterion"]].append(verdict)
    ranked = sorted(groups.items(), key=lambda pair: -len(pair[1]))
    criteria = [_criterion(name, those, len(verdicts)) for name, those in ranked]
    return {"queues": len(verdicts), "able": len(able(verdicts)), "criteria": criteria,
            "text": "; ".join(each["text"] for each in criteria)}


def _criterion(name: str, those: Sequence[Verdict], total: int) -> dict[str, Any]:
    first = those[0]
    have, need = first.get("have"), first.get("need")
    return {"criterion": name, "queues": len(those), "nearest": first["queue"], "have": have, "need": need,
            "text": f"{len(those)} of {total} {_queues(total)}: {name} {_compared(have, need)}"}


def _queues(number: int) -> str:
    return "queue" if number == 1 else "queues"


def _compared(have: object, need: object) -> str:
    """The queue's figure first."""
    if isinstance(have, int | float) and isinstance(need, int | float):
        return f"{have} {'<' if have < need else '>'} {need}"
    return f"{have}, needed {need}"


def step_of(verdict: Verdict) -> str:
    """What would have to change for this queue to take it."""
    criterion, text = verdict["criterion"], str(verdict.get("text") or "")
    return next_step(remedy_of(criterion, text), verdict["queue"], criterion, verdict.get("have"), verdict.get("need"), text)


def kind(verdict: Verdict) -> Kind:
    """What it would take for this queue."""
    return kind_of(verdict["criterion"], str(verdict.get("text") or ""))
