"""One round of brokerage: read the facts, decide, move. The room's only I/O."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.brokerage.broker import Decision, Policy, decide
from pandad.brokerage.loads import Limits
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import WEIGHTS
from pandad.config import BrokerageConfig
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import decisions, facts, moves, sites, worklists
from pandad.taskbuffer.store import Store, Transaction

WHO = "brokerage"
RETRY_S = 60.0  # until a job that no queue took is looked at again, unless a queue changes before
DIAG_LENGTH = 250  # of brokerageErrorDiag


class Cycle:
    """Gives `defined` jobs a queue."""

    def __init__(self, store: Store, config: BrokerageConfig) -> None:
        self._store, self._batch = store, config.batch
        self._policy = Policy(WEIGHTS[config.weight], Limits(config.waiting_limit))

    async def run_once(self) -> bool:
        """Broker the most urgent due jobs; True if there may be more.

        Reading and writing are separate short transactions: a long one would hold back the vacuum of the hot table. A job that
        changed in between is simply not moved.
        """
        due, snapshot = await self._store.read("brokerage_read", _read, self._batch)
        if due:
            made = list(decide(due, snapshot, self._policy))
            await self._store.transact("brokerage_write", _write, made)
        return len(due) == self._batch


async def _read(txn: Transaction, batch: int) -> tuple[list[JobSpec], Snapshot]:
    due = await worklists.to_broker(txn, batch)
    if not due:
        return [], Snapshot((), {})
    return due, Snapshot(await sites.find_all(txn), await facts.counts(txn))


async def _write(txn: Transaction, made: Sequence[Decision]) -> None:
    """Of jobs that changed in between nothing is kept: another process, that took the loop over, has dealt with them."""
    placed = [_placed(d) for d in made if d.chosen is not None]
    moved = await moves.move(txn, Event.BROKERED, placed, actor=Actor.BROKERAGE, who=WHO) if placed else []
    if moved:
        txn.hint("activator")
    kept = {*(each.panda_id for each in moved), *await _explain_refused(txn, [d for d in made if d.chosen is None])}
    await decisions.put(txn, [
        decisions.StoredDecision(_id(d), d.chosen.name if d.chosen else None, [v.stored for v in d.verdicts])
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
