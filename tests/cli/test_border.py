"""Errors and their exit codes."""

from __future__ import annotations

import pytest

from pandad.cli.bearer import NotSetUp
from pandad.cli.border import code_of
from pandad.cli.client import Refused, Unreachable
from pandad.cli.exitcodes import AWAY, INTERRUPTED, MEANINGS, REFUSED, USAGE
from pandad.spec.errors import BadRequest, Conflict, NotFound, StoreUnavailable
from pandad.tomlsource import Problem, SourceError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("job", 5), REFUSED),
        (Conflict("no"), REFUSED),
        (Refused("no", 200), REFUSED),
        (KeyError("x"), REFUSED),
        (BadRequest("until", "is no time"), USAGE),
        (NotSetUp("no proxy"), USAGE),
        (SourceError(Problem("f", 1, "k", "is wrong")), USAGE),
        (Unreachable("nobody there"), AWAY),
        (StoreUnavailable("no database"), AWAY),
        (KeyboardInterrupt(), INTERRUPTED),
    ],
)
def test_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What one can do about it decides: 1 take the answer, 2 mend what one typed or set up, 3 try again later."""
    assert code_of(error, []) == code and code in MEANINGS
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("pandad: ") and err.count("\n") == 1


@pytest.mark.parametrize("error", [Refused("no job \x1b[2J\n\u202ehere", 200), KeyError("\x1b[2J"), NotFound("job", "\x9b2J")])
def test_nothing_steers_the_terminal(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """What a server, or a name in its answer, says is shown in one line of plain text."""
    code_of(error, [])
    err = capsys.readouterr().err
    assert err.endswith("\n") and err.rstrip("\n").isprintable() and "2J" in err
