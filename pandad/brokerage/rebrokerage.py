"""Jobs that wait at the wrong queue are brokered again: it went away, is braked, or another is far better and they waited long.

A job that moves keeps its history, its priority and its age. It goes to no queue that brokerage took it from within the last day,
and is moved so often a day at most. Jobs that a pilot has are never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf

from twisted.internet.interfaces import IReactorTime

from pandad.brokerage.broker import Decision, Round
from pandad.brokerage.look import Locator, Look
from pandad.brokerage.policy import policy_of
from pandad.brokerage.snapshot import Snapshot
from pandad.config import BrokerageConfig
from pandad.pace import Pace
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.site import Queue, QueueStatus
from pandad.taskbuffer import brakes, decisions, moves, replacing
from pandad.taskbuffer.decisions import NewDecision
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.replacing import LEFT, NOT_MOVED, Placed, Waited
from pandad.taskbuffer.store import Store, Transaction

WHO = "rebrokerage"
PAGE = 500


class Rebrokerage:
    """One look at the jobs that wait at queues."""

    def __init__(self, store: Store, config: BrokerageConfig, clock: IReactorTime, data: Locator) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._look, self._policy = Look(store, config, clock, data), policy_of(config)
        self._away_since: dict[str, float] = {}
        self._last: dict[JobStatus, Waited | None] = {}

    async def run_once(self) -> bool:
        """Take jobs off queues that went away or are braked, and move some that waited long; True if there may be more."""
        snapshot = await self._look.queues()
        more = await self._clear(snapshot)
        for status, limits_s in self._limits():
            more = await self._improve(snapshot, status, *limits_s) or more
        return more

    def _limits(self) -> list[tuple[JobStatus, tuple[float, float]]]:
        config = self._config
        placed = (config.rebroker_analysis_s or inf, config.rebroker_production_s or inf)
        data = (config.rebroker_input_s or inf,) * 2
        found = [(JobStatus.ACTIVATED, placed), (JobStatus.ASSIGNED, placed), (JobStatus.WAITING, data)]
        return [(status, limits_s) for status, limits_s in found if min(limits_s) < inf]

    async def _clear(self, snapshot: Snapshot) -> bool:
        queues = {queue.name: queue for queue in snapshot.queues}
        away = self._away(snapshot.queues)
        gone = await self._store.transact("rebroker_away", _leave, away, queues) if away else 0
        braked = sorted(snapshot.brakes)
        eaten = await self._store.transact("rebroker_braked", _leave_braked, braked, queues) if braked else 0
        return PAGE in (gone, eaten)

    def _away(self, queues: Sequence[Queue]) -> list[str]:
        """Queues that have been offline for some time: a short break is no reason to move what waits there."""
        now = self._clock.seconds()
        offline = {queue.name for queue in queues if queue.status is QueueStatus.OFFLINE}
        self._away_since = {name: self._away_since.get(name, now) for name in offline}
        return sorted(name for name, since in self._away_since.items() if now - since >= self._config.rebroker_offline_s)

    async def _improve(self, snapshot: Snapshot, status: JobStatus, analysis_s: float, production_s: float) -> bool:
        """Of the jobs that waited long, the next page; after the last one it begins anew in the next round."""
        found, left = await self._store.read(
            "rebrokerage_read", _read, status, analysis_s, production_s, self._last.get(status), self._config.rebroker_moves)
        self._last[status] = found[-1] if len(found) == PAGE else None
        if found:
            better = await self._better(await self._look.jobs(snapshot, [each.job for each in found]), found, left)
            if better:
                await self._store.transact("rebrokerage_write", _move, better, {q.name: q for q in snapshot.queues})
        return len(found) == PAGE

    async def _better(self, snapshot: Snapshot, found: Sequence[Waited],
                      left: Mapping[int, Sequence[str]]) -> list[tuple[Waited, Decision]]:
        round_, pace, made = Round(snapshot, self._policy), Pace(self._clock), []
        for each in found:
            been = left.get(each.job.PandaID or 0, ())
            gain = inf if each.status is JobStatus.WAITING else self._config.rebroker_gain
            if len(been) < self._config.rebroker_moves and (decision := round_.better(each.job, gain, been)) is not None:
                made.append((each, decision))
            await pace.rest()
        return made


async def _read(txn: Transaction, status: JobStatus, analysis_s: float, production_s: float, last: Waited | None,
                most: int) -> tuple[list[Waited], dict[int, list[str]]]:
    found = await replacing.waited(txn, status, analysis_s, production_s, PAGE, last)
    return found, await replacing.left(txn, [each.job.PandaID or 0 for each in found]) if found else {}


async def _leave(txn: Transaction, away: Collection[str], queues: Mapping[str, Queue]) -> int:
    """Jobs of queues that are offline wait for brokerage again; how many there were. What is pinned stays, and says so."""
    found = await replacing.at(txn, away, PAGE, pinned=False)
    await _unbroker(txn, {each: f"{LEFT}{each.queue}: it is offline" for each in found}, queues)
    stay = await replacing.stuck(txn, away, PAGE)
    notes = [Change(each.panda_id, why=f"it is pinned to {each.queue}, which is offline") for each in stay]
    if notes:
        await moves.touch(txn, NOT_MOVED, notes, replacing.PLACED, actor=Actor.BROKERAGE, who=WHO)
    return max(len(found), len(stay))


async def _leave_braked(txn: Transaction, braked: Collection[str], queues: Mapping[str, Queue]) -> int:
    """So do those of queues that are braked, but for the test jobs, even what is pinned: it waits there without being eaten."""
    tests = [probe.panda_id for probes in (await brakes.probes(txn)).values() for probe in probes if not probe.has_failed]
    found = await replacing.at(txn, braked, PAGE, pinned=True, besides=tests)
    await _unbroker(txn, {each: f"{LEFT}{each.queue}: it is braked" for each in found}, queues)
    return len(found)


async def _unbroker(txn: Transaction, whys: Mapping[Placed, str], queues: Mapping[str, Queue]) -> None:
    """Let them wait for brokerage; one that is pinned keeps its pin."""
    if not whys:
        return
    changes = [Change(each.panda_id, {} if each.is_pinned else {"computingSite": None}, why=why) for each, why in whys.items()]
    moved = await moves.move(txn, Event.UNBROKERED, changes, actor=Actor.BROKERAGE, who=WHO)
    ids = {each.panda_id for each in moved}
    await replacing.unplace(txn, [(each.panda_id, _endpoint(queues, each.queue)) for each in whys if each.panda_id in ids])
    txn.hint("brokerage")


async def _move(txn: Transaction, better: Sequence[tuple[Waited, Decision]], queues: Mapping[str, Queue]) -> None:
    """Take each job from its queue and give it to the better one, in one act. One that changed meanwhile is left alone."""
    leave = [Change(_id(each), {"computingSite": None}, why=_why(each, decision)) for each, decision in better]
    left = await moves.move(txn, Event.UNBROKERED, leave, actor=Actor.BROKERAGE, who=WHO)
    ids = {each.panda_id for each in left}
    ours = [(each, decision) for each, decision in better if _id(each) in ids]
    await replacing.unplace(txn, [(_id(each), _endpoint(queues, each.job.computingSite)) for each, _ in ours])
    if ours:
        placed = [Change(_id(each), {"computingSite": decision.queue}, why=f"{decision.queue}: {decision.reason}")
                  for each, decision in ours]
        await moves.move(txn, Event.BROKERED, placed, actor=Actor.BROKERAGE, who=WHO)
        await decisions.put(txn, [
            NewDecision(_id(each), decision.queue, decision.shared.shared, decision.weight, decision.before)
            for each, decision in ours])
        txn.hint("activator")


def _why(each: Waited, decision: Decision) -> str:
    own = decision.shared.of(each.job.computingSite)
    hours = f"{each.waited_s / 3600:.1f} h"
    if own is None or own.no is not None:
        reason = own.no.text if own is not None and own.no is not None else "it is gone"
        return f"{LEFT}{each.job.computingSite}: {reason}; the job waited there for {hours}"
    return (f"{LEFT}{each.job.computingSite}: the job waited there for {hours}, and {decision.queue} weighs {decision.weight:.3g}"
            f" against {own.weight:.3g}")


def _endpoint(queues: Mapping[str, Queue], name: str | None) -> str | None:
    queue = queues.get(name or "")
    return queue.endpoint_out if queue is not None else None


def _id(each: Waited) -> int:
    assert each.job.PandaID is not None
    return each.job.PandaID
