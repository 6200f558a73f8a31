"""Placed jobs whose inputs are at their queue become `activated`; the others wait, and say for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pandad.config import DataServiceConfig
from pandad.dataservice import closer
from pandad.dataservice.copies import Copies, differs, locate, name_of
from pandad.dataservice.ddm import IDDM, Replica
from pandad.dataservice.destination import landing
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.site import Queue
from pandad.taskbuffer import files, moves, sites, worklists
from pandad.taskbuffer.store import Store, Transaction

WHO = "activator"
LISTED = 3  # names in a message; the rest is counted
DIAG_LENGTH = 500  # of ddmErrorDiag


@dataclass(frozen=True, slots=True)
class Ready:
    """All inputs are there: what became known of the job's files."""

    job: JobSpec
    files: Sequence[FileSpec]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something is not there, or not yet known to be."""

    job: JobSpec
    why: str
    code: int


class Activator:
    """Looks at the inputs of `assigned` and `waiting` jobs. ``catalogue``: outputs go into datasets, and may have to be moved."""

    def __init__(self, store: Store, ddm: IDDM, config: DataServiceConfig, *, catalogue: bool = False) -> None:
        self._store, self._ddm, self._config, self._catalogue = store, ddm, config, catalogue

    async def run_once(self) -> bool:
        """Look at the jobs that are due; True if there may be more."""
        due, queues = await self._store.read("activator_read", _read, self._config.batch)
        if due:
            copies = await locate(self._ddm, [(_endpoint_in(job, queues), f) for job in due for f in job.inputs])
            outcomes = [self._with_outputs(inspect(job, queues.get(job.computingSite or ""), copies), queues) for job in due]
            await self._store.transact("activator_write", self._write, outcomes)
        return len(due) == self._config.batch

    async def _write(self, txn: Transaction, outcomes: Sequence[Ready | Missing]) -> None:
        ready = [o for o in outcomes if isinstance(o, Ready)]
        if ready:
            changes = [moves.Change(_id(o.job), {"ddmErrorCode": 0, "ddmErrorDiag": None}) for o in ready]
            moved = await moves.move(txn, Event.INPUT_READY, changes, actor=Actor.DATASERVICE, who=WHO)
            ours = {m.panda_id for m in moved}
            await files.update(txn, [f for o in ready if o.job.PandaID in ours for f in o.files])
            if self._catalogue:
                await closer.expect(txn, [o.job for o in ready if o.job.PandaID in ours])
        await self._keep_waiting(txn, [o for o in outcomes if isinstance(o, Missing)])

    def _with_outputs(self, outcome: Ready | Missing, queues: Mapping[str, Queue]) -> Ready | Missing:
        """Where outputs can be moved they are written at the queue, wherever they are wanted."""
        if not self._catalogue or isinstance(outcome, Missing):
            return outcome
        queue, outputs = queues[outcome.job.computingSite or ""], [f.row_ID for f in outcome.job.outputs]
        inputs = [f for f in outcome.files if f.row_ID not in outputs]
        return Ready(outcome.job, [*inputs, *(landing(f, queue) for f in outcome.job.outputs)])

    async def _keep_waiting(self, txn: Transaction, missing: Sequence[Missing]) -> None:
        """Say on each job what it waits for, in its history only when that is new."""
        first = [o for o in missing if o.job.jobStatus is not JobStatus.WAITING]
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
    due = await worklists.input_due(txn, batch)
    queues = {q.name: q for q in await sites.find_all(txn)} if due else {}
    return due, queues


def _endpoint_in(job: JobSpec, queues: Mapping[str, Queue]) -> str | None:
    queue = queues.get(job.computingSite or "")
    return queue.endpoint_in if queue is not None else None


def inspect(job: JobSpec, queue: Queue | None, copies: Mapping[str, Copies | Exception]) -> Ready | Missing:
    """Whether a job can run at its queue, by what is known of the copies there."""
    if queue is None:
        return Missing(job, f"the queue {job.computingSite} is gone", errorcodes.DDM_SETUPPER)
    outputs = [replace(f, destinationSE=f.destinationSE or queue.endpoint_out) for f in job.outputs]
    if not job.inputs:
        return Ready(job, outputs)
    here = copies.get(queue.endpoint_in or "", {})
    if isinstance(here, Exception):
        return Missing(job, str(here), errorcodes.DDM_RSE)
    absent = [f for f in job.inputs if name_of(f) not in here]
    if absent:
        return Missing(job, f"not at {queue.endpoint_in}: {_listed(absent)}", errorcodes.DDM_SETUPPER)
    wrong = [difference for f in job.inputs if (difference := differs(f, here[name_of(f)]))]
    if wrong:
        return Missing(job, "; ".join(wrong), errorcodes.DDM_SETUPPER)
    return Ready(job, [_known(f, here[name_of(f)]) for f in job.inputs] + outputs)


def _known(file: FileSpec, copy: Replica) -> FileSpec:
    return replace(file, status="ready", dispatchDBlockToken=copy.endpoint, fsize=copy.size_bytes,
                   checksum=file.checksum or f"ad:{copy.adler32}")


def _listed(absent: Sequence[FileSpec]) -> str:
    more = f" and {len(absent) - LISTED} more" if len(absent) > LISTED else ""
    return ", ".join(str(name_of(f)) for f in absent[:LISTED]) + more


def _id(job: JobSpec) -> int:
    assert job.PandaID is not None
    return job.PandaID
