"""The table of verbs, and the border at which every error becomes one line and an exit code.

A verb is a module with ``add_arguments(parser)`` and ``run(args) -> int``. Only the module of the wanted
verb is imported, so that help is quick.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import sys
import traceback
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pandad import __version__
from pandad.spec.errors import PandadError
from pandad.tomlsource import SourceError

INTERRUPTED = 130  # what a shell reports for a process that SIGINT ended

VERBS: Mapping[str, tuple[str, str]] = {
    "sandbox": ("pandad.cli.sandbox", "a whole PanDA to play with, below one folder"),
    "demo": ("pandad.cli.demo", "ten jobs from submission to their end, run by real pilots in a sandbox"),
    "check": ("pandad.cli.check", "say whether a configuration would start"),
    "job": ("pandad.cli.job", "submit, show, kill, debug and explain jobs"),
    "queue": ("pandad.cli.queue", "add, list and switch queues"),
    "token": ("pandad.cli.token", "deny bearer tokens, and see what is in one"),
    "whoami": ("pandad.cli.whoami", "say whom the server takes you for, and what you may"),
    "link": ("pandad.cli.link", "show that two credentials are yours, so that they are one account"),
    "user": ("pandad.cli.user", "link, unlink, ban people, and give them roles, as the operator of this host"),
    "credential": ("pandad.cli.credential", "put, list and remove what pilots are lent"),
    "audit": ("pandad.cli.audit", "show what persons and admins changed, and verify that nobody changed that"),
    "access": ("pandad.cli.access", "list all calls and who may make them"),
    "timeouts": ("pandad.cli.timeouts", "list how long jobs may stay where they are"),
    "metrics": ("pandad.cli.metrics", "list what /metrics tells, and what it means"),
    "loop": ("pandad.cli.loop", "list the timed loops and how they fare"),
    "console": ("pandad.cli.console", "talk to a running daemon on this host: look, drain, run a loop, change the log level"),
    "backup": ("pandad.cli.backup", "say which commands back this pandad up, and which restore it"),
    "upgrade": ("pandad.cli.upgrade", "say what the installed version would change in the database, and change it"),
    "fsck": ("pandad.cli.fsck", "look for what cannot be in the database: jobs lost, doubled or in a wrong state"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except PandadError as e:
        print(f"pandad: {' '.join(str(e).split())}", file=sys.stderr)
    except SourceError as e:
        print(f"pandad: {e}", file=sys.stderr)
    except BrokenPipeError:
        # Whoever read our output has gone; stdout must not be flushed again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("pandad: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as e:  # the border of the process
        _report(e, words)
    return 1


def _dispatch(words: Sequence[str]) -> int:
    parser, verbs = _parsers()
    verb = next((word for word in words if not word.startswith("-")), None)
    module: Any = None
    if verb is not None and verb in VERBS:
        module = importlib.import_module(VERBS[verb][0])
        module.add_arguments(verbs[verb])
    args = parser.parse_args(words)
    code: int = module.run(args)
    return code


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="pandad", description="PanDA server in one daemon on one PostgreSQL."
    )
    parser.add_argument("--version", action="version", version=f"pandad {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an unexpected error")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    return parser, {
        name: verbs.add_parser(name, help=text, description=text) for name, (_, text) in VERBS.items()
    }


def _report(error: Exception, words: Sequence[str]) -> None:
    """One line; the traceback too if the user asked for it."""
    debug = "--debug" in words
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    advice = "" if debug else f"; for the traceback run: pandad --debug {shlex.join(words)}"
    what = " ".join(f"{type(error).__name__}: {error}".split())
    print(f"pandad: incident {uuid.uuid4().hex[:8]}: unexpected {what}{advice}", file=sys.stderr)
