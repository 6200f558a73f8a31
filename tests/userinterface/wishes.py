"""What people send."""

from __future__ import annotations

from typing import Any

from factories import a_caller

from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus

ALICE_CALLER = a_caller("alice")
S = JobStatus


def a_spec(**but: Any) -> JobSpec:
    """As a client sends it."""
    return JobSpec(**{"transformation": "run.sh", "jobParameters": "-i in -o out", **but})
