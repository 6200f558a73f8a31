"""Ends or requeues jobs that have been where they are for too long. The limits stand in spec/timeouts.py."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pandad import metrics
from pandad.config import TimeoutsConfig
from pandad.spec import errorcodes
from pandad.spec.errors import Unavailable
from pandad.spec.jobstatus import BEFORE_PILOT, Actor, Event
from pandad.spec.pilotcommand import KILL
from pandad.spec.retry import RetryPolicy
from pandad.spec.timeouts import TIMEOUTS, Timeout
from pandad.taskbuffer import moves, outages, retries, workers
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.overdue import Overdue, overdue
from pandad.taskbuffer.retries import Failed
from pandad.taskbuffer.store import Store, Transaction

WHO = "watcher"
BATCH = 200
VANISHED = (errorcodes.LOST_HEARTBEAT, errorcodes.RECOVERY_FAILED)  # the attempt is over, the job perhaps not: see spec/retry.py
MINUTE_S, HOUR_S = 60, 3600
PRECISION = 100  # a limit is looked after this often while it runs, so that it ends late by a hundredth
PAUSE_MAX_S = 600.0


class Watcher:
    """Sweeps row by row. All times of jobs are the database's; the clock only spaces the sweeps of the longer limits."""

    log = Logger()

    def __init__(self, store: Store, config: TimeoutsConfig, policy: RetryPolicy, clock: IReactorTime) -> None:
        self._store, self._policy, self._clock, self._tries = store, policy, clock, config.sent_tries
        limits = ((row, float(getattr(config, row.setting))) for row in TIMEOUTS)
        self._limits_s = {row: limit_s for row, limit_s in limits if limit_s > 0}
        self._next: dict[Timeout, float] = dict.fromkeys(self._limits_s, clock.seconds())
        self._besides: set[int] = set()

    async def run_once(self) -> bool:
        """Look at each limit that is due for a look; True if there may be more.

        :raise StoreUnavailable: the rest waits for the next round.
        """
        due = [row for row, at in self._next.items() if at <= self._clock.seconds()]
        befores = await self._store.once("watch_cutoffs", outages.cutoffs, [self._limits_s[row] for row in due])
        more = False
        for row, before in zip(due, befores, strict=True):
            if await self._sweep(row, before) < BATCH:
                self._next[row] = self._clock.seconds() + min(self._limits_s[row] / PRECISION, PAUSE_MAX_S)
            else:
                more = True
        return more

    async def _sweep(self, row: Timeout, before: datetime) -> int:
        try:
            return await self._store.transact(f"watch_{row.name}", self._end, row, before, BATCH)
        except Unavailable:
            raise
        except Exception:  # whatever is wrong with one job: the others are ended, one by one, and the culprit is named
            found = await self._store.transact("watch_list", overdue, row, before, BATCH, besides=self._besides)
            for job in found:
                await self._end_alone(row, before, job.panda_id)
            return len(found)

    async def _end_alone(self, row: Timeout, before: datetime, panda_id: int) -> None:
        try:
            await self._store.transact(f"watch_{row.name}", self._end, row, before, 1, panda_id)
        except Unavailable:
            raise
        except Exception:
            self._besides.add(panda_id)
            metrics.WATCHER_LEFT.add()
            self.log.failure("job {panda_id} is past {setting} and cannot be ended; it is left alone until the next start",
                             panda_id=panda_id, setting=row.setting)

    async def _end(self, txn: Transaction, row: Timeout, before: datetime, limit: int, only: int | None = None) -> int:
        found = await overdue(txn, row, before, limit, besides=self._besides, only=only)
        by_event: dict[Event | None, list[Change]] = defaultdict(list)
        for job in found:
            event, change = outcome(row, job, self._limits_s[row], self._tries)
            by_event[event].append(change)
        if row.fault in VANISHED and row.event is not None:
            changes = by_event.pop(row.event, [])
            ended = await workers.ended(txn, [change.panda_id for change in changes])
            vanished = [failed(row.event, change, ended.get(change.panda_id)) for change in changes]
            await retries.settle(txn, self._policy, vanished, actor=Actor.WATCHER, who=WHO)
        for event, changes in by_event.items():
            if event is None:
                await moves.touch(txn, "kill asked", changes, row.states, actor=Actor.WATCHER, who=WHO)
            else:
                await moves.move(txn, event, changes, actor=Actor.WATCHER, who=WHO)
        txn.after_commit(lambda: metrics.WATCHER.add(row.name, n=len(found)))
        return len(found)


def outcome(row: Timeout, job: Overdue, limit_s: float, tries: int) -> tuple[Event | None, Change]:
    """What happens to a job past its limit, and what it brings; no event: its pilot is told. Pure.

    :param tries: how many pilots may get a job, in a row, and never speak; 0 is any number.
    """
    if row.event is None:
        values = error(row, job, limit_s)
        return None, _change(job, {**values, "commandToPilot": KILL}, str(values[f"{row.fault.source}ErrorDiag"]))
    if job.command == KILL:
        # A person wanted it to end, and nobody is there to be told: so that, and no new attempt, is what happens.
        return Event.KILLED, _change(job, {}, "killed; its pilot fell silent")
    if row.event is Event.SENT_EXPIRED and not 0 < tries <= job.silences + 1:
        values = {"attemptNr": job.attempt_nr + 1, "holderanchor": None, "holdersubject": None}
        return row.event, replace(_change(job, values, f"no word from its pilot for {limit_s:g} s"), cause=_cause(row))
    event = Event.TIMED_OUT if row.event is Event.SENT_EXPIRED else row.event
    values = error(row, job, limit_s)
    waited = f"; {job.waits_for}" if job.waits_for else ""
    change = _change(job, values, f"{values[f'{row.fault.source}ErrorDiag']}{waited}")
    return event, change if job.status in BEFORE_PILOT else replace(change, cause=_cause(row))


def failed(event: Event, change: Change, worker: str | None) -> Failed:
    """The end of an attempt, which the retry rules may follow by another one.

    :param worker: PanDA's message on its Harvester worker, if that had ended before.
    """
    values = {"supErrorCode": errorcodes.SUP_WORKER_ALREADY_DONE, "supErrorDiag": worker} if worker else {}
    return Failed(change.panda_id, event, change.why or "", change.attempt_nr, {**change.values, **values})


def error(row: Timeout, job: Overdue, limit_s: float) -> dict[str, object]:
    """What is written on a job past its limit."""
    return row.fault.values(state=job.status, changed=job.changed, heard=job.heard, ended=job.ended or job.heard,
                            hours=f"{limit_s / HOUR_S:g}", limit=_in_words(limit_s), files=job.files or "no file")


def _cause(row: Timeout) -> str:
    return f"{row.fault.source}:{row.fault.code}"


def _in_words(limit_s: float) -> str:
    return f"{limit_s:g} s" if limit_s % MINUTE_S else f"{limit_s / MINUTE_S:g} min"


def _change(job: Overdue, values: dict[str, object], why: str) -> Change:
    """Fenced by the attempt; a pilot that speaks in between has changed the state or is locked out by this transaction."""
    return Change(job.panda_id, values, attempt_nr=job.attempt_nr, why=why)
