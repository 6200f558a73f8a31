"""One round of brokerage: read the facts, decide, move."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from pandad.brokerage.broker import Decision, Round
from pandad.brokerage.look import Locator, Look
from pandad.brokerage.pace import Pace
from pandad.brokerage.policy import policy_of
from pandad.brokerage.snapshot import Snapshot
from pandad.config import BrokerageConfig
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import decisions, moves, worklists
from pandad.taskbuffer.decisions import NewDecision
from pandad.taskbuffer.store import Store, Transaction

WHO = "brokerage"
RETRY_S = 60.0  # until a job that no queue took is looked at again, unless a queue changes before
DIAG_LENGTH = 250  # of brokerageErrorDiag
PAGE = 500  # jobs in one reading or writing: what is done with them at a time must not keep calls waiting


class Cycle:
    """Gives `defined` jobs a queue."""

    def __init__(self, store: Store, config: BrokerageConfig, clock: IReactorTime, data: Locator) -> None:
        self._store, self._batch, self._clock = store, config.batch, clock
        self._look, self._policy = Look(store, config, clock, data), policy_of(config)

    async def run_once(self) -> bool:
        """Broker the most urgent due jobs; True if there may be more.

        Reading and writing are separate short transactions: a long one would hold back the vacuum of the hot table. A job that
        changed in between is simply not moved.
        """
        due = await self._due()
        if due:
            made = await self._decide(due, await self._look.jobs(await self._look.queues(), due))
            for start in range(0, len(made), PAGE):
                await self._store.transact("brokerage_write", _write, made[start:start + PAGE])
        return len(due) == self._batch

    async def _due(self) -> list[JobSpec]:
        due: list[JobSpec] = []
        while len(due) < self._batch:
            wanted = min(PAGE, self._batch - len(due))
            found = await self._store.read("brokerage_read", worklists.to_broker, wanted, due[-1] if due else None)
            due += found
            if len(found) < wanted:
                break
        return due

    async def _decide(self, due: Sequence[JobSpec], snapshot: Snapshot) -> list[Decision]:
        round_, pace, made = Round(snapshot, self._policy), Pace(self._clock), []
        for job in due:
            made.append(round_.decide(job))
            await pace.rest()
        return made


async def _write(txn: Transaction, made: Sequence[Decision]) -> None:
    """Of jobs that changed in between nothing is kept: another process, that took the loop over, has dealt with them."""
    placed = [_placed(d) for d in made if d.chosen is not None]
    moved = await moves.move(txn, Event.BROKERED, placed, actor=Actor.BROKERAGE, who=WHO) if placed else []
    if moved:
        txn.hint("activator")
    kept = {*(each.panda_id for each in moved), *await _explain_refused(txn, [d for d in made if d.chosen is None])}
    await decisions.put(txn, [
        NewDecision(_id(d), d.chosen.name if d.chosen else None, d.shared.shared, d.weight if d.chosen else None, d.before)
        for d in made if _id(d) in kept])


async def _explain_refused(txn: Transaction, refused: Sequence[Decision]) -> list[int]:
    """Say on each job why no queue takes it, in its history only when the reason is a new one. Which of them still wait."""
    news = [d for d in refused if d.reason[:DIAG_LENGTH] != d.job.brokerageErrorDiag]
    same = [_id(d) for d in refused if d.reason[:DIAG_LENGTH] == d.job.brokerageErrorDiag]
    changes = [
        moves.Change(_id(d), {"brokerageErrorDiag": d.reason[:DIAG_LENGTH]}, why=d.reason, check_in_s=RETRY_S) for d in news]
    told = await moves.touch(
        txn, "not brokered", changes, frozenset({JobStatus.DEFINED}), actor=Actor.BROKERAGE, who=WHO) if changes else []
    return [*(each.panda_id for each in told), *(await moves.defer(txn, same, JobStatus.DEFINED, RETRY_S) if same else [])]


def _placed(decision: Decision) -> moves.Change:
    assert decision.chosen is not None
    return moves.Change(_id(decision), {"computingSite": decision.chosen.name, "brokerageErrorDiag": None},
                        why=f"{decision.chosen.name}: {decision.reason}")


def _id(decision: Decision) -> int:
    assert decision.job.PandaID is not None
    return decision.job.PandaID
