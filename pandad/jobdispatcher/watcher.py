"""Notice silence: jobs that were handed out and never started, and jobs whose pilot no longer speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pandad.config import DispatcherConfig
from pandad.spec import errorcodes
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.pilotcommand import KILL
from pandad.taskbuffer import jobs, worklists
from pandad.taskbuffer.jobs import Change
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.worklists import Silent

WHO = "watcher"
BATCH = 1000
HOUR_S = 3600


class Watcher:
    """Ends or requeues what fell silent. All times are the database's."""

    def __init__(self, store: Store, config: DispatcherConfig) -> None:
        self._store, self._config = store, config

    async def run_once(self) -> bool:
        """Look at each kind of silence; True if there may be more."""
        more = await self._store.transact("watch_sent", self._sent)
        more |= await self._store.transact("watch_starting", self._lost, JobStatus.STARTING)
        more |= await self._store.transact("watch_running", self._lost, JobStatus.RUNNING)
        more |= await self._store.transact("watch_recovering", self._unrecovered)
        return more

    async def _sent(self, txn: Transaction) -> bool:
        """Its pilot never spoke: the reply was lost, or the pilot died. The next attempt goes to another one."""
        lease_s = self._config.sent_lease_s

        def back(s: Silent) -> Change:
            values = {"attemptNr": s.attempt_nr + 1, "holderanchor": None, "holdersubject": None}
            return _change(s, values, f"no word from its pilot for {lease_s} s")

        found = await worklists.silent(txn, JobStatus.SENT, lease_s, BATCH)
        return await _given_up(txn, found, Event.SENT_EXPIRED, back)

    async def _lost(self, txn: Transaction, status: JobStatus) -> bool:
        """Its pilot spoke once, and does no longer."""

        def lost(s: Silent) -> Change:
            diag = f"lost heartbeat : {s.heard:%Y-%m-%d %H:%M:%S}"
            values = {"jobDispatcherErrorCode": errorcodes.DISPATCHER_LOST_HEARTBEAT, "jobDispatcherErrorDiag": diag}
            return _change(s, values, diag)

        found = await worklists.silent(txn, status, self._config.heartbeat_timeout_s, BATCH)
        return await _given_up(txn, found, Event.LOST, lost)

    async def _unrecovered(self, txn: Transaction) -> bool:
        """A pilot kept the outputs to report later, and did not."""
        timeout_s = self._config.holding_timeout_s
        diag = f"job recovery failed for {timeout_s / HOUR_S:g} hours"
        values = {"jobDispatcherErrorCode": errorcodes.DISPATCHER_RECOVERY_FAILED, "jobDispatcherErrorDiag": diag}
        found = await worklists.silent(txn, JobStatus.HOLDING, timeout_s, BATCH)
        return await _given_up(txn, found, Event.TIMED_OUT, lambda s: _change(s, values, diag))


async def _given_up(txn: Transaction, found: Sequence[Silent], event: Event, change: Callable[[Silent], Change]) -> bool:
    """Let the event happen to these jobs; those that a person wanted killed, and whose pilot cannot be told any more, are killed.

    :return: whether there may be more of them.
    """
    await _moved(txn, event, [change(s) for s in found if s.command != KILL])
    await _moved(txn, Event.KILLED, [_change(s, {}, "killed; its pilot fell silent") for s in found if s.command == KILL])
    return len(found) == BATCH


async def _moved(txn: Transaction, event: Event, changes: Sequence[Change]) -> None:
    if changes:
        await jobs.move(txn, event, changes, actor=Actor.WATCHER, who=WHO)


def _change(silent: Silent, values: Mapping[str, object], why: str) -> Change:
    """Fenced by the attempt; a pilot that speaks in between has changed the state or is locked out by this transaction."""
    return Change(silent.panda_id, values, attempt_nr=silent.attempt_nr, why=why)
