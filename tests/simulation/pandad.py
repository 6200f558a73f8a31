"""The daemon's brokerage at work on the simulated grid: rounds, the brake, and rebrokerage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from random import Random

from pandad.brokerage.broker import Decision, Round
from pandad.brokerage.cycle import DEEPER, EXPLAINED, FIRST, PAGE, by_turns
from pandad.brokerage.known import Known as KnownRules
from pandad.brokerage.policy import policy_of
from pandad.brokerage.snapshot import Snapshot
from pandad.config import BrokerageConfig
from pandad.spec.facts import Whereabouts
from pandad.spec.file import FileName
from pandad.spec.site import QueueStatus

from .brakes import Brakes
from .due import Due
from .jobs import Job
from .known import Known
from .place import End
from .sites import Site

SETTINGS = BrokerageConfig(most_backlog_files=50)
"""What differs from the defaults is what the operator of a grid that moves data would set."""
IMPROVE_S = 600.0
DAY_S = 24 * 3600.0
APART = 200  # jobs that no queue took before, at a time, and as many again while most are placed: see the page on the simulation


Placed = tuple[Job, int]
Waiting = Callable[[int], Iterable[Job]]


class Pandad:
    """See Policy."""

    def __init__(self, sites: Sequence[Site], rng: Random) -> None:
        self._policy = policy_of(SETTINGS)
        self._names = [site.queue.name for site in sites]
        self._places = {name: place for place, name in enumerate(self._names)}
        self._known = KnownRules()
        self.brakes = Brakes(SETTINGS)
        self._offline_since: dict[int, float] = {}
        self._improved_at = 0.0
        self._left: dict[int, list[tuple[float, str]]] = {}  # by PandaID: when it was taken from which queue

    def choose(self, due: Due, known: Known) -> tuple[list[Placed], list[Job]]:
        """As `cycle.Cycle` does: the heads of all lines, and then more of those lines in which none holds up the others."""
        snapshot = self._snapshot(known)
        round_, each = Round(snapshot, self._policy, self._known), FIRST
        placed: list[Placed] = []
        put_off: list[Job] = []
        lines, taken = {line: due.take(line, each) for line in due.lines}, 0
        apart = due.take_apart(APART)
        while (lines or apart) and taken < SETTINGS.batch:
            taken += sum(map(len, lines.values()))
            those = [job for jobs in (*lines.values(), apart) for job in jobs]
            round_.learn(replace(snapshot, where=_where(those, known)))
            made = {decision.job.PandaID: decision for decision in self._decide(round_, [*lines.values(), apart])}
            found = [(job, made[job.panda_id].queue) for job in those if job.panda_id in made]
            placed += [(job, self._places[queue]) for job, queue in found if queue is not None]
            put_off += [job for job, queue in found if queue is None] + [job for job in apart if job.panda_id not in made]
            due.add(*(job for jobs in lines.values() for job in jobs if job.panda_id not in made))
            open_ = [line for line, jobs in lines.items() if len(jobs) >= each and not _hold_up(jobs, made)]
            each = max(min(each * DEEPER, PAGE, (SETTINGS.batch - taken) // max(len(open_), 1)), 1)
            lines = {line: jobs for line in open_ if (jobs := due.take(line, each))}
            apart = due.take_apart(APART) if 2 * sum(_is_placed(job, made) for job in apart) > len(apart) else []
        due.add(*(job for jobs in lines.values() for job in jobs))
        return placed, put_off

    @staticmethod
    def _decide(round_: Round, lines: Iterable[Sequence[Job]]) -> Iterator[Decision]:
        """Jobs like many that were refused are left out."""
        for spec in by_turns([job.waiting() for job in jobs] for jobs in lines):
            if round_.refused(spec) < EXPLAINED:
                yield round_.decide(spec)

    def _snapshot(self, known: Known) -> Snapshot:
        return Snapshot(known.queues, known.counts, known.pilots, known.ends, links=known.storage.links(),
                        brakes=self.brakes.known(known.now))

    def placed(self, job: Job, place: int) -> None:
        """It goes there."""
        job.forget()
        self.brakes.placed(self._names[place], job, place)

    def ended(self, job: Job, place: int, end: End, now: float) -> None:
        """Its attempt there is over."""
        self.brakes.ended(self._names[place], job, end, now)

    def keep(self, known: Known, waiting: Waiting) -> list[tuple[Job, int | None]]:
        """What the loops beside brokerage do: which jobs leave their queues, and for which; None: they are brokered anew.

        :param waiting: the jobs that wait at a queue.
        """
        self.brakes.judge(known.ends, known.eaten, known.now)
        moves: list[tuple[Job, int | None]] = [(job, None) for job in dict.fromkeys(self._swept(known, waiting))]
        if known.now - self._improved_at >= IMPROVE_S:
            self._improved_at = known.now
            gone = {job for job, _ in moves}
            moves += self._better([job for place in range(len(self._names)) for job in waiting(place) if job not in gone], known)
        return moves

    def _swept(self, known: Known, waiting: Waiting) -> Iterator[Job]:
        """From queues that are braked, all but the tests; and from those that have been offline for some time."""
        for queue in self.brakes.known(known.now):
            yield from (job for job in waiting(self._places[queue]) if not self.brakes.tests(queue, job))
        offline = [place for place, queue in enumerate(known.queues) if queue.status is QueueStatus.OFFLINE]
        self._offline_since = {place: self._offline_since.get(place, known.now) for place in offline}
        for place, since in self._offline_since.items():
            if known.now - since >= SETTINGS.rebroker_offline_s:
                yield from waiting(place)

    def _better(self, waiting: Sequence[Job], known: Known) -> Iterator[tuple[Job, int | None]]:
        """Jobs that waited long and would do much better elsewhere."""
        jobs = [job for job in waiting if known.now - job.since > self._patience_s(job)]
        round_ = Round(replace(self._snapshot(known), where=_where(jobs, known)), self._policy, self._known)
        for job in jobs:
            been = [queue for at, queue in self._left.get(job.panda_id, ()) if at > known.now - DAY_S]
            spec = job.spec()
            spec.computingSite = self._names[job.site or 0]
            decision = round_.better(spec, SETTINGS.rebroker_gain, been) if len(been) < SETTINGS.rebroker_moves else None
            if decision is not None and decision.chosen is not None:
                self._left.setdefault(job.panda_id, []).append((known.now, spec.computingSite))
                yield job, self._places[decision.chosen.name]

    @staticmethod
    def _patience_s(job: Job) -> float:
        is_users = job.task.line.label == "user"
        return (SETTINGS.rebroker_analysis_s if is_users else SETTINGS.rebroker_production_s) or inf


def _is_placed(job: Job, made: Mapping[int | None, Decision]) -> bool:
    return job.panda_id in made and made[job.panda_id].chosen is not None


def _hold_up(jobs: Iterable[Job], made: Mapping[int | None, Decision]) -> bool:
    """Whether one of these jobs of a line keeps those behind them waiting: see `cycle.Cycle`."""
    return any(job.panda_id not in made or made[job.panda_id].holds_up for job in jobs)


def _where(jobs: Iterable[Job], known: Known) -> Whereabouts:
    """What the catalogue says of the input of these jobs."""
    copies: dict[FileName, Mapping[str, int]] = {}
    blocks: dict[tuple[int, int], Mapping[str, int]] = {}  # many jobs read one
    for job in jobs:
        file, block, dataset = job.input, job.block, job.task.dataset
        if file is not None and block is not None and dataset is not None:
            held = blocks.get(block)
            if held is None:
                held = blocks[block] = dict.fromkeys(known.storage.holders(dataset, block), dataset.block_bytes)
            copies[FileName.of(file)] = held
    return Whereabouts(copies)
