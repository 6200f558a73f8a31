"""Whether a placed job can run at its queue, by what is known of the copies there. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pandad.dataservice.copies import Copies, differs, listed, name_of
from pandad.dataservice.ddm import DDMUnavailable, Replica
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue


@dataclass(frozen=True, slots=True)
class Ready:
    """All inputs are there: what became known of the job's files; of inputs what names them, and that."""

    job: JobSpec
    files: Sequence[FileSpec]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something is not there, or not yet known to be.

    :param absent: input files that are not at the endpoint, where that is all that is wrong.
    :param away: the data management does not answer, which says nothing of the job.
    """

    job: JobSpec
    why: str
    code: int
    endpoint: str = ""
    absent: Sequence[FileSpec] = ()
    away: bool = False


Outcome = Ready | Missing


def inspect(job: JobSpec, queue: Queue | None, copies: Mapping[str, Copies | Exception]) -> Outcome:
    """Ready, or what is missing."""
    if queue is None:
        return Missing(job, f"the queue {job.computingSite} is gone", errorcodes.DDM_SETUPPER)
    outputs = [replace(f, destinationSE=f.destinationSE or queue.endpoint_out) for f in job.outputs]
    if not job.inputs:
        return Ready(job, outputs)
    here = copies.get(queue.endpoint_in or "", {})
    if isinstance(here, Exception):
        return Missing(job, str(here), errorcodes.DDM_RSE, away=isinstance(here, DDMUnavailable))
    found = [(f, here.get(name_of(f))) for f in job.inputs]
    absent = [f for f, copy in found if copy is None]
    wrong = [difference for f, copy in found if copy is not None and (difference := differs(f, copy))]
    if wrong and not absent:
        return Missing(job, "; ".join(wrong), errorcodes.DDM_SETUPPER)
    if absent:
        why = f"not at {queue.endpoint_in}: {listed(absent)}"
        return Missing(job, why, errorcodes.DDM_SETUPPER, queue.endpoint_in or "", () if wrong else absent)
    return Ready(job, [_known(f, copy) for f, copy in found if copy is not None] + outputs)


def _known(file: FileSpec, copy: Replica) -> FileSpec:
    """Not `replace`, which takes three times as long: a job may have ten thousand."""
    return FileSpec(row_ID=file.row_ID, PandaID=file.PandaID, type=file.type, scope=file.scope, lfn=file.lfn, status="ready",
                    dispatchDBlockToken=copy.endpoint, fsize=copy.size_bytes, checksum=file.checksum or f"ad:{copy.adler32}")
