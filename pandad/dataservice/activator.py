"""Placed jobs whose inputs are at their queue become `activated`; what is missing is brought there, or waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from pandad.config import DataServiceConfig
from pandad.dataservice import closer, subdatasets, taken
from pandad.dataservice.copies import locate
from pandad.dataservice.datasets import IDatasets
from pandad.dataservice.ddm import IDDM
from pandad.dataservice.destination import landing
from pandad.dataservice.inspection import Missing, Ready, inspect
from pandad.dataservice.setupper import Coming, Setupper
from pandad.dataservice.taken import Names, Taken, Unknown
from pandad.pace import Pace
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.site import Queue
from pandad.taskbuffer import files, moves, placements, sites, worklists
from pandad.taskbuffer.store import Store, Transaction

WHO = "activator"
DIAG_LENGTH = 500  # of ddmErrorDiag
FILES = 2000  # in one round, beside those of its last job: what is done with them at a time must not keep calls waiting


class Activator:
    """Looks at the inputs of `assigned` and `waiting` jobs. Only what the catalogue says activates them.

    ``datasets``: what outputs go into, and how they may be moved; None: neither.
    """

    def __init__(self, store: Store, ddm: IDDM, config: DataServiceConfig, clock: IReactorTime, *,
                 datasets: IDatasets | None = None) -> None:
        self._store, self._ddm, self._config, self._clock = store, ddm, config, clock
        self._names = Names(datasets) if datasets is not None else None
        self._setupper = Setupper(store, ddm, config)

    async def run_once(self) -> bool:
        """Look at the jobs that are due; True if there may be more."""
        due, queues = await self._store.read("activator_read", _read, self._config.batch)
        if due:
            pace, outcomes = Pace(self._clock), []
            copies = await locate(self._ddm, [(_endpoint_in(job, queues), f) for job in due for f in job.inputs])
            await pace.rest()
            for job in due:
                outcomes.append(self._with_outputs(inspect(job, queues.get(job.computingSite or ""), copies), queues))
                await pace.rest()
            considered = await self._setupper.consider(outcomes)
            named = await self._names.consider(considered) if self._names is not None else considered
            await self._store.transact("activator_write", self._write, named)
        return len(due) == self._config.batch or sum(len(job.Files) for job in due) >= FILES

    async def _write(self, txn: Transaction, outcomes: Sequence[Ready | Missing | Coming | Taken | Unknown]) -> None:
        # What is on its way first: rows of placements are locked before those of jobs, here as elsewhere.
        coming = [o for o in outcomes if isinstance(o, Coming)]
        if coming:
            await self._setupper.bring(txn, coming)
        await self._activate(txn, [o for o in outcomes if isinstance(o, Ready)])
        await self._keep_waiting(txn, [o for o in outcomes if isinstance(o, Missing)])
        await self._look_again(txn, [o.job for o in outcomes if isinstance(o, Unknown)])
        await taken.end(txn, [o for o in outcomes if isinstance(o, Taken)])

    async def _activate(self, txn: Transaction, ready: Sequence[Ready]) -> None:
        if self._names is not None and ready:
            ready = await self._with_datasets(txn, ready)
        if not ready:
            return
        changes = [moves.Change(_id(o.job), {"ddmErrorCode": 0, "ddmErrorDiag": None}) for o in ready]
        moved = await moves.move(txn, Event.INPUT_READY, changes, actor=Actor.DATASERVICE, who=WHO)
        ours = {m.panda_id for m in moved}
        known = [f for o in ready if o.job.PandaID in ours for f in o.files]
        for start in range(0, len(known), FILES):
            await files.update(txn, known[start:start + FILES])
        if self._ddm.moves and any(o.job.inputs for o in ready):
            await placements.hold_ready(txn, sorted(ours))

    async def _with_datasets(self, txn: Transaction, ready: Sequence[Ready]) -> list[Ready]:
        """Those whose output datasets are there, and the `_sub` datasets; the others come when they are."""
        waiting = await closer.expect(txn, [o.job for o in ready]) | await subdatasets.expect(txn, ready, self._config)
        await self._look_again(txn, [o.job for o in ready if o.job.PandaID in waiting])
        return [o for o in ready if o.job.PandaID not in waiting]

    async def _look_again(self, txn: Transaction, jobs: Sequence[JobSpec]) -> None:
        for status in (JobStatus.ASSIGNED, JobStatus.WAITING):
            if ids := [_id(job) for job in jobs if job.jobStatus is status]:
                await moves.defer(txn, ids, status, self._config.missing_retry_s)

    def _with_outputs(self, outcome: Ready | Missing, queues: Mapping[str, Queue]) -> Ready | Missing:
        """Where outputs can be moved they are written at the queue, wherever they are wanted."""
        if self._names is None or isinstance(outcome, Missing):
            return outcome
        queue, outputs = queues[outcome.job.computingSite or ""], [f.row_ID for f in outcome.job.outputs]
        inputs = [f for f in outcome.files if f.row_ID not in outputs]
        return Ready(outcome.job, [*inputs, *(landing(f, queue) for f in outcome.job.outputs)])

    async def _keep_waiting(self, txn: Transaction, missing: Sequence[Missing]) -> None:
        """Say on each job what it waits for, in its history only when that is new."""
        stay = {_id(o.job) for o in missing if o.away and o.job.jobStatus is JobStatus.ASSIGNED and o.job.dispatchDBlock}
        if stay:  # what is brought for them goes on, and waiting jobs would be brokered anew when the outage ends
            await moves.defer(txn, sorted(stay), JobStatus.ASSIGNED, self._config.missing_retry_s)
        first = [o for o in missing if o.job.jobStatus is not JobStatus.WAITING and _id(o.job) not in stay]
        again = [o for o in missing if o.job.jobStatus is JobStatus.WAITING]
        news = [o for o in again if o.why[:DIAG_LENGTH] != o.job.ddmErrorDiag]
        same = [_id(o.job) for o in again if o.why[:DIAG_LENGTH] == o.job.ddmErrorDiag]
        if first:
            await moves.move(txn, Event.INPUT_MISSING, self._changes(first), actor=Actor.DATASERVICE, who=WHO)
        if news:
            await moves.touch(txn, "still waiting", self._changes(news), frozenset({JobStatus.WAITING}),
                             actor=Actor.DATASERVICE, who=WHO)
        if same:
            await moves.defer(txn, same, JobStatus.WAITING, self._config.missing_retry_s)

    def _changes(self, missing: Sequence[Missing]) -> list[moves.Change]:
        return [moves.Change(_id(o.job), {"ddmErrorCode": o.code, "ddmErrorDiag": o.why[:DIAG_LENGTH]}, why=o.why,
                            check_in_s=self._config.missing_retry_s) for o in missing]


async def _read(txn: Transaction, batch: int) -> tuple[list[JobSpec], dict[str, Queue]]:
    due = await worklists.input_due(txn, batch, FILES)
    queues = {q.name: q for q in await sites.find_all(txn)} if due else {}
    return due, queues


def _endpoint_in(job: JobSpec, queues: Mapping[str, Queue]) -> str | None:
    queue = queues.get(job.computingSite or "")
    return queue.endpoint_in if queue is not None else None


def _id(job: JobSpec) -> int:
    assert job.PandaID is not None
    return job.PandaID
