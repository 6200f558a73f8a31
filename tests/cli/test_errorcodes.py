"""``pandad errorcodes``."""

from __future__ import annotations

import json

import pytest

from pandad.cli.errorcodes import KEYS, rows
from pandad.cli.main import main
from pandad.spec.errorcodes import DISPATCHER_LOST_HEARTBEAT


def test_all_one_component_or_one_code(capsys: pytest.CaptureFixture[str]) -> None:
    """What is asked for, in the columns of the table."""
    assert main(["errorcodes", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(rows())
    assert main(["errorcodes", "sup", "--json"]) == 0
    assert {row["source"] for row in json.loads(capsys.readouterr().out)} == {"sup"}
    assert main(["errorcodes", "jobDispatcher", str(DISPATCHER_LOST_HEARTBEAT), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert main(["errorcodes", "pilot", "1099", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["meaning"] == "stage-in failed"
    assert tuple(row) == KEYS and "heard" in row["meaning"] and row["remedy"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["pilot", "1"], "set by the pilot"), (["transExitCode", "1"], "exit code of the payload"),
     (["ddm", "7"], "pandad errorcodes ddm lists them")])
def test_one_that_is_not_there(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said where to look."""
    assert main(["errorcodes", *words]) == 1
    assert said in capsys.readouterr().err
