"""``pandad job submit`` and ``where``: the jobs of a description."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pandad import reasons
from pandad.cli import job, jobwait
from pandad.cli.client import Client, ClientError, Unreachable, connect
from pandad.cli.description import jobs_of
from pandad.cli.ids import calls
from pandad.cli.output import cell, show, table
from pandad.cli.submission import submission
from pandad.spec.job import JobSpec
from pandad.tomlsource import read

JOBS_PER_CALL = 5000  # PanDA's limit of job/submit
PLACES_PER_CALL = 100  # that of job/try_brokerage
POLL_S = 2
RESENDS = 2


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    client = connect()
    return _where(args, client) if args.command == "where" or args.dry_run else _submit(args, client)


def _described(file: Path) -> list[JobSpec]:
    owner = os.environ.get("PANDA_NICKNAME") or getpass.getuser()
    jobs = jobs_of(read(file), scope=f"user.{owner}", run=uuid.uuid4().hex[:8])
    for each in jobs:
        each.creationHost = socket.gethostname()
    return jobs


def _where(args: argparse.Namespace, client: Client) -> int:
    found = [each for part in calls(_described(args.file), PLACES_PER_CALL)
             for each in client.post("job/try_brokerage", jobs=submission(part))]
    show(args, found, "\n\n".join(reasons.of_place(each) for each in found))
    return 0 if all(each["queue"] for each in found) else 1


def _submit(args: argparse.Namespace, client: Client) -> int:
    jobs = _described(args.file)
    rows = sent(client, jobs)
    ids = [row["PandaID"] for row in rows if row["PandaID"]]
    taken = len(ids) == len(jobs)
    if not args.wait:
        show(args, rows, table(("PandaID", "name"), [(row["PandaID"], row["jobName"]) for row in rows]))
        return 0 if taken else 1
    found = jobwait.wait(client, ids, time.sleep)
    job.present(args, ids, found)
    return 0 if taken and jobwait.all_finished(found) else 1


def sent(client: Client, jobs: Sequence[JobSpec]) -> list[dict[str, Any]]:
    """Submit jobs, in as many calls as it takes; what `accepted` makes of the answers.

    :raise ClientError: says which of them were taken before, if any.
    """
    rows: list[dict[str, Any]] = []
    for part in calls(jobs, JOBS_PER_CALL):
        try:
            answer = _posted(client, part)
            rows += accepted(part, answer.get("data"))
            if answer.get("message"):
                print(f"pandad: {cell(answer['message'])}", file=sys.stderr)
        except ClientError as e:
            if not rows:
                raise
            taken = f"{len(rows)} of {len(jobs)} jobs were submitted, PandaID {rows[0]['PandaID']} to {rows[-1]['PandaID']}"
            raise ClientError(f"{taken}, and the rest was not: {e}") from e
    return rows


def _posted(client: Client, jobs: Sequence[JobSpec]) -> dict[str, Any]:
    """The whole answer to one call. If none comes it is sent again, under the same id, so that the jobs are stored once."""
    text, request_id = submission(jobs), uuid.uuid4().hex
    for _ in range(RESENDS):
        try:
            return client.posted("job/submit", jobs=text, request_id=request_id)
        except Unreachable as e:
            print(f"pandad: {e}; sending again", file=sys.stderr)
            time.sleep(POLL_S)
    return client.posted("job/submit", jobs=text, request_id=request_id)


def accepted(jobs: Sequence[JobSpec], answer: Any) -> list[dict[str, Any]]:
    """The answer of job/submit beside what was sent. PandaID None: that job was not taken.

    :raise ClientError: the answer does not have one ``[PandaID, jobDefinitionID, ...]`` for each job.
    """
    if not isinstance(answer, list) or len(answer) != len(jobs) or not all(answer):
        raise ClientError(f"the server's answer does not fit {len(jobs)} jobs: {cell(answer)[:200]}")
    return [
        {"PandaID": row[0], "jobDefinitionID": row[1], "jobName": job.jobName}
        for job, row in zip(jobs, answer, strict=True)
    ]
