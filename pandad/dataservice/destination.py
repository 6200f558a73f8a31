"""Where an output is written, where it is wanted, and what it is a part of. Pure.

A pilot writes to the storage of its queue. Where the owner wants the file at another endpoint (destinationSE), that is kept in
destinationDBlockToken as PanDA does, ``dst:ENDPOINT``, and destinationSE becomes the place where the pilot writes. What PanDA's
clients also write, "local", or the queue or site itself, means where the job runs.
"""

from __future__ import annotations

from dataclasses import replace

from pandad.dataservice.datasets import Dataset
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue
from pandad.spec.timeouts import ANALYSIS_LABELS

DESTINATION, LOCAL = "dst:", "local"
EXPRESS_PRIORITY = 1000  # above it (PanDA: setupper and adder plugins)


def landing(file: FileSpec, queue: Queue) -> FileSpec:
    """An output as the pilots of a queue are to write it."""
    wanted = destination(file) or file.destinationSE
    if wanted in (LOCAL, queue.name, queue.site):
        wanted = None
    here = wanted if wanted in queue.endpoints_out else queue.endpoint_out
    return replace(file, destinationSE=here or wanted,
                   destinationDBlockToken=f"{DESTINATION}{wanted}" if wanted else file.destinationDBlockToken)


def destination(file: FileSpec) -> str | None:
    """The endpoint at which it is wanted; None: wherever it is written."""
    token = file.destinationDBlockToken or ""
    return token.removeprefix(DESTINATION) or None if token.startswith(DESTINATION) else None


def must_move(file: FileSpec) -> bool:
    """Whether an output is not yet where it is wanted."""
    return destination(file) not in (None, file.destinationSE)


def dataset_of(file: FileSpec) -> Dataset | None:
    """The dataset that an output goes into; its name may have a scope of its own. None: into none, or it cannot be told."""
    before, colon, after = (file.destinationDBlock or file.dataset or "").rstrip("/").partition(":")
    scope, name = (before, after) if colon else (file.scope, before)
    return Dataset(scope, name) if scope and name else None


def container_of(file: FileSpec) -> Dataset | None:
    """The container that its dataset is in: its ``dataset``, with a slash at the end, where that is another name."""
    within = dataset_of(file)
    if within is None or not file.destinationDBlock or not (file.dataset or "").endswith("/"):
        return None
    before, colon, after = (file.dataset or "").rstrip("/").partition(":")
    container = Dataset(before, after) if colon else Dataset(within.scope, before)
    return container if container != within and container.name else None


def activity_of(job: JobSpec) -> str:
    """PanDA's word for bringing the outputs of a job home."""
    if job.currentPriority > EXPRESS_PRIORITY:
        return "Express"
    return "Analysis Output" if job.prodSourceLabel in ANALYSIS_LABELS else "Production Output"
