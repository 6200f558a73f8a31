"""What pilots say."""

from __future__ import annotations

from typing import Any

from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.jobstatus import JobStatus

SIGNS_OF_LIFE = ("starting", "running", "stagein", "stageout", "transferring")
LAST_WORDS = ("finished", "failed")
S = JobStatus


def said(word: str, panda_id: int = 1, **but: Any) -> JobUpdate:
    """One word of the first attempt's pilot."""
    return JobUpdate(**{"job_id": panda_id, "job_status": word, "attempt_nr": 1, **but})
