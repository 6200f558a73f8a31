"""``pandad task``: list, show, steer and explain tasks, through the API as their owner."""

from __future__ import annotations

import argparse

from pandad.cli.ids import add_task_ids
from pandad.cli.options import add_command, add_json, number
from pandad.spec.taskstatus import TaskStatus

MOST = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    listed = add_command(commands, "ls", "list your own tasks, those first that changed last", add_json)
    listed.add_argument("--status", nargs="+", choices=list(TaskStatus), metavar="STATE",
                        help="only those in one of these states")
    listed.add_argument("--name", metavar="NAME", help="only those of that name; * is any text")
    listed.add_argument("--most", type=number, default=MOST, metavar="N", help=f"how many; {MOST} by default")
    add_command(commands, "show", "show tasks, with their jobs", add_task_ids, add_json)
    add_command(commands, "why", "say what tasks wait for, or why they ended as they did", add_task_ids, add_json)
    add_command(commands, "history", "list what happened to tasks", add_task_ids, add_json)
    add_command(commands, "kill", "end tasks and their jobs", add_task_ids, add_json)
    finish = add_command(commands, "finish", "end tasks with what they have; their jobs are killed", add_task_ids, add_json)
    finish.add_argument("--soft", action="store_true", help="let the jobs that are there end first")
    add_command(commands, "retry", "try again what failed", add_task_ids, add_json)
    add_command(commands, "pause", "make no more jobs of tasks until they are resumed", add_task_ids, add_json)
    add_command(commands, "resume", "go on with paused tasks", add_task_ids, add_json)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    from pandad.cli import task

    return task.run(args)
