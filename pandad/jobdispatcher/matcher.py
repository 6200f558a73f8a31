"""Pilots and jobs brought together: all who ask at a time are served by one statement, each with what is best for it.

The order and what fits are worked out here, on windows of what waits (see window.py); the database decides who gets what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from math import inf

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from pandad.config import SharesConfig
from pandad.jobdispatcher.fairshare import Shares
from pandad.jobdispatcher.window import Window
from pandad.spec.account import People
from pandad.spec.capability import Capability
from pandad.spec.facts import Refusal
from pandad.spec.job import ClaimedJob
from pandad.spec.line import Line
from pandad.taskbuffer import claims, lines
from pandad.taskbuffer.batch import Batcher
from pandad.taskbuffer.claims import Waiting, Wanted
from pandad.taskbuffer.store import Store

MOST = 100  # jobs in one claim
WINDOW_S = 0.2  # how long a window is good at the least; what is activated meanwhile at a higher priority waits so long
WINDOW_SHARE = 20  # and so many times as long as it took to read
WINDOW_MAX_S = 5.0
SPARES = (0, 64, claims.READ_MOST)  # more candidates at each try of who finds all its own taken by others
SPARES_MAX = 64  # for everybody, while others take from the same queues
LINES_KEPT = 100_000


@dataclass(slots=True, eq=False)
class Asking:
    """A pilot that waits for its answer; ``jobs`` is that answer."""

    pilot: Capability
    gone: Callable[[], bool]  # nobody waits any longer
    jobs: list[ClaimedJob] | None = None
    tries: int = 0
    picked: list[tuple[Line, int]] = field(default_factory=list)


class Matcher:
    """Serves pilots in rounds, one at a time: who comes during a round is in the next, so a lone pilot waits for nothing."""

    def __init__(self, store: Store, clock: IReactorTime, config: SharesConfig, people: People | None = None) -> None:
        self._store, self._clock, self._config = store, clock, config
        self._shares = Shares(config, people)
        self._shares_at = self._shares_until = -inf  # counted then, and to be counted anew
        self._windows: dict[str, Window] = {}
        self._lines: dict[int, Line] = {}  # they never change
        self._spares = 0  # candidates beside those picked: other processes pick the same ones
        self._batcher: Batcher[None, Asking, list[ClaimedJob]] = Batcher("acquire", self._round)

    def ask(self, pilot: Capability, gone: Callable[[], bool] = lambda: False) -> Deferred[list[ClaimedJob]]:
        """Jobs for this pilot, its own when this fires; none if none that fits was there after it had asked.

        :raise StoreUnavailable: try later; if jobs were taken all the same, their lease brings them back.
        """
        return self._batcher.ask(None, Asking(pilot, gone))

    def refusals(self, pilot: Capability) -> list[Refusal]:
        """What keeps a pilot from what waited at its queue when that was last read."""
        window = self._windows.get(pilot.queue)
        return window.refusals(pilot, self._shares) if window is not None else []

    async def _round(self, _: None, everybody: Sequence[Asking]) -> list[list[ClaimedJob]]:
        began = self._clock.seconds()
        while waiting := [each for each in everybody if each.jobs is None]:
            await self._serve(_first(waiting), began)
        return [each.jobs or [] for each in everybody]

    async def _serve(self, asking: Sequence[Asking], began: float) -> None:
        """Pick for these pilots and take what was picked. Who is not answered then must be served again."""
        for each in asking:
            each.jobs = [] if each.gone() else None
        asking = [each for each in asking if each.jobs is None]
        await self._look({each.pilot.queue for each in asking if not self._fresh(each.pilot.queue)})
        for each in asking:
            each.picked = self._windows[each.pilot.queue].pick(each.pilot, self._shares)
        given = await self._take([each for each in asking if each.picked])
        for each in asking:
            window, jobs = self._windows[each.pilot.queue], given[each]
            each.tries += bool(each.picked) and not jobs
            if jobs or each.tries == len(SPARES) or not each.picked and self._is_certain(window, each.pilot, began):
                each.jobs = jobs
            else:
                window.good_until = -inf  # others were quicker, or it is older than the question

    def _is_certain(self, window: Window, pilot: Capability, began: float) -> bool:
        """Whether there is nothing for a pilot: by a window, and by counts of the caps, that are not older than its question."""
        if self._shares_at < began and window.passed_over(pilot, self._shares):
            self._shares_until = -inf  # what was given out since the last count may have ended
            return False
        return window.read_at >= began

    async def _take(self, asking: Sequence[Asking]) -> defaultdict[Asking, list[ClaimedJob]]:
        """What each got."""
        takers: dict[tuple[str, Line], list[tuple[Asking, int]]] = defaultdict(list)
        for each in asking:
            for line, panda_id in each.picked:
                takers[each.pilot.queue, line].append((each, panda_id))
        given: defaultdict[Asking, list[ClaimedJob]] = defaultdict(list)
        if not takers:
            return given
        wishes = [self._wish(queue, line, those) for (queue, line), those in takers.items()]
        found = await self._store.once("acquire_jobs", claims.take, wishes)
        missed = any(job is None for jobs in found for job in jobs)
        self._spares = min(max(8, 2 * self._spares), SPARES_MAX) if missed else self._spares // 2
        for ((queue, line), those), jobs in zip(takers.items(), found, strict=True):
            spares = {job.PandaID for job in jobs if job is not None and job.PandaID is not None}.difference(i for _, i in those)
            if spares:
                self._windows[queue].drop(line, spares)
            for (each, _), job in zip(those, jobs, strict=True):
                if job is not None:
                    given[each].append(job)
        return given

    def _wish(self, queue: str, line: Line, those: Sequence[tuple[Asking, int]]) -> Wanted:
        spares = max(self._spares, *(SPARES[each.tries] for each, _ in those))
        ids = [*(panda_id for _, panda_id in those), *self._windows[queue].others(line, spares)]
        return Wanted(queue, line.id, ids, [each.pilot for each, _ in those])

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
        found = await self._store.read("waiting_jobs", claims.waiting, queues)
        await self._know({each.line for each in found})
        took_s = self._clock.seconds() - began
        good_until = self._clock.seconds() + min(max(WINDOW_S, WINDOW_SHARE * took_s), WINDOW_MAX_S)
        by_queue: dict[str, list[Waiting]] = {queue: [] for queue in queues}
        for each in found:
            by_queue[each.queue].append(each)
        for queue, there in by_queue.items():
            known = ((self._lines[w.line], w.priority, w.panda_id) for w in there if w.line in self._lines)
            self._windows[queue] = Window.of(known, began, good_until)

    async def _count(self) -> None:
        self._shares_at = self._clock.seconds()
        used = await self._store.read("shares", claims.usage)
        await self._know(used.keys())
        self._shares.counted({self._lines[line]: cores for line, cores in used.items() if line in self._lines})
        self._shares_until = self._clock.seconds() + self._config.refresh_s

    async def _know(self, ids: Collection[int]) -> None:
        """Have the needs of these lines at hand. One that is missing, which fsck tells, keeps its own jobs back and no others."""
        if len(self._lines) > LINES_KEPT:
            self._lines.clear()
        unknown = [line for line in ids if line not in self._lines]
        if unknown:
            self._lines.update({line.id: line for line in await self._store.read("lines", lines.find, unknown)})


def _first(asking: Sequence[Asking]) -> Sequence[Asking]:
    """Those who came first, for MOST jobs in all, but one of them at least."""
    jobs = 0
    for number, each in enumerate(asking):
        jobs += each.pilot.count
        if jobs > MOST and number:
            return asking[:number]
    return asking
