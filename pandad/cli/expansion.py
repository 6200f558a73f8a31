"""What one job description means in PanDA's words: a JobSpec with its files. Pure."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec

if TYPE_CHECKING:
    from pandad.cli.description import InputFile, JobDescription, OutputFile

PROCESSING_TYPE = "pandad-cli"
PINNED = 1  # relocationFlag: the owner chose the queue
MB = "MB"
_WITH_NUMBER = re.compile(r"[._-]?\{n\}")


@dataclass(frozen=True, slots=True)
class Naming:
    """What names are made from: scope of files without one, token of this submission, number of jobs."""

    scope: str
    run: str
    total: int


def spec_of(job: JobDescription, naming: Naming, number: int) -> JobSpec:
    """The job with that number in its submission."""
    base = job.name or _payload_name(job.transformation)
    scope = job.scope or naming.scope
    dataset = job.dataset or f"{scope}.{_WITH_NUMBER.sub('', base)}"
    numbered = base if naming.total == 1 or "{n}" in base else base + ".{n}"
    spec = JobSpec(**_attributes(job))
    spec.jobName, spec.destinationDBlock = numbered, dataset
    spec.prodDBlock = next((file.dataset for file in job.inputs), None)
    spec.Files = [_input(file, scope) for file in job.inputs]
    spec.Files += [_output(file, job, scope, dataset) for file in job.outputs]
    if job.log:
        # The token keeps the log of a description that is submitted twice from replacing the first one.
        log = FileSpec(type="log", lfn=numbered + ".{run}.log.tgz", scope=scope)
        spec.Files.append(_destined(log, dataset, job.endpoint))
    _fill_in(spec, naming, number)
    return spec


def _attributes(job: JobDescription) -> dict[str, Any]:
    named = {
        f.metadata["rule"].attribute: getattr(job, f.name)
        for f in fields(job)
        if f.metadata["rule"].attribute
    }
    return {
        **named,
        "currentPriority": job.priority,
        "processingType": PROCESSING_TYPE,
        "relocationFlag": PINNED if job.queue else 0,
        "minRamUnit": MB,
        "maxDiskUnit": MB,
    }


def _payload_name(transformation: str) -> str:
    stem = PurePosixPath(urlsplit(transformation).path).stem
    return re.sub(r"[^A-Za-z0-9_.-]", "_", stem).lstrip(".-") or "job"


def _input(file: InputFile, scope: str) -> FileSpec:
    return FileSpec(
        type="input",
        lfn=file.lfn,
        scope=file.scope or scope,
        dataset=file.dataset,
        prodDBlock=file.dataset,
        fsize=file.size_bytes,
        checksum=file.checksum.lower() if file.checksum else None,
    )


def _output(file: OutputFile, job: JobDescription, scope: str, dataset: str) -> FileSpec:
    spec = FileSpec(type="output", lfn=file.lfn, scope=file.scope or scope)
    return _destined(spec, file.dataset or dataset, file.endpoint or job.endpoint)


def _destined(file: FileSpec, dataset: str, endpoint: str | None) -> FileSpec:
    file.dataset = file.destinationDBlock = dataset
    file.destinationSE = endpoint
    return file


def _fill_in(spec: JobSpec, naming: Naming, number: int) -> None:
    """Put number and token where the description asks for them, and give each output its identifier."""

    def filled(text: str | None) -> str | None:
        return text and text.replace("{n}", str(number)).replace("{run}", naming.run)

    spec.jobName, spec.jobParameters = filled(spec.jobName), filled(spec.jobParameters)
    for file in spec.Files:
        file.lfn = filled(file.lfn)
    for file in spec.outputs:
        file.GUID = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{naming.run}/{file.scope}:{file.lfn}"))
