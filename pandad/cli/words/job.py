"""``pandad job``: submit, list, show, kill, debug and explain jobs, through the API as their owner."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.ids import add_ids
from pandad.cli.options import add_command, add_json, number, panda_id
from pandad.spec.jobstatus import JobStatus

OF_SUBMISSION = frozenset({"submit", "where"})
MOST = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_submission(commands)
    _add_list(add_command(commands, "ls", "list your own jobs, the newest first", add_json))
    add_command(commands, "show", "show jobs: one in full, several in a line each", add_ids, add_json)
    text = "until jobs have ended, telling each change; success means that all finished"
    add_command(commands, "wait", text, add_ids, add_json)
    kill = add_command(commands, "kill", "end jobs; one that a pilot has ends when its pilot was told", add_ids, add_json)
    kill.add_argument("--force", action="store_true", help="at once, whether its pilot is told or not")
    kill.add_argument("--code", type=number, metavar="N", help="PanDA's kill code, as 91 for production on a user's job")
    kill.add_argument("--dry-run", action="store_true", help="end none: say which are there, and in which state")
    add_command(commands, "files", "list the files of jobs, and how they are", add_ids, add_json)
    add_command(commands, "log", "say where the log files of jobs lie, and how to see what they print now", add_ids, add_json)
    debug = add_command(
        commands, "debug", "switch debug mode, have its pilot do ps, ls, tail, du or gdb, or show what came back", add_json)
    debug.add_argument("id", type=panda_id, metavar="ID", help="PandaID")
    debug.add_argument("what", nargs=argparse.REMAINDER, metavar="on | off | COMMAND", help="nothing: show what came back")
    why = add_command(commands, "why", "say why jobs are where they are, and what would change it", add_ids, add_json)
    why.add_argument("--now", action="store_true", help="the verdicts of this moment, not those of the last decision")
    why.add_argument("--log", action="store_true", help="also each queue's verdict, as PanDA's brokerage logs have it")
    add_command(commands, "timeline", "list what happened to jobs", add_ids, add_json)


def _add_submission(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    submit = add_command(commands, "submit", "submit the jobs of a description (TOML or JSON)", add_json)
    after = submit.add_mutually_exclusive_group()
    after.add_argument("--wait", action="store_true", help="until all have ended; success means all finished")
    after.add_argument("--dry-run", action="store_true", help="submit nothing: say where they would go, and why not elsewhere")
    where = add_command(
        commands, "where", "say where the jobs of a description would go now; success means somewhere", add_json)
    for command in (submit, where):
        command.add_argument("file", type=Path, metavar="FILE", help="the description")


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", nargs="+", choices=list(JobStatus), metavar="STATE", help="only those in one of these states")
    parser.add_argument("--queue", metavar="NAME", help="only those of that queue")
    parser.add_argument("--task", type=number, metavar="N", help="only those of that task (jediTaskID)")
    parser.add_argument("--most", type=number, default=MOST, metavar="N", help=f"how many; {MOST} by default")
    parser.add_argument("--ids", action="store_true", help="print the PandaIDs alone, one a line, for another command's -")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    if args.command in OF_SUBMISSION:
        from pandad.cli import jobsubmit

        return jobsubmit.run(args)
    from pandad.cli import job

    return job.run(args)
