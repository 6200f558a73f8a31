"""Pilots and jobs brought together: all who ask at a time are served by one statement, each with what is best for it.

The order and what fits are worked out here, on windows of what waits (see window.py); the database decides who gets what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from pandad.config import SharesConfig
from pandad.jobdispatcher.fairshare import Shares
from pandad.jobdispatcher.window import Window
from pandad.spec.capability import Capability
from pandad.spec.job import JobSpec
from pandad.spec.line import Line
from pandad.taskbuffer import claims, lines
from pandad.taskbuffer.claims import Waiting, Wanted
from pandad.taskbuffer.store import Store

MOST = 100  # jobs in one round
WINDOW_S = 0.2  # how long a window is good at the least; what is activated meanwhile at a higher priority waits so long
WINDOW_SHARE = 20  # and so many times as long as it took to read
WINDOW_MAX_S = 5.0
TRIES = 3  # for who finds all its candidates taken by others
LINES_KEPT = 100_000


@dataclass(slots=True)
class Asking:
    """A pilot that waits for its answer."""

    pilot: Capability
    since: float  # on the clock, s
    answer: Deferred[list[JobSpec]] = field(default_factory=Deferred)
    tries: int = 0
    picked: list[tuple[Line, int]] = field(default_factory=list)


class Matcher:
    """Serves pilots in rounds, one at a time: who comes during a round is in the next, so a lone pilot waits for nothing."""

    def __init__(self, store: Store, clock: IReactorTime, config: SharesConfig) -> None:
        self._store, self._clock, self._config = store, clock, config
        self._shares = Shares(config)
        self._shares_until = clock.seconds()
        self._windows: dict[str, Window] = {}
        self._lines: dict[int, Line] = {}  # they never change
        self._asking: list[Asking] = []
        self._at_work = False

    def ask(self, pilot: Capability) -> Deferred[list[JobSpec]]:
        """Jobs for this pilot, its own when this fires; none if none that fits was there after it had asked.

        :raise StoreUnavailable: try later; if jobs were taken all the same, their lease brings them back.
        """
        asking = Asking(pilot, self._clock.seconds())
        self._asking.append(asking)
        if not self._at_work:
            self._at_work = True
            Deferred.fromCoroutine(self._work())
        return asking.answer

    async def _work(self) -> None:
        while self._asking:
            now = self._next()
            try:
                again = await self._round(now)
            except Exception as error:
                for each in now:
                    each.answer.errback(Failure(error))
            else:
                self._asking[:0] = again
        self._at_work = False

    def _next(self) -> list[Asking]:
        """Those who came first, for MOST jobs in all, but one of them at least."""
        jobs = number = 0
        for each in self._asking:
            jobs += each.pilot.count
            if jobs > MOST and number:
                break
            number += 1
        taken, self._asking = self._asking[:number], self._asking[number:]
        return taken

    async def _round(self, asking: Sequence[Asking]) -> list[Asking]:
        """Answer whom we can; the others must be asked for again."""
        await self._look({each.pilot.queue for each in asking if not self._fresh(each.pilot.queue)})
        for each in asking:
            each.picked = self._windows[each.pilot.queue].pick(each.pilot, self._shares)
        given = await self._take([each for each in asking if each.picked])
        return [each for each in asking if not self._answered(each, given.get(id(each), []))]

    def _answered(self, asking: Asking, jobs: list[JobSpec]) -> bool:
        window = self._windows[asking.pilot.queue]
        if not jobs and asking.picked:
            asking.tries += 1
            if asking.tries < TRIES:
                window.good_until = -1.0
                return False
        elif not jobs and window.read_at < asking.since:
            window.good_until = -1.0
            return False
        asking.answer.callback(jobs)
        return True

    async def _take(self, asking: Sequence[Asking]) -> Mapping[int, list[JobSpec]]:
        """What each got, by its id()."""
        takers: dict[tuple[str, Line], list[tuple[Asking, int]]] = defaultdict(list)
        for each in asking:
            for line, panda_id in each.picked:
                takers[each.pilot.queue, line].append((each, panda_id))
        if not takers:
            return {}
        wishes = [
            Wanted(queue, line.id, [*(i for _, i in those), *self._windows[queue].others(line, len(those))],
                   [each.pilot for each, _ in those])
            for (queue, line), those in takers.items()]
        found = await self._store.once("acquire_jobs", claims.take, wishes)
        given: dict[int, list[JobSpec]] = defaultdict(list)
        for ((queue, line), those), jobs in zip(takers.items(), found, strict=True):
            self._windows[queue].drop(line, {job.PandaID for job in jobs if job is not None and job.PandaID is not None})
            for (each, _), job in zip(those, jobs, strict=True):
                if job is not None:
                    given[id(each)].append(job)
        return given

    def _fresh(self, queue: str) -> bool:
        window = self._windows.get(queue)
        return window is not None and self._clock.seconds() <= window.good_until

    async def _look(self, queues: Collection[str]) -> None:
        """Read these windows anew, and who has how much when that is due."""
        if not queues:
            return
        began = self._clock.seconds()
        if began >= self._shares_until:
            await self._count()
        found = await self._store.once("waiting_jobs", claims.waiting, queues)
        await self._know({each.line for each in found})
        took_s = self._clock.seconds() - began
        good_until = self._clock.seconds() + min(max(WINDOW_S, WINDOW_SHARE * took_s), WINDOW_MAX_S)
        by_queue: dict[str, list[Waiting]] = {queue: [] for queue in queues}
        for each in found:
            by_queue[each.queue].append(each)
        for queue, there in by_queue.items():
            self._windows[queue] = Window.of(((self._lines[w.line], w.priority, w.panda_id) for w in there), began, good_until)

    async def _count(self) -> None:
        used = await self._store.once("shares", claims.usage)
        await self._know(used.keys())
        self._shares.counted({self._lines[line]: cores for line, cores in used.items()})
        self._shares_until = self._clock.seconds() + self._config.refresh_s

    async def _know(self, ids: Collection[int]) -> None:
        """Have the needs of these lines at hand."""
        if len(self._lines) > LINES_KEPT:
            self._lines.clear()
        unknown = [line for line in ids if line not in self._lines]
        if unknown:
            self._lines.update({line.id: line for line in await self._store.once("lines", lines.find, unknown)})
