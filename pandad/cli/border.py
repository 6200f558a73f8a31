"""The border of the process: every error becomes one line on stderr, with what to do, and an exit code."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
import uuid
from collections.abc import Sequence

from pandad.cli.exitcodes import AWAY, INTERRUPTED, REFUSED, USAGE
from pandad.cli.failures import OutOfReach, Unusable
from pandad.spec.errors import BadRequest, PandadError, Unavailable
from pandad.tables import cell
from pandad.tomlsource import SourceError


def code_of(error: BaseException, words: Sequence[str]) -> int:
    """Tell an error to whom it concerns; the exit code.

    :param words: of the command line.
    """
    if isinstance(error, KeyboardInterrupt):
        print("pandad: interrupted", file=sys.stderr)
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has gone; stdout must not be flushed again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    if isinstance(error, SourceError):
        print(f"pandad: {error}", file=sys.stderr)
        return USAGE
    if isinstance(error, PandadError):
        print(f"pandad: {cell(error)}", file=sys.stderr)
        return _of_refusal(error)
    _report(error, words)
    return REFUSED


def _of_refusal(error: PandadError) -> int:
    if isinstance(error, Unusable | BadRequest):
        return USAGE
    return AWAY if isinstance(error, OutOfReach | Unavailable) else REFUSED


def _report(error: BaseException, words: Sequence[str]) -> None:
    """One line; the traceback too if the user asked for it."""
    debug = "--debug" in words
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    advice = "" if debug else f"; for the traceback run: pandad --debug {shlex.join(words)}"
    what = cell(f"{type(error).__name__}: {error}")
    print(f"pandad: incident {uuid.uuid4().hex[:8]}: unexpected {what}{advice}", file=sys.stderr)
