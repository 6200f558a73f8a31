"""Who chooses the queues: pandad's own brokerage, or one of the plain ways with the same hard constraints, to compare it with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Protocol

from pandad.brokerage.rules import refusal

from .due import Due
from .jobs import Job
from .known import Known
from .pandad import Pandad, Placed, Waiting
from .place import End
from .sites import Site


class Policy(Protocol):
    """Chooses."""

    def choose(self, due: Due, known: Known) -> tuple[list[Placed], list[Job]]:
        """A round: jobs with the places of their queues in the list of queues, and those that no queue can take now."""
        ...

    def placed(self, job: Job, place: int) -> None:
        """What was chosen, by whomever, is done."""
        ...

    def ended(self, job: Job, place: int, end: End, now: float) -> None:
        """An attempt is over."""
        ...

    def keep(self, known: Known, waiting: Waiting) -> Iterable[tuple[Job, int | None]]:
        """Once a minute: jobs that leave the queue where they wait, and for which; None: they are brokered anew.

        :param waiting: the jobs that wait at a queue.
        """
        ...


class _Plain:
    """Chooses among the queues that the rules allow, job by job."""

    def __init__(self, sites: Sequence[Site], rng: Random) -> None:
        self._sites, self._rng = sites, rng
        self._able: dict[Hashable, list[int]] = {}
        self._statuses: Sequence[object] = ()

    def choose(self, due: Due, known: Known) -> tuple[list[Placed], list[Job]]:
        """See Policy."""
        statuses = [queue.status for queue in known.queues]
        if statuses != self._statuses:
            self._able, self._statuses = {}, statuses
        able = [(job, self._able_for(job, known)) for job in due.take_all()]
        placed = [(job, self._choose(job, places, known)) for job, places in able if places]
        return placed, [job for job, places in able if not places]

    def placed(self, job: Job, place: int) -> None:
        """Nothing follows from it."""

    def ended(self, job: Job, place: int, end: End, now: float) -> None:
        """Nor from this."""

    def keep(self, known: Known, waiting: Waiting) -> Iterable[tuple[Job, int | None]]:
        """What was placed stays where it is."""
        return ()

    def _able_for(self, job: Job, known: Known) -> list[int]:
        key = job.needs
        if key not in self._able:
            spec = job.spec()
            self._able[key] = [place for place, queue in enumerate(known.queues) if refusal(spec, queue) is None]
        return self._able[key]

    def _choose(self, job: Job, able: Sequence[int], known: Known) -> int:
        raise NotImplementedError


class RoundRobin(_Plain):
    """Each queue in its turn."""

    _next = 0

    def _choose(self, job: Job, able: Sequence[int], known: Known) -> int:
        chosen = next((place for place in able if place >= self._next), able[0])
        self._next = chosen + 1
        return chosen


class Uniform(_Plain):
    """Any queue, each as likely as the other."""

    def _choose(self, job: Job, able: Sequence[int], known: Known) -> int:
        return self._rng.choice(able)


class BySlots(_Plain):
    """Any queue, a large one so much more likely: who chooses so has been told how large they are, which the daemon is not."""

    def _choose(self, job: Job, able: Sequence[int], known: Known) -> int:
        return self._rng.choices(able, cum_weights=self._weights_of(job, able))[0]

    def _weights_of(self, job: Job, able: Sequence[int]) -> list[int]:
        key = ("weights", *job.needs)
        if key not in self._able:
            self._able[key] = list(accumulate(self._sites[place].slots for place in able))
        return self._able[key]


class GreedyLocality(BySlots):
    """A queue that lacks the fewest bytes; of several any, by their size."""

    def _choose(self, job: Job, able: Sequence[int], known: Known) -> int:
        dataset, block = job.task.dataset, job.block
        if dataset is None or block is None:
            return super()._choose(job, able, known)
        holders = known.storage.holders(dataset, block)
        near = [place for place in able if self._sites[place].endpoint in holders] or able
        return self._rng.choices(near, [self._sites[place].slots for place in near])[0]


POLICIES: Mapping[str, Callable[[Sequence[Site], Random], Policy]] = {
    "pandad": Pandad, "round_robin": RoundRobin, "random": Uniform, "random_by_slots": BySlots, "greedy_locality": GreedyLocality}
