"""``pandad task``, of tasks that are there: through the API as their owner."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

from pandad.cli.client import Client, Refused, connect
from pandad.cli.ids import task_ids_of
from pandad.cli.output import facts, show, table

LISTED = ("jediTaskID", "taskName", "status", "nFiles", "nFilesFinished", "nFilesFailed", "modificationTime")
_DETAILS = (
    "jediTaskID", "taskName", "status", "errorDialog", "userName", "vo", "prodSourceLabel", "workingGroup", "processingType",
    "currentPriority", "nFiles", "nFilesFinished", "nFilesFailed", "creationDate", "startTime", "endTime", "attemptNr",
    "parent_tid", "task_creation_arguments")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    return _ACTS[args.command](args, connect())


def _ls(args: argparse.Namespace, client: Client) -> int:
    filters = {key: value for key, value in {"status": "|".join(args.status or ()), "taskName": args.name}.items() if value}
    found = client.get("task/get_tasks_detailed_info_since", n_tasks=args.most, filters=json.dumps(filters))
    header = ("jediTaskID", "name", "state", "files", "done", "bad", "changed")
    rows = [tuple(task.get(key) for key in LISTED) for task in found]
    show(args, found, table(header, rows) if found else "you have no such tasks")
    return 0


def _show(args: argparse.Namespace, client: Client) -> int:
    def text(task: Mapping[str, Any]) -> str:
        jobs = client.get("task/get_job_ids", task_id=task["jediTaskID"])
        return facts([*((key, task.get(key)) for key in _DETAILS), ("jobs", f"{len(jobs)}: {' '.join(map(str, jobs[:20]))}")])

    found = [client.get("task/get_detailed_info", task_id=task_id) for task_id in task_ids_of(args)]
    show(args, found, "" if args.json else "\n\n".join(map(text, found)))
    return 0


def _why(args: argparse.Namespace, client: Client) -> int:
    found = [client.get("task/why", task_id=task_id) for task_id in task_ids_of(args)]
    show(args, found, "\n".join(f"task {each['jediTaskID']} is {each['status']}: {each['summary']}" for each in found))
    return 0


def _history(args: argparse.Namespace, client: Client) -> int:
    rows = [{"jediTaskID": task_id, **event} for task_id in task_ids_of(args)
            for event in client.get("task/get_history", task_id=task_id)]
    keys = ("jediTaskID", "at", "event", "became", "who", "why")
    show(args, rows, table(keys, [[row.get(key) for key in keys] for row in rows]))
    return 0


def _steer(verb: str) -> Callable[[argparse.Namespace, Client], int]:
    """A verb for each of the tasks; 0 if all of them took it."""
    def act(args: argparse.Namespace, client: Client) -> int:
        more = {"soft": args.soft} if verb == "finish" else {}
        said = [{"jediTaskID": task_id, **_taken(client, verb, task_id, more)} for task_id in task_ids_of(args)]
        show(args, said, "\n".join(str(each["message"]) for each in said))
        return 0 if all(each["taken"] for each in said) else 1

    return act


def _taken(client: Client, verb: str, task_id: int, more: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"taken": True, "message": client.posted(f"task/{verb}", task_id=task_id, **more)["message"]}
    except Refused as refused:
        return {"taken": False, "message": str(refused)}


_ACTS: Mapping[str, Callable[[argparse.Namespace, Client], int]] = {
    "ls": _ls, "show": _show, "why": _why, "history": _history,
    **{verb: _steer(verb) for verb in ("kill", "finish", "retry", "pause", "resume")}}
