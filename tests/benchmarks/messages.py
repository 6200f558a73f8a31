"""What pilots and users say in the benchmarks, as API v1 takes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from pandad.cli.submission import submission
from pandad.embedded.sandbox import QUEUE
from pandad.spec.job import JobSpec

LABEL = "user"
ATTEMPT_NR = 1  # nothing is retried here
SLOT_MB = 3000

_ID, _ATTEMPT = 987_654_321_012_345, 987_654_321  # stand for what differs between messages; numbers that appear nowhere else
_GIVEN = re.compile(rb'"PandaID":(\d+)'), re.compile(rb'"attemptNr":(\d+)')


def acquire(node: str, n_jobs: int = 1) -> dict[str, Any]:
    """Ask for jobs, as a pilot with the limits of its slot does."""
    return {"site_name": QUEUE, "node": node, "prod_source_label": LABEL, "memory": SLOT_MB, "disk_space": 20000, "core_count": 1,
            "n_jobs": n_jobs, "computing_element": "ce.test", "scheduler_id": "harvester-bench"}


def update(job_id: int, status: str, attempt_nr: int = ATTEMPT_NR) -> dict[str, Any]:
    """A heartbeat with the figures that pilots send in each."""
    return {
        "job_id": job_id, "job_status": status, "attempt_nr": attempt_nr, "node": "node1.test", "site_name": QUEUE,
        "pilot_id": "http://node1.test/log|PR|3.7.0", "scheduler_id": "harvester-bench", "batch_id": "1234.ce.test",
        "job_metrics": "nEvents=10 leak=1.0 chi2=0.1", "cpu_consumption_time": 100, "cpu_consumption_unit": "s+Some CPU",
        "core_count": 1, "max_rss": 1000000, "avg_rss": 900000, "max_pss": 900000, "avg_pss": 800000, "max_vmem": 2000000,
        "avg_vmem": 1900000}


def finished(job_id: int, attempt_nr: int = ATTEMPT_NR) -> dict[str, Any]:
    """The final report of a job without files: it leaves nothing to look for on a storage."""
    return {**update(job_id, "finished", attempt_nr), "trans_exit_code": "0", "pilot_error_code": 0, "job_output_report": "{}",
            "pilot_timing": "1|2|3|4|5"}


def submit(jobs: int, **but: Any) -> dict[str, str]:
    """That many jobs of the same kind."""
    values: dict[str, Any] = {
        "jobName": "bench", "transformation": "http://payload.test/hello.sh", "jobParameters": "--in x --out y " * 8,
        "prodSourceLabel": LABEL, "processingType": "bench", "coreCount": 1, "minRamCount": 1000, "maxDiskCount": 1000,
        "maxWalltime": 600}
    return {"jobs": submission([JobSpec(**{**values, **but})] * jobs)}


class AboutJob:
    """A message whose bytes are ready but for the job and its attempt."""

    def __init__(self, message: Callable[[int, int], dict[str, Any]]) -> None:
        """:param message: from (PandaID, attemptNr), in which they stand in this order."""
        text = orjson.dumps(message(_ID, _ATTEMPT)).replace(b"%", b"%%")
        self._text = text.replace(b"%d" % _ID, b"%d").replace(b"%d" % _ATTEMPT, b"%d")

    def of(self, panda_id: int, attempt_nr: int) -> bytes:
        """The message about that job."""
        return self._text % (panda_id, attempt_nr)


def jobs_in(answer: bytes) -> list[tuple[int, int]]:
    """(PandaID, attemptNr) of each job in the body of an answer to `acquire`."""
    ids, attempts = (pattern.findall(answer) for pattern in _GIVEN)
    return [(int(i), int(nr)) for i, nr in zip(ids, attempts, strict=True)]


def succeeded(answer: bytes) -> bool:
    """Whether an envelope says so."""
    return answer.startswith(b'{"success":true')
