"""The rules on how much work a queue has already, and the limits they keep. Criteria and figures: PanDA production broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pandad.brokerage.rules import No
from pandad.spec.facts import Load
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue

TRANSFERRING_LIMIT = 2000  # of a queue that says nothing else
PER_RUNNING = 2  # a busy queue may have so many times more than it runs, whatever the limits


@dataclass(frozen=True, slots=True)
class Limits:
    """``waiting``: jobs that a queue may have before its pilots take them; 0 is no limit."""

    waiting: int = 0


LoadRule = Callable[[Queue, Load, Limits], No | None]


def transferring(queue: Queue, load: Load, limits: Limits) -> No | None:
    """A queue whose outputs do not get away takes no more."""
    limit = max(queue.transferring_limit or TRANSFERRING_LIMIT, PER_RUNNING * load.running)
    if load.transferring <= limit:
        return None
    text = f"the outputs of {load.transferring} jobs wait there for transfer, {limit} may"
    return No(JobStatus.TRANSFERRING.value, load.transferring, limit, text)


def cap(queue: Queue, load: Load, limits: Limits) -> No | None:
    """No queue hoards work that another could begin sooner."""
    limit = max(limits.waiting, PER_RUNNING * load.running)
    if not limits.waiting or load.waiting < limit:
        return None
    return No("cap", load.waiting, limit, f"{load.waiting} jobs wait there already, {limit} may")


LOAD_RULES: Sequence[LoadRule] = (transferring, cap)


def overload(queue: Queue, load: Load, limits: Limits) -> No | None:
    """The first of these rules that the queue fails, None if it may have more work."""
    return next((no for rule in LOAD_RULES if (no := rule(queue, load, limits)) is not None), None)
