"""What PanDA users write around the real panda-client, as a program of its own: the client reads its environment when imported.

usage: program.py CALL < JSON object of arguments
Prints whatever the client prints, then one line of JSON: {"status": ..., "data": ...}, what the client returned. Times stand as
{"datetime": ISO 8601} on both sides, job and file specs as objects of the attributes that hold something.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pandaclient import Client, PsubUtils
from pandaclient.FileSpec import FileSpec
from pandaclient.JobSpec import JobSpec

Returned = Any  # (status, data)


def submit(jobs: Sequence[Mapping[str, Any]], verbose: bool = False) -> Returned:
    """Client.submitJobs; each job is its attributes, with Files."""
    return Client.submitJobs([_job(job) for job in jobs], verbose)


def status(ids: Sequence[int]) -> Returned:
    """Client.getJobStatus."""
    return _described(Client.getJobStatus(ids))


def full_status(ids: Sequence[int]) -> Returned:
    """Client.getFullJobStatus."""
    return _described(Client.getFullJobStatus(ids))


def kill(ids: Sequence[int]) -> Returned:
    """Client.killJobs."""
    return Client.killJobs(ids)


def debug(panda_id: int, on: bool) -> Returned:
    """Client.setDebugMode."""
    return Client.setDebugMode(panda_id, on, False)


def set_secret(key: str | None, value: str | None) -> Returned:
    """Client.set_user_secret."""
    return Client.set_user_secret(key, value)


def secrets() -> Returned:
    """Client.get_user_secrets."""
    return Client.get_user_secrets()


def nickname() -> Returned:
    """PsubUtils.getNickname, in the form of the others."""
    return 0, PsubUtils.getNickname()


def hello() -> Returned:
    """Client.hello."""
    return Client.hello(False)


def attributes() -> Returned:
    """Client.get_cert_attributes."""
    return Client.get_cert_attributes()


CALLS: dict[str, Callable[..., Returned]] = {
    f.__name__: f for f in (submit, status, full_status, kill, debug, set_secret, secrets, nickname, hello, attributes)}


def _job(values: Mapping[str, Any]) -> JobSpec:
    job = _filled(JobSpec(), values)
    for file in values.get("Files", ()):
        job.addFile(_filled(FileSpec(), file))
    return job


def _filled(spec: Any, values: Mapping[str, Any]) -> Any:
    for name, value in values.items():
        if name != "Files":
            assert name in spec._attributes, f"{type(spec).__name__} has no {name}"
            setattr(spec, name, value)
    return spec


def _described(returned: Returned) -> Returned:
    code, jobs = returned
    return code, None if jobs is None else [job and {**_set(job), "Files": [_set(file) for file in job.Files]} for job in jobs]


def _set(spec: Any) -> dict[str, Any]:
    values = {name: getattr(spec, name) for name in spec._attributes}
    return {name: value for name, value in values.items() if value != "NULL"}


def main() -> None:
    """Make the call that the command line names."""
    arguments = json.load(sys.stdin, object_hook=lambda o: datetime.fromisoformat(o["datetime"]) if "datetime" in o else o)
    code, data = CALLS[sys.argv[1]](**arguments)
    print(json.dumps({"status": code, "data": data}, default=lambda time: {"datetime": time.isoformat()}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
