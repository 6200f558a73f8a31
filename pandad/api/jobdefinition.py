"""A job as its pilot gets it. Pure.

Keys and formats: PanDA's dispatcher protocol, as read by panda-pilot 3.7 and 3.11. Lists are joined by commas, and entry i of
each belongs to file i: "NULL" keeps the place of what is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pandad.spec import multistep
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.specialhandling import NO_LOOPING_CHECK, has_tag

NULL = "NULL"  # PanDA's word for nothing; an empty text would vanish in the urlencoded dialect


def job_definition(job: JobSpec) -> dict[str, Any]:
    """All that a pilot needs to run the job."""
    return {**_work(job), **_limits(job), **_inputs(job.inputs), **_outputs(job)}


def _work(job: JobSpec) -> dict[str, Any]:
    parameters, steps = multistep.parted(job.jobParameters or "")
    return {
        **steps,
        **({"loopingCheck": False} if has_tag(job.specialHandling, NO_LOOPING_CHECK) else {}),
        "PandaID": job.PandaID or 0,
        # Pilots insist on a taskID, and may ask for more jobs "of that task" next: a job without a task has none to give.
        "taskID": _or_null(job.jediTaskID),
        "attemptNr": job.attemptNr,
        "jobsetID": _or_null(job.jobsetID),
        "jobDefinitionID": _or_null(job.jobDefinitionID),
        "reqID": _or_null(job.reqID),
        "jobName": _or_null(job.jobName),
        "prodSourceLabel": _or_null(job.prodSourceLabel),
        "processingType": _or_null(job.processingType),
        "prodUserID": _or_null(job.prodUserID),
        "currentPriority": job.currentPriority,
        "transformation": _or_null(job.transformation),
        "jobPars": parameters,
        "swRelease": _or_null(job.AtlasRelease),
        "homepackage": _or_null(job.homepackage),
        "cmtConfig": _or_null(job.cmtConfig),
        "container_name": _or_null(job.container_name),
        "transferType": _or_null(job.transferType),
        "cloud": _or_null(job.cloud),
        "nucleus": _or_null(job.nucleus),
        "sourceSite": _or_null(job.sourceSite),
        "destinationSE": _or_null(job.destinationSE),
    }


def _limits(job: JobSpec) -> dict[str, str | int]:
    return {
        "coreCount": job.coreCount or 1,
        "resource_type": _or_null(job.resource_type),
        "minRamCount": job.minRamCount,
        "maxDiskCount": job.maxDiskCount,
        "maxCpuCount": job.maxCpuCount,
        "maxWalltime": job.maxWalltime or 0,
    }


def _inputs(files: list[FileSpec]) -> dict[str, str | int]:
    return {
        "inFiles": _joined(files, lambda f: f.lfn),
        "GUID": _joined(files, lambda f: f.GUID),
        "fsize": _joined(files, lambda f: f.fsize),
        "checksum": _joined(files, _checksum),
        "scopeIn": _joined(files, lambda f: f.scope),
        "realDatasetsIn": _joined(files, lambda f: f.dataset),
        "ddmEndPointIn": _joined(files, lambda f: f.dispatchDBlockToken or f.destinationSE),
        "prodDBlocks": _joined(files, lambda f: f.prodDBlock),
        "prodDBlockToken": _joined(files, lambda f: f.prodDBlockToken),
        "dispatchDblock": _joined(files, lambda f: f.dispatchDBlock),
        "dispatchDBlockToken": _joined(files, lambda f: f.dispatchDBlockToken),
    }


def _outputs(job: JobSpec) -> dict[str, str | int]:
    """The log is in every list but scopeOut: pilots put scopeLog into that one at the log's place themselves."""
    files, log = job.outputs, next(iter(job.logs), None)
    return {
        "outFiles": _joined(files, lambda f: f.lfn),
        "realDatasets": _joined(files, lambda f: f.dataset),
        "ddmEndPointOut": _joined(files, lambda f: f.destinationSE),
        "fileDestinationSE": _joined(files, lambda f: f.destinationSE),
        "destinationDblock": _joined(files, lambda f: f.destinationDBlock),
        "destinationDBlockToken": _joined(files, lambda f: f.destinationDBlockToken),
        "dispatchDBlockTokenForOut": _joined(files, lambda f: f.dispatchDBlockToken),
        "scopeOut": _joined((f for f in files if f.type != "log"), lambda f: f.scope),
        "logFile": (log.lfn or "") if log else "",
        "logGUID": (log.GUID or "") if log else "",
        "scopeLog": _or_null(log.scope) if log else "",
    }


def _checksum(file: FileSpec) -> str | None:
    return file.checksum or (f"md:{file.md5sum}" if file.md5sum else None)


def _joined(files: Iterable[FileSpec], value: Callable[[FileSpec], Any]) -> str:
    return ",".join(str(_or_null(value(file))) for file in files)


def _or_null(value: Any) -> Any:
    return NULL if value is None or value == "" else value
