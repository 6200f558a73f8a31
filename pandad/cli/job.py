"""``pandad job``, of jobs that are there: list, show, kill, debug and explain them, through the API as their owner."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pandad import reasons
from pandad.cli import jobwait
from pandad.cli.client import Client, connect
from pandad.cli.ids import IDS_PER_CALL, calls, ids_of
from pandad.cli.jobwait import Description, descriptions, ended
from pandad.cli.output import cell, facts, show, table


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    return _ACTS[args.command](args, connect())


LISTED = ("PandaID", "jobName", "jobStatus", "computingSite", "attemptNr", "stateChangeTime", "jediTaskID")


def _ls(args: argparse.Namespace, client: Client) -> int:
    rows = list(_listed(args, client))
    if args.ids and not args.json:
        print("\n".join(str(row["PandaID"]) for row in rows), end="\n" if rows else "")
        return 0
    header = ("PandaID", "name", "state", "queue", "attempt", "changed", "task")
    show(args, rows, table(header, [tuple(row[key] for key in LISTED) for row in rows]) if rows else "there are no such jobs")
    return 0


def _listed(args: argparse.Namespace, client: Client) -> Iterator[Mapping[str, Any]]:
    """Page by page, until there are enough or no more."""
    wanted = {"states": args.status, "queue": args.queue, "task": args.task}
    asked = {key: value for key, value in wanted.items() if value is not None}
    left, before = args.most, None
    while left > 0:
        page = client.post("job/list", most=min(left, IDS_PER_CALL), **({"before": before} if before else {}), **asked)
        yield from page["jobs"]
        left, before = left - len(page["jobs"]), page["next"]
        if before is None:
            return


def _show(args: argparse.Namespace, client: Client) -> int:
    ids = ids_of(args)
    found = list(descriptions(client, ids))
    present(args, ids, found)
    return 1 if None in found else 0


def _wait(args: argparse.Namespace, client: Client) -> int:
    ids = ids_of(args)
    found = jobwait.wait(client, ids, time.sleep)
    present(args, ids, found)
    return 0 if jobwait.all_finished(found) else 1


def present(args: argparse.Namespace, ids: Sequence[int], found: Sequence[Description | None]) -> None:
    """Print jobs, and on stderr which of them are not there."""
    jobs = [job for job in found if job is not None]
    show(args, jobs, details(jobs[0]) if len(ids) == 1 and jobs else overview(jobs))
    _tell_missing(ids, found)


def _tell_missing(ids: Sequence[int], found: Sequence[Description | None]) -> None:
    for panda_id in [i for i, job in zip(ids, found, strict=True) if job is None]:
        print(f"pandad: there is no job {panda_id}", file=sys.stderr)


def overview(jobs: Iterable[Description]) -> str:
    """One line for each job."""
    header = ("PandaID", "name", "state", "queue", "attempt", "changed", "error")
    keys = ("PandaID", "jobName", "jobStatus", "computingSite", "attemptNr", "stateChangeTime")
    return table(header, [(*(job.get(key) for key in keys), errors(job)) for job in jobs])


def details(job: Description) -> str:
    """One job with its files."""
    about = [*((key, job.get(key)) for key in _DETAILS), ("error", errors(job))]
    return facts(about) + "\n\n" + files_of([job])


_OF_FILE = ("type", "lfn", "status", "fsize", "checksum", "destinationSE")


def files_of(jobs: Sequence[Description]) -> str:
    """One line for each file; with its job, if there are several."""
    header, many = ("file", "lfn", "status", "bytes", "checksum", "endpoint"), len(jobs) > 1
    rows = [[job["PandaID"]] * many + [file.get(key) for key in _OF_FILE] for job in jobs for file in job.get("Files") or ()]
    return table(("PandaID",) * many + header, rows)


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
    ids = ids_of(args)
    if args.dry_run:
        return _would_kill(args, client, ids)
    code = FORCE if args.force and args.code is None else args.code
    rows = [row for part in calls(ids) for row in client.post("job/kill", job_ids=part, code=code, with_reasons=True)]
    lines = [(r["PandaID"], "taken" if r["killed"] else "refused", r["reason"]) for r in rows]
    show(args, rows, table(("PandaID", "kill", "reason"), lines))
    return 0 if all(row["killed"] for row in rows) else 1


def _would_kill(args: argparse.Namespace, client: Client, ids: Sequence[int]) -> int:
    found = list(descriptions(client, ids))
    rows = [{"PandaID": panda_id, "jobStatus": job and job["jobStatus"], "live": not ended(job)}
            for panda_id, job in zip(ids, found, strict=True)]
    lines = [(row["PandaID"], row["jobStatus"] or "not there", "would be asked for" if row["live"] else "no: nothing to end")
             for row in rows]
    show(args, rows, table(("PandaID", "state", "kill"), lines))
    return 0 if all(row["live"] for row in rows) else 1


def _files(args: argparse.Namespace, client: Client) -> int:
    ids = ids_of(args)
    found = list(descriptions(client, ids))
    jobs = [job for job in found if job is not None]
    rows = [{"PandaID": job["PandaID"], **file} for job in jobs for file in job.get("Files") or ()]
    show(args, rows, files_of(jobs))
    _tell_missing(ids, found)
    return 1 if None in found else 0


def _log(args: argparse.Namespace, client: Client) -> int:
    ids = ids_of(args)
    found = list(descriptions(client, ids))
    rows = [log_of(job) for job in found if job is not None]
    show(args, rows, "\n\n".join(facts(row.items()) for row in rows))
    _tell_missing(ids, found)
    return 1 if None in found else 0


def log_of(job: Description) -> dict[str, Any]:
    """Where to read what the job printed: its log file, once that is there, and the batch system's own files."""
    logs = [file for file in job.get("Files") or () if file["type"] == "log"]
    first: Mapping[str, Any] = logs[0] if logs else {}
    hint = f"pandad job debug {job['PandaID']} on" if not ended(job) else None
    return {"PandaID": job["PandaID"], "jobStatus": job["jobStatus"], "lfn": first.get("lfn"), "scope": first.get("scope"),
            "status": first.get("status"), "endpoint": first.get("destinationSE"), "bytes": first.get("fsize"),
            "pilotID": job.get("pilotID"), "live": hint}


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
    query = {"now": "true"} if args.now else {}
    found = [client.get("job/why", job_id=panda_id, **query) for panda_id in ids_of(args)]
    show(args, found, "\n\n".join(_told(why, args.log) for why in found))
    return 0


def _told(why: Mapping[str, Any], with_log: bool) -> str:
    return reasons.of_job(why) + ("\n\n" + reasons.log_of(why.get("queues") or ()) if with_log else "")


def _timeline(args: argparse.Namespace, client: Client) -> int:
    ids = ids_of(args)
    events = [{"PandaID": panda_id, **event} for panda_id in ids for event in client.get("job/get_timeline", job_id=panda_id)]
    keys = (*(("PandaID",) if len(ids) > 1 else ()), "at", "event", "from", "to", "attemptNr", "actor", "who", "why")
    show(args, events, table(keys, [[event.get(key) for key in keys] for event in events]))
    return 0


_ACTS = {"ls": _ls, "show": _show, "wait": _wait, "kill": _kill, "files": _files, "log": _log, "debug": _debug, "why": _why,
         "timeline": _timeline}
