"""The brake at work: look at how jobs ended, brake, test, release."""

from __future__ import annotations

from twisted.logger import Logger

from pandad import metrics
from pandad.brokerage.brake import MEMORY_S, BrakeLimits, Verdict, is_borne_out, judge, suspects
from pandad.config import BrokerageConfig
from pandad.taskbuffer import brakes, deferrals, facts
from pandad.taskbuffer.store import Store, Transaction


class Braking:
    """One judgement on all queues."""

    log = Logger()

    def __init__(self, store: Store, config: BrokerageConfig) -> None:
        self._store, self._probes = store, config.brake_probes
        self._limits = BrakeLimits(config.brake_failures, config.brake_s, config.brake_owners)

    async def run_once(self) -> bool:
        """Judge the test jobs of queues that are braked, and look for queues to brake."""
        await self._store.transact("brake", self._judge)
        return False

    async def _judge(self, txn: Transaction) -> None:
        window_s = int(self._limits.pause_s)  # so what braked a queue is forgotten before its first test jobs
        braked = await brakes.find_all(txn)
        tested = await brakes.probes(txn)
        spared = braked.keys() | await brakes.released(txn, window_s)
        found = suspects(await facts.ends(txn, window_s), spared, self._limits)
        eaten = await facts.eaten(txn, window_s, found) if found else {}
        found = {queue: why for queue, why in found.items() if is_borne_out(eaten[queue], self._limits)}
        before = await brakes.last_levels(txn)
        for queue, why in found.items():
            level = before.get(queue, -1) + 1
            await brakes.put(txn, queue, why, level, self._limits.pause_after(level))
            self._tell(txn, queue, f"braked: {why}")
        for queue, brake in braked.items():
            verdict = judge(tested.get(queue, ()), self._probes)
            if verdict is Verdict.GOOD:
                await brakes.release(txn, queue)
                await deferrals.changed(txn)
            elif verdict is Verdict.BAD:
                await brakes.put(txn, queue, brake.why, brake.level + 1, self._limits.pause_after(brake.level + 1))
            elif verdict is Verdict.VOID:
                await brakes.test_anew(txn, queue)
            if verdict is not Verdict.WAIT:
                self._tell(txn, queue, f"its test jobs are over: {verdict.value}")
        await brakes.forget(txn, MEMORY_S)
        if found or braked:
            txn.hint("brokerage")

    def _tell(self, txn: Transaction, queue: str, what: str) -> None:
        txn.after_commit(lambda: metrics.BRAKES.add())
        txn.after_commit(lambda: self.log.warn("queue {queue}: {what}", queue=queue, what=what))
