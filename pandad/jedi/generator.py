"""A chunk of a task's files into a job. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from pandad.jedi.macros import fill
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.multistep import joined
from pandad.spec.task import Chunk, Output, TaskFile, TaskSpec, dataset_name, scope_of

LOCAL = "local"  # prodDBlockToken of what is copied to the worker node, never read in place or from afar
LIB = "lib"
WHO = "jedi"  # JobSpec.lockedby of a task's job


class Numbers(Protocol):
    """Of a task, all that its jobs depend on beside what it asks for."""

    @property
    def id(self) -> int: ...
    @property
    def round_nr(self) -> int: ...
    @property
    def more_attempts(self) -> int: ...


def run_job(task: Numbers, spec: TaskSpec, chunk: Chunk, serial: int, library: TaskFile | None) -> JobSpec:
    """The job for these files.

    :param library: what the build job made.
    :param chunk: numbered. :param serial: of the job in its task: names its outputs. What the payload is told to tell its jobs
        apart stays the same when the chunk is tried again.
    """
    number = chunk.number
    assert number is not None
    streams = {spec.input.stream: chunk.files, **chunk.beside} if spec.input else chunk.beside
    read = {(file.scope, file.lfn): file for files in streams.values() for file in files}
    inputs = [_read(file, LOCAL if spec.is_staged else None) for file in read.values()]
    values: dict[str, str | Sequence[str]] = {
        "SN": f"{serial:06d}", "SEQNUMBER": str(spec.offset + number), "SURL": spec.source_url,
        **{stream: [file.lfn for file in files] for stream, files in streams.items()}}
    if library is not None:
        values["LIB"] = library.lfn
        inputs.append(_read(library, LOCAL))
    values |= _events(spec, chunk, number)
    outputs = [_output(output, task, values) for output in spec.outputs]
    return _job(task, spec, [*inputs, *outputs], {
        **spec.values, "jobName": f"{spec.container}.{serial:06d}", "prodSourceLabel": spec.label,
        "jobParameters": _with_steps(spec, _told(spec, values, task.id))})


def _events(spec: TaskSpec, chunk: Chunk, number: int) -> dict[str, str]:
    """Which events a job processes; -1: all of those in its files."""
    if not spec.input:
        before = (number - 1) * spec.events
        left = spec.all_events - before if spec.all_events else spec.events
        return {"MAXEVENTS": str(min(spec.events, left)), "SKIPEVENTS": str(before),
                "FIRSTEVENT": str(spec.event_offset + before + 1)}
    first = chunk.files[0]
    counted = sum(file.events or 0 for file in chunk.files)
    return {"MAXEVENTS": str(counted or -1), "SKIPEVENTS": str(first.start or 0),
            "FIRSTEVENT": str(spec.event_offset + (first.first or 0) + 1)}


def build_job(task: Numbers, spec: TaskSpec) -> JobSpec:
    """The job that makes the library. The name of that is new in each round."""
    assert spec.build is not None
    build, dataset = spec.build, lib_dataset(task.id)
    lib = f"{dataset}.{task.round_nr:06d}.lib.tgz"
    told = fill(build.parameters, {"IN": build.archive, "OUT": lib, "SURL": spec.source_url}, task.id)
    log = f"{lib.removesuffix('.tgz')}.log.tgz"
    files = [_written("output", build.scope, lib, dataset), _written("log", build.scope, log, dataset)]
    return _job(task, spec, files, {
        **spec.values, "jobName": lib, "prodSourceLabel": build.label, "transformation": build.transformation,
        "jobParameters": told, "coreCount": 1})


def lib_dataset(task_id: int) -> str:
    """Where a task's libraries lie."""
    return f"panda.{task_id}.lib"


def datasets(task: Numbers, spec: TaskSpec) -> list[tuple[str, str, str]]:
    """Type, name and container of what the jobs of this round write into."""
    return [(o.type, dataset_name(o.dataset, task.id, task.round_nr), o.dataset.rstrip("/")) for o in spec.outputs]


def written(task: Numbers, spec: TaskSpec) -> list[tuple[str, str]]:
    """Scope and name of each of them, and of the one that the library is in."""
    libs = [(spec.build.scope, lib_dataset(task.id))] if spec.build else []
    return sorted({*libs, *((scope_of(o.dataset), dataset_name(o.dataset, task.id, task.round_nr)) for o in spec.outputs)})


def _told(spec: TaskSpec, values: Mapping[str, str | Sequence[str]], task_id: int) -> str:
    text = "".join(piece.text + " " * piece.padded for piece in spec.pieces)
    return fill(text.rstrip(" "), values, task_id)


def _with_steps(spec: TaskSpec, told: str) -> str:
    """(PanDA: JobGenerator.makeJobParameters.)"""
    def filled(text: str) -> str:
        return text.replace("${TRF_ARGS}", told).replace("${TRF}", spec.values["transformation"])

    return joined(told, {step: {key: filled(text) for key, text in said.items()} for step, said in spec.steps.items()})


def _job(task: Numbers, spec: TaskSpec, files: Iterable[FileSpec], values: Mapping[str, Any]) -> JobSpec:
    attempts = values["maxAttempt"]
    given = {**values, "maxAttempt": attempts + task.more_attempts if attempts > 0 else attempts, "avoided": [*values["avoided"]]}
    job = JobSpec(
        **given, jediTaskID=task.id, reqID=task.id, VO=spec.vo, workingGroup=spec.group, processingType=spec.processing_type,
        assignedPriority=spec.priority, lockedby=WHO, Files=list(files))
    job.prodDBlock = next((file.prodDBlock for file in job.inputs), None)
    job.destinationDBlock = next((file.destinationDBlock for file in job.outputs), None)
    return job


def _read(file: TaskFile, token: str | None) -> FileSpec:
    return FileSpec(
        type="input", scope=file.scope, lfn=file.lfn, GUID=file.guid, fsize=file.size, checksum=file.checksum,
        dataset=file.container, prodDBlock=file.name, prodDBlockToken=token, fileID=file.id, datasetID=file.dataset)


def _output(output: Output, task: Numbers, values: Mapping[str, str | Sequence[str]]) -> FileSpec:
    file = _written(output.type, scope_of(output.dataset), fill(output.template, values, task.id),
                    dataset_name(output.dataset, task.id, task.round_nr))
    if output.dataset.endswith("/"):
        file.dataset = output.dataset
    if output.destination is not None:
        file.destinationDBlockToken = f"dst:{output.destination}"
    return file


def _written(kind: str, scope: str, lfn: str, dataset: str) -> FileSpec:
    return FileSpec(type=kind, scope=scope, lfn=lfn, dataset=dataset, destinationDBlock=dataset)
