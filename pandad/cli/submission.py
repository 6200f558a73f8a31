"""Jobs in the form that job/submit takes: a JSON list of job states (values in order, then files)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from pandad.spec.file import FILE_ATTRIBUTES, FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec

CLIENT_FILE_ATTRIBUTES = 18  # a client sends the first ones only; the others are the server's
DATETIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


def submission(jobs: Sequence[JobSpec]) -> str:
    """The text."""
    return json.dumps([_job_state(job) for job in jobs])


def _job_state(job: JobSpec) -> list[Any]:
    files = [_file_state(file) for file in job.Files]
    return [*(_wire(getattr(job, a.name)) for a in JOB_ATTRIBUTES), files]


def _file_state(file: FileSpec) -> list[Any]:
    # The last item is the client's pointer to the job, always null on the wire.
    return [*(_wire(getattr(file, a.name)) for a in FILE_ATTRIBUTES[:CLIENT_FILE_ATTRIBUTES]), None]


def _wire(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"_datetime_object": value.astimezone(UTC).strftime(DATETIME_FORMAT)}
    if isinstance(value, Enum):
        return value.value
    return "NULL" if value is None else value
