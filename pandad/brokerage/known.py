"""What the descriptions alone decide: it outlives a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.brokerage.criterion import No
from pandad.brokerage.inputs import Work
from pandad.brokerage.rules import RULES, refusal
from pandad.brokerage.usagerules import USAGE_RULES
from pandad.spec.facts import Usage
from pandad.spec.site import Queue

KNOWN_MOST = 5000  # kinds of jobs
PASSED_FIT = len(RULES)
PASSED_USAGE = PASSED_FIT + len(USAGE_RULES)


@dataclass(frozen=True, slots=True)
class Able:
    """What keeps queues from jobs whose descriptions, and tasks, are alike; and the places of those that nothing keeps."""

    nos: list[No | None]
    places: list[int]


class Known:
    """What the rules of the descriptions said, for as long as the queues are described as they are."""

    def __init__(self) -> None:
        self.able: dict[tuple[object, ...], Able] = {}
        self._queues: Sequence[Queue] = ()
        self._same: dict[No, No] = {}

    def hold_for(self, queues: Sequence[Queue]) -> None:
        """Forget what was said of others."""
        is_same = len(queues) == len(self._queues) and all(
            queue is was or (queue.status is was.status and queue.description == was.description)
            for queue, was in zip(queues, self._queues, strict=True))
        if not is_same or len(self.able) > KNOWN_MOST:
            self.able.clear()
            self._same.clear()
        self._queues = queues

    def find_able(self, work: Work, queues: Sequence[Queue]) -> Able:
        """What keeps each queue from such jobs."""
        nos = [refusal(work.job, queue) or _of_usage(work.usage, queue) for queue in queues]
        return Able([self._same.setdefault(no, no) if no is not None else None for no in nos],
                     [place for place, no in enumerate(nos) if no is None])


def _of_usage(usage: Usage | None, queue: Queue) -> No | None:
    for passed, rule in enumerate(USAGE_RULES if usage is not None else (), PASSED_FIT):
        assert usage is not None
        no = rule.check(usage, queue)
        if no is not None:
            return no.after(passed)
    return None
