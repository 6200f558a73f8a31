"""``pandad secret`` against a server with canned answers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pandad.cli.main import main

from .conftest import Panda

SECRET = "CANARY-of-the-secret"


def test_set_and_rm(panda: Panda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """From a file or from standard input, never from a word that others see; what is printed does not have it."""
    panda.answers["creds/set_user_secrets"] = lambda asked: "OK"
    (tmp_path / "secret").write_text(SECRET)
    assert main(["secret", "set", "K", str(tmp_path / "none")]) == 2
    assert main(["secret", "set", "K", str(tmp_path / "secret")]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(SECRET))
    assert main(["secret", "set", "K", "-", "--json"]) == 0
    assert main(["secret", "rm", "K"]) == 0
    assert [body for _, _, body in panda.asked] == [{"key": "K", "value": SECRET}, {"key": "K", "value": SECRET},
                                                    {"key": "K", "value": None}]
    assert SECRET not in "".join(capsys.readouterr())


def test_ls(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """Names, never what they are."""
    panda.answers["creds/get_user_secrets"] = lambda asked: json.dumps({"B": SECRET, "A": SECRET})
    assert main(["secret", "ls"]) == 0
    assert capsys.readouterr().out == "A\nB\n"
    assert main(["secret", "ls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == ["A", "B"]
