"""What brokerage says: a verdict of each queue, and where a job goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pandad.brokerage.criterion import No
from pandad.brokerage.putoff import is_passing, longest_s
from pandad.spec.criterion import SCOUT
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue
from pandad.taskbuffer.decisions import Shared

WEIGHT_DIGITS = 6
LISTED = 3  # queues in a reason, those that come nearest; the rest is counted


@dataclass(frozen=True)
class Verdict:
    """One queue's answer: the rule it fails, or its weight."""

    queue: str
    no: No | None
    weight: float = 0.0

    @cached_property
    def stored(self) -> dict[str, object]:
        """As it is stored and shown."""
        if self.no is None:
            return {"queue": self.queue, "verdict": "ok", "weight": round(self.weight, WEIGHT_DIGITS), "text": "can take the job"}
        return {"queue": self.queue, "verdict": "no", **self.no.stored}


class Verdicts:
    """The answers of all queues to jobs that are alike, as they were for the first of them. Those after it find the queues a
    little fuller, and are not told so one by one."""

    def __init__(self, queues: Sequence[Queue], nos: Sequence[No | None], weights: Sequence[float]) -> None:
        self._queues, self._nos, self._weights = queues, nos, weights

    @cached_property
    def each(self) -> tuple[Verdict, ...]:
        """By queue, in the order of their names."""
        return tuple(Verdict(queue.name, no, weight)
                     for queue, no, weight in zip(self._queues, self._nos, self._weights, strict=True))

    @cached_property
    def able(self) -> int:
        """How many can take the job."""
        return self._nos.count(None)

    @cached_property
    def shared(self) -> Shared:
        """As they are stored: with each reason the queues that it keeps from the job."""
        able: dict[str, float] = {}
        refused: dict[int, tuple[No, list[str]]] = {}
        for queue, no, weight in zip(self._queues, self._nos, self._weights, strict=True):
            if no is None:
                able[queue.name] = round(weight, WEIGHT_DIGITS)
            elif id(no) in refused:
                refused[id(no)][1].append(queue.name)
            else:
                refused[id(no)] = (no, [queue.name])
        return Shared.of(able, [(no.stored, names) for no, names in refused.values()])

    @property
    def common(self) -> No | None:
        """Why no queue is asked at all."""
        first = self._nos[0] if self._nos else None
        return first if first is not None and first.criterion == SCOUT else None

    @cached_property
    def is_passing(self) -> bool:
        """Whether some queue is merely full, or braked."""
        return is_passing(self._nos)

    def pause_s(self, most_s: float) -> float:
        """The longest before such jobs are looked at again, if none took them."""
        return longest_s(self._nos, most_s)

    def of(self, queue: str | None) -> Verdict | None:
        """One queue's answer."""
        return next((verdict for verdict in self.each if verdict.queue == queue), None)

    @cached_property
    def refusals(self) -> str:
        """The nearest queues and what they lack, for a person."""
        refused = [(queue.name, no) for queue, no in zip(self._queues, self._nos, strict=True) if no is not None]
        nearest = sorted(refused, key=lambda pair: -pair[1].passed)
        more = f"; and {len(nearest) - LISTED} more" if len(nearest) > LISTED else ""
        return "; ".join(f"{queue}: {no.text}" for queue, no in nearest[:LISTED]) + more


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a job goes; ``chosen`` is None when no queue takes it.

    :param weight: of the chosen one, at this job's turn. :param before: how many jobs alike had their turn since the verdicts.
    :param is_scout: others of its task wait for it.
    """

    job: JobSpec
    chosen: Queue | None
    shared: Verdicts
    weight: float = 0.0
    before: int = 0
    is_scout: bool = False

    @property
    def queue(self) -> str | None:
        """The name of the chosen one."""
        return self.chosen.name if self.chosen is not None else None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The answers of all queues."""
        return self.shared.each

    @property
    def holds_up(self) -> bool:
        """Whether those behind the job have nothing to hope for: it waits for room, and has the first claim to it."""
        return self.chosen is None and self.shared.is_passing

    @property
    def reason(self) -> str:
        """One line for a person."""
        if self.chosen is not None:
            after = f", after {self.before} jobs alike" if self.before else ""
            return f"best of {self.shared.able} queues that can take it{after}"
        if not self.verdicts:
            return "there is no queue at all; add one with `pandad queue add FILE`"
        if self.shared.common is not None:
            return self.shared.common.text
        if self.job.is_pinned:
            own = self.shared.of(self.job.computingSite)
            return f"{own.queue}: {own.no.text}" if own and own.no else f"there is no queue {self.job.computingSite}"
        return f"no queue takes it: {self.shared.refusals}"
