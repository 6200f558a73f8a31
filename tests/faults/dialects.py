"""What pilots and users say: each call in API v1 and in the legacy dialect, as JSON and as a form, and how its answer is read.

A real pilot sends gzip JSON first, and on any failure the same again at once as a form, through another transport.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pandad.cli.submission import submission
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec

from .wire import Answer, Request

LABEL = "user"
MAX_ATTEMPT = 3
TRANSFORMATION = "http://payload.test/run.sh"


class Encoding(StrEnum):
    """How the parameters travel."""

    JSON = "json"
    FORM = "form"


class Dialect(StrEnum):
    """Which family of calls."""

    V1 = "v1"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``name``: for counting; ``legacy_names``: of the parameters whose legacy name differs."""

    name: str
    dialect: Dialect
    method: str
    parameters: Mapping[str, Any]

    def request(self, encoding: Encoding) -> Request:
        """The request in that encoding."""
        path = f"/api/v1/{self.method}" if self.dialect is Dialect.V1 else f"/server/panda/{self.method}"
        if encoding is Encoding.FORM:
            return Request(path, urlencode(self.parameters, doseq=True).encode(),
                           {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": self.name})
        body = json.dumps(self.parameters).encode()
        if self.dialect is Dialect.LEGACY:
            body = gzip.compress(body, 1)
        return Request(path, body, {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": self.name})


@dataclass(frozen=True, slots=True)
class Job:
    """What a pilot needs to know of a job it was given. ``outputs``: (scope, lfn)."""

    panda_id: int
    attempt_nr: int
    outputs: tuple[tuple[str, str], ...]


class Refusal(Exception):
    """The server answered and did not do it: nothing is stored."""


def acquire(dialect: Dialect, queue: str, node: str, count: int) -> Call:
    """Ask for jobs."""
    asked = {"node": node, "memory" if dialect is Dialect.V1 else "mem": 4000}
    if dialect is Dialect.V1:
        return Call("acquire", dialect, "pilot/acquire_jobs",
                    {"site_name": queue, "prod_source_label": LABEL, "n_jobs": count, **asked})
    many = {"nJobs": count} if count > 1 else {}
    return Call("acquire", dialect, "getJob", {"siteName": queue, "prodSourceLabel": LABEL, **many, **asked})


def update(dialect: Dialect, job: Job, word: str, pilot: str, report: Mapping[str, Any] | None = None) -> Call:
    """Say how a job is. ``report``: of the output files, at the end."""
    said: dict[str, Any] = {"node": pilot}
    if dialect is Dialect.V1:
        said |= {"job_id": job.panda_id, "job_status": word, "attempt_nr": job.attempt_nr, "batch_id": f"{pilot}.ce.test",
                 "pilot_id": f"http://{pilot}/log|PR|3.11"}
        said |= {"job_output_report": json.dumps(report)} if report is not None else {}
        return Call(word, dialect, "pilot/update_job", said)
    said |= {"jobId": job.panda_id, "state": word, "attemptNr": job.attempt_nr, "batchID": f"{pilot}.ce.test",
             "pilotID": f"http://{pilot}/log|PR|3.11"}
    said |= {"xml": json.dumps(report)} if report is not None else {}
    return Call(word, dialect, "updateJob", said)


def submit(names: Sequence[str], scope: str, outputs: bool) -> Call:
    """Hand in jobs of these names, each with an output file if asked. Sent again it is the same call, and says so."""
    jobs = [JobSpec(jobName=name, transformation=TRANSFORMATION, jobParameters=f"--name {name}", prodSourceLabel=LABEL,
                    coreCount=1, minRamCount=500, maxWalltime=600, maxAttempt=MAX_ATTEMPT,
                    Files=[_output(name, scope)] if outputs else [])
            for name in names]
    return Call("submit", Dialect.V1, "job/submit", {"jobs": submission(jobs), "request_id": names[0]})


def _output(name: str, scope: str) -> FileSpec:
    return FileSpec(lfn=f"{name}.out", type="output", scope=scope, destinationDBlock=f"{scope}.out", dataset=f"{scope}.out")


def kill(ids: Sequence[int]) -> Call:
    """A user wants these jobs ended."""
    return Call("kill", Dialect.V1, "job/kill", {"job_ids": list(ids)})


def data_of(call: Call, answer: Answer) -> Any:
    """What a successful answer says: the data of an envelope, or the fields of a legacy answer.

    :raise Refusal: the server did not do it. :raise ValueError: this is no answer of a PanDA server.
    """
    if call.dialect is Dialect.LEGACY:
        fields = _legacy_fields(answer.body)
        if answer.status != 200 or str(fields.get("StatusCode")) != "0":
            raise Refusal(f"{answer.status} {answer.body[:100]!r}")
        return fields
    if answer.status != 200:
        raise Refusal(f"{answer.status} {answer.body[:100]!r}")
    envelope = json.loads(answer.body)
    if not envelope["success"]:
        raise Refusal(str(envelope["message"]))
    return envelope["data"]


def _legacy_fields(body: bytes) -> dict[str, Any]:
    if body.startswith(b"{"):
        fields: dict[str, Any] = json.loads(body)
        return fields
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def jobs_in(data: Any) -> list[Job]:
    """The jobs of an answer to `acquire`: a list, a list as JSON text, or one job flat."""
    listed = data.get("jobs", [data])
    if isinstance(listed, str):
        listed = json.loads(listed)
    return [Job(int(job["PandaID"]), int(job["attemptNr"]), _outputs(job)) for job in listed]


def _outputs(job: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    names = [name for name in str(job.get("outFiles") or "").split(",") if name and name != "NULL"]
    return tuple(zip(str(job.get("scopeOut") or "").split(","), names, strict=False))
