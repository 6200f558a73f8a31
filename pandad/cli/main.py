"""The table of verbs.

A verb is a module with ``add_arguments(parser)`` and ``run(args) -> int``. Only the module of the wanted verb is imported, and it
imports what its work needs no sooner than in `run`: words/ holds those for which that is much. So help and clients are quick.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pandad import __version__

VERBS: Mapping[str, tuple[str, str]] = {
    "sandbox": ("pandad.cli.words.sandbox", "a whole PanDA to play with, below one folder"),
    "demo": ("pandad.cli.words.demo", "ten jobs from submission to their end, run by real pilots in a sandbox"),
    "check": ("pandad.cli.words.check", "tell every mistake in a configuration, with its line and what to write instead"),
    "doctor": ("pandad.cli.words.doctor", "tell what is wrong with the installation on this host, and what to do"),
    "job": ("pandad.cli.words.job", "submit, list, show, kill, debug and explain jobs"),
    "task": ("pandad.cli.words.task", "list, show, steer and explain tasks"),
    "queue": ("pandad.cli.words.queue", "add, list, switch and explain queues"),
    "secret": ("pandad.cli.secret", "leave secrets for your jobs, list and remove them"),
    "token": ("pandad.cli.words.token", "deny bearer tokens, and see what is in one"),
    "whoami": ("pandad.cli.whoami", "say whom the server takes you for, and what you may"),
    "link": ("pandad.cli.link", "show that two credentials are yours, so that they are one account"),
    "user": ("pandad.cli.words.user", "link, unlink, ban people, and give them roles, as the operator of this host"),
    "credential": ("pandad.cli.words.credential", "put, list and remove what pilots are lent"),
    "audit": ("pandad.cli.words.audit", "show what persons and admins changed, and verify that nobody changed that"),
    "access": ("pandad.cli.words.access", "list all calls and who may make them"),
    "timeouts": ("pandad.cli.words.timeouts", "list how long jobs may stay where they are"),
    "metrics": ("pandad.cli.words.metrics", "list what /metrics tells, and what it means"),
    "errorcodes": ("pandad.cli.errorcodes", "say what the error codes on jobs mean, and what to do"),
    "loop": ("pandad.cli.words.loop", "list the timed loops and how they fare, or have one run now"),
    "console": ("pandad.cli.words.console", "talk to the daemon of this host: look, drain, run a loop, change the log level"),
    "backup": ("pandad.cli.words.backup", "say which commands back this pandad up, and which restore it"),
    "upgrade": ("pandad.cli.words.upgrade", "say what the installed version would change in the database, and change it"),
    "fsck": ("pandad.cli.words.fsck", "look for what cannot be in the database: jobs lost, doubled or in a wrong state"),
    "completion": ("pandad.cli.completion", "print what makes a shell complete this command at TAB"),
    "man": ("pandad.cli.man", "show or write the manual pages"),
}


HELP = frozenset({"-h", "--help"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code, see exitcodes."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            return _dispatch(words)
        finally:
            sys.stdout.flush()  # of what argparse says before it exits too
    except (Exception, KeyboardInterrupt) as e:  # the border of the process
        from pandad.cli.border import code_of  # only now, for it knows more than a command that succeeds needs

        return code_of(e, words)


def _dispatch(words: Sequence[str]) -> int:
    parser, verbs = parsers()
    verb = next((word for word in words if not word.startswith("-")), None)
    module: Any = None
    if verb is not None and verb in VERBS:
        module = importlib.import_module(VERBS[verb][0])
        module.add_arguments(verbs[verb])
        if not HELP.isdisjoint(words):
            importlib.import_module("pandad.cli.examples").add(verbs[verb], verb)
    args = parser.parse_args(words)
    code: int = module.run(args)
    return code


def parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of the command, and that of each verb, still without its own words."""
    parser = argparse.ArgumentParser(prog="pandad", description="PanDA server in one daemon on one PostgreSQL.")
    parser.add_argument("--version", action="version", version=f"pandad {__version__}", help="show the version")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an unexpected error")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    return parser, {name: verbs.add_parser(name, help=text, description=text) for name, (_, text) in VERBS.items()}
