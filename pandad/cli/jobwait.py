"""``pandad job wait``, and what else waits for the end of jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pandad.cli.client import Client, Unreachable
from pandad.cli.ids import calls
from pandad.spec.jobstatus import FINAL, JobStatus

POLL_S = 2
PATIENCE_POLLS = 150  # this often may the server be out of reach in one go before it is given up

Description = Mapping[str, Any]  # a job as job/get_description gives it: attributes by name, and Files


def descriptions(client: Client, ids: Sequence[int]) -> Iterator[Description | None]:
    """Those jobs, in order, in as many calls as it takes; None where there is no such job.

    :raise ClientError: refused, or out of reach.
    """
    for part in calls(ids):
        yield from client.post("job/get_description", job_ids=part)


def wait(client: Client, ids: Sequence[int], sleep: Callable[[float], object]) -> list[Description | None]:
    """Poll until every job has ended, telling each change on stderr; the descriptions in the order of `ids`.

    :raise ClientError: refused, or out of reach for too long.
    """
    known: dict[int, Description | None] = {}
    misses = 0
    while pending := [i for i in ids if i not in known or not ended(known[i])]:
        try:
            found = list(descriptions(client, pending))
        except Unreachable as e:
            misses += 1
            if misses == PATIENCE_POLLS:
                raise
            if misses == 1:
                print(f"pandad: {e}; trying on", file=sys.stderr)
        else:
            misses = 0
            _tell(changes(pending, found, known))
        sleep(POLL_S)
    return [known[i] for i in ids]


def ended(job: Description | None) -> bool:
    """Whether nothing more will happen to a job; nothing will to one that is not there."""
    return job is None or job["jobStatus"] in FINAL


def changes(
    ids: Sequence[int], found: Sequence[Description | None], known: dict[int, Description | None]
) -> list[str]:
    """What is new since `known`, which is brought up to date."""
    news = []
    for panda_id, job in zip(ids, found, strict=True):
        before, known[panda_id] = known.get(panda_id), job
        if job and (before is None or before["jobStatus"] != job["jobStatus"]):
            news.append(f"job {panda_id}: {job['jobStatus']}")
    return news


def _tell(news: Sequence[str]) -> None:
    for text in news:
        print(text, file=sys.stderr, flush=True)


def all_finished(jobs: Sequence[Description | None]) -> bool:
    """Whether each is there and came to a good end."""
    return all(job and job["jobStatus"] == JobStatus.FINISHED for job in jobs)
