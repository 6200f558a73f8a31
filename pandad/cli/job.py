"""``pandad job``: submit, show, kill, debug and explain jobs, through the API as their owner."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pandad import reasons
from pandad.cli.client import Client, ClientError, Unreachable, connect, submission
from pandad.cli.description import jobs_of
from pandad.cli.output import add_json, cell, facts, show, table
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.tomlsource import read

JOBS_PER_CALL = 5000  # PanDA's limit of job/submit
PLACES_PER_CALL = 100  # that of job/try_brokerage
POLL_S = 2
RESENDS = 2
PATIENCE_POLLS = 150  # this often may the server be out of reach in one go before --wait gives up

Description = Mapping[str, Any]  # a job as job/get_description gives it: attributes by name, and Files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    submit = _command(commands, "submit", _submit, "submit the jobs of a description (TOML or JSON)")
    submit.add_argument("file", type=Path, metavar="FILE")
    after = submit.add_mutually_exclusive_group()
    after.add_argument("--wait", action="store_true", help="until all have ended; success means all finished")
    after.add_argument("--dry-run", action="store_true", help="submit nothing: say where they would go, and why not elsewhere")
    where = _command(commands, "where", _where, "say where the jobs of a description would go now; success means somewhere")
    where.add_argument("file", type=Path, metavar="FILE")
    _command(commands, "show", _show, "show jobs").add_argument("ids", type=_panda_id, nargs="+", metavar="ID")
    kill = _command(commands, "kill", _kill, "end jobs; one that a pilot has ends when its pilot was told")
    kill.add_argument("ids", type=_panda_id, nargs="+", metavar="ID")
    kill.add_argument("--force", action="store_true", help="at once, whether its pilot is told or not")
    kill.add_argument("--code", type=int, metavar="N", help="PanDA's kill code, as 91 for production on a user's job")
    debug = _command(commands, "debug", _debug, _DEBUG_TEXT)
    debug.add_argument("id", type=_panda_id, metavar="ID")
    debug.add_argument("what", nargs=argparse.REMAINDER, metavar="on | off | COMMAND", help="nothing: show what came back")
    why = _command(commands, "why", _why, "say why a job is where it is, and what would change it")
    why.add_argument("id", type=_panda_id, metavar="ID")
    why.add_argument("--now", action="store_true", help="the verdicts of this moment, not those of the last decision")
    why.add_argument("--log", action="store_true", help="also each queue's verdict, as PanDA's brokerage logs have it")
    timeline = _command(commands, "timeline", _timeline, "list what happened to a job")
    timeline.add_argument("id", type=_panda_id, metavar="ID")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    act: Callable[[argparse.Namespace, Client], int] = args.act
    return act(args, connect())


def _command(commands: Any, name: str, act: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(act=act)
    add_json(parser)
    return parser


def _panda_id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a PandaID, which is a whole number from 1")
    return int(text)


def _described(file: Path) -> list[JobSpec]:
    owner = os.environ.get("PANDA_NICKNAME") or getpass.getuser()
    jobs = jobs_of(read(file), scope=f"user.{owner}", run=uuid.uuid4().hex[:8])
    for job in jobs:
        job.creationHost = socket.gethostname()
    return jobs


def _where(args: argparse.Namespace, client: Client) -> int:
    found = [each for part in _batches(_described(args.file), PLACES_PER_CALL)
             for each in client.post("job/try_brokerage", jobs=submission(part))]
    show(args, found, "\n\n".join(reasons.of_place(each) for each in found))
    return 0 if all(each["queue"] for each in found) else 1


def _batches(jobs: Sequence[JobSpec], size: int) -> Iterator[Sequence[JobSpec]]:
    return (jobs[start : start + size] for start in range(0, len(jobs), size))


def _submit(args: argparse.Namespace, client: Client) -> int:
    if args.dry_run:
        return _where(args, client)
    jobs = _described(args.file)
    rows = sent(client, jobs)
    ids = [row["PandaID"] for row in rows if row["PandaID"]]
    taken = len(ids) == len(jobs)
    if not args.wait:
        show(args, rows, table(("PandaID", "name"), [(row["PandaID"], row["jobName"]) for row in rows]))
        return 0 if taken else 1
    found = wait(client, ids, time.sleep)
    _present(args, ids, found)
    return 0 if taken and all(job and job["jobStatus"] == JobStatus.FINISHED for job in found) else 1


def sent(client: Client, jobs: Sequence[JobSpec]) -> list[dict[str, Any]]:
    """Submit jobs, in as many calls as it takes; what `accepted` makes of the answers.

    :raise ClientError: says which of them were taken before, if any.
    """
    rows: list[dict[str, Any]] = []
    for part in _batches(jobs, JOBS_PER_CALL):
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


def wait(client: Client, ids: Sequence[int], sleep: Callable[[float], object]) -> list[Description | None]:
    """Poll until every job has ended, telling each change on stderr; the descriptions in the order of `ids`.

    :raise ClientError: refused, or out of reach for too long.
    """
    known: dict[int, Description | None] = {}
    misses = 0
    while pending := [i for i in ids if i not in known or not ended(known[i])]:
        try:
            found = client.post("job/get_description", job_ids=pending)
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


def _show(args: argparse.Namespace, client: Client) -> int:
    found = client.post("job/get_description", job_ids=args.ids)
    _present(args, args.ids, found)
    return 1 if None in found else 0


def _present(args: argparse.Namespace, ids: Sequence[int], found: Sequence[Description | None]) -> None:
    jobs = [job for job in found if job is not None]
    show(args, jobs, details(jobs[0]) if len(ids) == 1 and jobs else overview(jobs))
    for panda_id in [i for i, job in zip(ids, found, strict=True) if job is None]:
        print(f"pandad: there is no job {panda_id}", file=sys.stderr)


def overview(jobs: Iterable[Description]) -> str:
    """One line for each job."""
    header = ("PandaID", "name", "state", "queue", "attempt", "changed", "error")
    keys = ("PandaID", "jobName", "jobStatus", "computingSite", "attemptNr", "stateChangeTime")
    return table(header, [(*(job.get(key) for key in keys), errors(job)) for job in jobs])


def details(job: Description) -> str:
    """One job with its files."""
    header = ("file", "lfn", "status", "bytes", "checksum", "endpoint")
    keys = ("type", "lfn", "status", "fsize", "checksum", "destinationSE")
    files = [[file.get(key) for key in keys] for file in job.get("Files") or ()]
    about = [*((key, job.get(key)) for key in _DETAILS), ("error", errors(job))]
    return facts(about) + "\n\n" + table(header, files)


_DETAILS = (
    "PandaID", "jobName", "jobStatus", "jobSubStatus", "stateChangeTime", "computingSite", "modificationHost",
    "attemptNr", "maxAttempt", "currentPriority", "prodSourceLabel", "prodUserName", "transformation",
    "jobParameters", "coreCount", "minRamCount", "maxWalltime", "creationTime", "startTime", "endTime",
    "commandToPilot", "pilotID", "batchID",
)  # fmt: skip

_COMPONENTS = ("pilot", "exe", "sup", "ddm", "brokerage", "jobDispatcher", "taskBuffer")


def errors(job: Description) -> str:
    """What went wrong, by component; "" when nothing did."""
    code = job.get("transExitCode")
    found = [] if code in (None, "", 0, "0", "NULL") else [f"payload exit code {code}"]
    for component in _COMPONENTS:
        if code := job.get(f"{component}ErrorCode"):
            found.append(f"{component} {code}: {cell(job.get(f'{component}ErrorDiag'))}")
    return "; ".join(found)


FORCE = 9  # PanDA's kill code


def _kill(args: argparse.Namespace, client: Client) -> int:
    code = FORCE if args.force and args.code is None else args.code
    rows = client.post("job/kill", job_ids=args.ids, code=code, with_reasons=True)
    lines = [(r["PandaID"], "taken" if r["killed"] else "refused", r["reason"]) for r in rows]
    show(args, rows, table(("PandaID", "kill", "reason"), lines))
    return 0 if all(row["killed"] for row in rows) else 1


_DEBUG_TEXT = "switch debug mode, have its pilot do ps, ls, tail, du or gdb, or show what came back"


def _debug(args: argparse.Namespace, client: Client) -> int:
    what = " ".join(args.what)
    if not what:
        found = client.get("job/get_debug_output", job_id=args.id)
        show(args, found, debug_output(found))
    elif what in ("on", "off"):
        client.post("job/set_debug_mode", job_id=args.id, mode=what == "on")
        done = f"debug mode of job {args.id} is {what}; its pilot hears of it {_WHEN}"
        show(args, {"PandaID": args.id, "debug": what == "on"}, done)
    else:
        command = client.post("job/set_command", job_id=args.id, command=what)
        show(args, {"PandaID": args.id, "command": command},
             f"{command}: told {_WHEN}; read the answer with: pandad job debug {args.id}")
    return 0


_WHEN = "at its next heartbeat (each minute in debug mode, else each half hour)"


def debug_output(found: Mapping[str, Any]) -> str:
    """The answer of job/get_debug_output: each command with its output, and the tail that came last."""
    parts = [f"debug mode is {'on' if found.get('debug') else 'off'}"]
    for each in found.get("commands") or ():
        waiting = "no answer yet" if each.get("told") else "not told yet"
        when = cell(each["at"]) if each.get("at") else waiting
        parts.append(f"--- {each['command']}  ({when})\n{each.get('output') or ''}".rstrip())
    if found.get("stdout"):
        parts.append(f"--- what came last\n{found['stdout']}".rstrip())
    return "\n".join(parts)


def _why(args: argparse.Namespace, client: Client) -> int:
    why = client.get("job/why", job_id=args.id, **({"now": "true"} if args.now else {}))
    log = "\n\n" + reasons.log_of(why.get("queues") or ()) if args.log else ""
    show(args, why, reasons.of_job(why) + log)
    return 0


def _timeline(args: argparse.Namespace, client: Client) -> int:
    events = client.get("job/get_timeline", job_id=args.id)
    keys = ("at", "event", "from", "to", "attemptNr", "actor", "who", "why")
    show(args, events, table(keys, [[event.get(key) for key in keys] for event in events]))
    return 0
