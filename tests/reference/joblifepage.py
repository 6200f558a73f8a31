"""docs/reference/joblife.md, from the table of a job's life (spec/jobstatus.py)."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from pandad.spec.jobstatus import AFTER_PILOT, BEFORE_PILOT, FINAL, IN_SLOT, INITIAL, LIVE, TRANSITIONS, Actor, Event, JobStatus

from .markdown import code, made, table

INTRODUCTION = """
Where a job is in its life is a *state*; what happens to it is an *event*, which leads from some states to one other. This is
all of it: an event that has no line here, in a state or by an actor that its line does not have, does not happen. Each that
does is in the job's history (`pandad job timeline ID`), with who caused it.

In the drawing are the events of a usual life. What may end a job almost anywhere is in the table only.
"""

MANY = 5  # states from which an event may happen, for it to be drawn
PARTS = {"before a pilot has it": BEFORE_PILOT, "in a slot": IN_SLOT, "after the pilot": AFTER_PILOT, "ended": FINAL}

_WORD = re.compile(r'^\s+\w+ = "(?P<word>[^"]+)"\s*#\s*(?P<says>.*)$', re.MULTILINE)


def page() -> str:
    """The whole page."""
    states = said(JobStatus)
    rows = ((code(state), part, states.get(state, ""))
            for part, members in PARTS.items() for state in JobStatus if state in members)
    actors = said(Actor)
    return "".join([
        made("The life of a job", INTRODUCTION), "\n```mermaid\n", drawing(), "```\n",
        "\n## States\n", table(("state", "", "means"), rows),
        "\n## Events\n", table(("event", "in", "leads to", "caused by", "means"), map(_event, TRANSITIONS)),
        "\n## Who causes them\n", table(("actor", "is"), ((code(actor), actors.get(actor, "itself")) for actor in Actor))])


def said(words: type[StrEnum]) -> Mapping[str, str]:
    """What the source says of each word, behind it."""
    return {found["word"]: found["says"] for found in _WORD.finditer(inspect.getsource(words))}


def _event(event: Event) -> tuple[str, ...]:
    row = TRANSITIONS[event]
    return code(event), _named(row.sources), code(row.target), ", ".join(sorted(row.actors)), said(Event).get(event, "")


def _named(states: Iterable[JobStatus]) -> str:
    found = frozenset(states)
    return "any live state" if found == LIVE else ", ".join(state for state in JobStatus if state in found)


def drawing() -> str:
    """The usual events as a diagram of Mermaid's: an arrow for each pair of states, with the events that lead there."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for actor, states in INITIAL.items():
        for state in states:
            arrows["[*]", state].append(f"{Event.SUBMITTED} ({actor})")
    for event, row in TRANSITIONS.items():
        if len(row.sources) <= MANY:
            for state in row.sources:
                arrows[state, row.target].append(event)
    order = ["[*]", *JobStatus]
    lines = [f"    {a} --> {b}: {', '.join(sorted(events))}\n" for (a, b), events in sorted(
        arrows.items(), key=lambda item: (order.index(item[0][0]), order.index(item[0][1])))]
    ends = [f"    {state} --> [*]\n" for state in JobStatus if state in FINAL]
    return "".join(["stateDiagram-v2\n", *lines, *ends])
