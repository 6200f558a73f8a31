"""One round of brokerage: read the facts, decide, move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pandad import log, metrics
from pandad.brokerage import logline
from pandad.brokerage.ahead import Behind, in_turn
from pandad.brokerage.broker import Decision, Round
from pandad.brokerage.known import Known
from pandad.brokerage.look import Locator, Look
from pandad.brokerage.policy import policy_of
from pandad.brokerage.putoff import RETRY_S as RETRY_S
from pandad.brokerage.putoff import PutOff
from pandad.brokerage.snapshot import Snapshot
from pandad.config import BrokerageConfig
from pandad.pace import Pace
from pandad.spec.errorcodes import NO_QUEUE
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import brakes, decisions, deferrals, moves, scouts, worklists
from pandad.taskbuffer.decisions import NewDecision
from pandad.taskbuffer.store import Store, Transaction

WHO = "brokerage"
DIAG_LENGTH = 250  # of brokerageErrorDiag
PAGE = 500  # jobs in one reading or writing: what is done with them at a time must not keep calls waiting
LINES = 250  # in one reading of heads
FIRST, DEEPER = 1, 8  # jobs of each line at first, and so many times as many in each reading that follows
EXPLAINED = 20  # jobs alike that are told why no queue takes them; those behind wait for the same, and are not touched

Lines = Mapping[int, Sequence[JobSpec]]


@dataclass(slots=True, eq=False)
class _Run:
    """A round under way.

    :param through: PandaIDs of jobs that do not hold up those behind them. :param decided: how many jobs were looked at.
    :param put_off_s: the longest pause of jobs that no queue takes.
    """

    round: Round
    snapshot: Snapshot
    put_off_s: float
    writes: Behind = field(default_factory=Behind)
    through: set[int] = field(default_factory=set)
    decided: int = 0


class Cycle:
    """Gives `defined` jobs a queue.

    Of each line, jobs alike of one owner, it takes the first one, and goes on with the lines where that was placed, or is refused
    for what it is alone: so it does not matter how many wait behind those for which there is no room.
    """

    log = Logger()

    def __init__(self, store: Store, config: BrokerageConfig, clock: IReactorTime, data: Locator) -> None:
        self._store, self._batch, self._clock = store, config.batch, clock
        self._look, self._policy = Look(store, config, clock, data), policy_of(config)
        self._known, self._put_off, self._put_off_s = Known(), PutOff(store), float(config.put_off_s)
        self._line = 0  # the last one that was read, in a round that did not come to the end

    async def run_once(self) -> bool:
        """Broker due jobs; True if there may be more that find a queue.

        Reading and writing are separate short transactions: a long one would hold back the vacuum of the hot table. A job that
        changed in between is simply not moved. PostgreSQL reads the next page and writes the last one while one is decided.
        """
        began = self._line
        lines = await self._heads()
        if not lines and began:
            lines = await self._heads()  # from the first line again
        put_off = await self._put_off.take(self._batch)
        if not lines and not put_off:
            self._put_off.taken()
            return self._put_off.is_under_way
        snapshot = await self._look.queues()
        run = _Run(Round(snapshot, self._policy, self._known), snapshot, self._put_off_s)
        each, taken = min(FIRST, self._batch), 0
        try:
            while (lines or put_off) and taken < self._batch:
                jobs = by_turns([*lines.values(), put_off])[:self._batch + len(put_off) - taken]
                pages = [jobs[start:start + PAGE] for start in range(0, len(jobs), PAGE)]
                await in_turn([partial(self._looked, snapshot, page) for page in pages], partial(self._place, run))
                taken += len(jobs) - len(put_off)
                put_off = []
                lines, each = await self._behind(lines, run.through, each, self._batch - taken)
        finally:
            await run.writes.end()
        self._put_off.taken()
        return self._put_off.is_under_way or (run.decided > 0 and (taken >= self._batch or began > 0 or self._line > 0))

    async def _heads(self) -> Lines:
        """The heads of the lines, after those of the round before if that did not come to the end."""
        found: dict[int, Sequence[JobSpec]] = {}
        jobs, each = 0, min(FIRST, self._batch)
        while jobs < self._batch:
            lines = min(LINES, max((self._batch - jobs) // each, 1))
            page = await self._store.read("brokerage_read", worklists.heads, lines, each, self._line)
            found.update((line, there) for line, there in page.items() if there)
            jobs += sum(map(len, page.values()))
            self._line = max(page) if len(page) == lines else 0
            if not self._line:
                break
        return found

    async def _behind(self, lines: Lines, through: Collection[int], each: int, most: int) -> tuple[Lines, int]:
        """The next jobs of the lines in which none holds up the others."""
        last = {line: jobs[-1] for line, jobs in lines.items() if len(jobs) >= each and all(_id(job) in through for job in jobs)}
        if not last:
            return {}, each
        each = max(min(each * DEEPER, PAGE, most // len(last)), 1)
        found: dict[int, Sequence[JobSpec]] = {}
        numbers, step = sorted(last), max(PAGE // each, 1)
        asked = [{line: last[line] for line in numbers[start:start + step]} for start in range(0, len(numbers), step)]

        async def take(page: Lines) -> None:
            found.update(page)

        await in_turn([partial(self._read_behind, those, each) for those in asked], take)
        return found, each

    async def _read_behind(self, last: Mapping[int, JobSpec], each: int) -> Lines:
        return await self._store.read("brokerage_read", worklists.behind, last, each)

    async def _looked(self, snapshot: Snapshot, jobs: Sequence[JobSpec]) -> tuple[Sequence[JobSpec], Snapshot]:
        return jobs, await self._look.jobs(snapshot, jobs)

    async def _place(self, run: _Run, looked: tuple[Sequence[JobSpec], Snapshot]) -> None:
        """Decide, and begin to write. Jobs like many that were refused in this round already are left alone."""
        jobs, known = looked
        run.round.learn(known)
        pace, made, over = Pace(self._clock), [], []
        for job in jobs:
            if run.round.refused(job) < EXPLAINED:
                made.append(run.round.decide(job))
                if log.chosen.level == "debug":
                    self._tell(made[-1])
            elif job.brokerageErrorCode:
                over.append(_id(job))
            await pace.rest()
        metrics.DECIDED.took(pace.worked_s)
        run.decided += len(made)
        run.through.update(_id(decision.job) for decision in made if not decision.holds_up)
        if made or over:
            scouted = run.round.scouted
            await run.writes.begin(lambda: self._store.transact(
                "brokerage_write", _write, made, over, scouted, run.snapshot.brakes.keys(), run.put_off_s))

    def _tell(self, decision: Decision) -> None:
        """All queues to the first of jobs alike, to the others where they go."""
        for line in logline.lines(decision, whole=not decision.before):
            self.log.debug("{line}", line=line)


def by_turns(lines: Iterable[Sequence[JobSpec]]) -> list[JobSpec]:
    """Jobs of these lines in the order in which they are brokered: the first of each owner or group, by priority, then their
    second ones; so that room is shared by all who wait for it."""
    jobs = sorted((job for each in lines for job in each), key=lambda job: (-job.currentPriority, job.PandaID))
    turns: Counter[str] = Counter()
    ordered: list[tuple[int, JobSpec]] = []
    for job in jobs:
        owner = job.workingGroup or job.prodUserName or ""
        ordered.append((turns[owner], job))
        turns[owner] += 1
    ordered.sort(key=lambda pair: pair[0])
    return [job for _, job in ordered]


async def _write(txn: Transaction, made: Sequence[Decision], over: Sequence[int], scouted: Collection[int],
                 braked: Collection[str], put_off_s: float) -> None:
    """What was decided. Of jobs that changed in between nothing is kept: another process, that took the loop over, has dealt with
    them.

    :param over: PandaIDs of jobs that were put off, and are so again, undecided.
    :param scouted: tasks whose scouts nobody waits for any more.
    """
    placed = [_placed(d) for d in made if d.chosen is not None]
    moved = await moves.move(txn, Event.BROKERED, placed, actor=Actor.BROKERAGE, who=WHO) if placed else []
    if moved:
        txn.hint("activator")
    ids = {each.panda_id for each in moved}
    await _test(txn, braked, [d for d in made if _id(d.job) in ids])
    await _scout(txn, scouted, [d.job for d in made if d.is_scout and _id(d.job) in ids])
    ids.update(await _explain_refused(txn, [d for d in made if d.chosen is None], put_off_s))
    if over:
        await deferrals.defer(txn, [(panda_id, RETRY_S) for panda_id in over], RETRY_S)
    await decisions.put(txn, [
        NewDecision(_id(d.job), d.queue, d.shared.shared, d.weight if d.chosen else None, d.before)
        for d in made if _id(d.job) in ids])


async def _test(txn: Transaction, braked: Collection[str], placed: Iterable[Decision]) -> None:
    """What goes to a queue that is braked is a test of it."""
    tests: dict[str, list[int]] = {}
    for decision in placed:
        if decision.queue is not None and decision.queue in braked:
            tests.setdefault(decision.queue, []).append(_id(decision.job))
    for queue, ids in sorted(tests.items()):
        await brakes.add_probes(txn, queue, ids)


async def _scout(txn: Transaction, scouted: Collection[int], sent: Sequence[JobSpec]) -> None:
    if scouted:
        await scouts.open_up(txn, scouted)
    if sent:
        await scouts.send(txn, [(job.jediTaskID or 0, _id(job)) for job in sent])


async def _explain_refused(txn: Transaction, refused: Sequence[Decision], put_off_s: float) -> list[int]:
    """Say on each job why no queue takes it, in its history only when the reason is a new one. Which of them still wait."""
    news = [d for d in refused if d.reason[:DIAG_LENGTH] != d.job.brokerageErrorDiag]
    same = [(_id(d.job), d.shared.pause_s(put_off_s)) for d in refused if d.reason[:DIAG_LENGTH] == d.job.brokerageErrorDiag]
    changes = [moves.Change(_id(d.job), NO_QUEUE.values(reason=d.reason), why=d.reason, check_in_s=RETRY_S) for d in news]
    told = await moves.touch(
        txn, "not brokered", changes, frozenset({JobStatus.DEFINED}), actor=Actor.BROKERAGE, who=WHO) if changes else []
    return [*(each.panda_id for each in told), *(await deferrals.defer(txn, same, RETRY_S) if same else [])]


def _placed(decision: Decision) -> moves.Change:
    values = {"computingSite": decision.queue, "brokerageErrorCode": 0, "brokerageErrorDiag": None}
    return moves.Change(_id(decision.job), values, why=f"{decision.queue}: {decision.reason}")


def _id(job: JobSpec) -> int:
    assert job.PandaID is not None
    return job.PandaID
