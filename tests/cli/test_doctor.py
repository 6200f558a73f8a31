"""``pandad doctor``: what it lists, and what it does without a configuration. What it finds: tests/doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pandad.cli.main import main
from pandad.doctor.finding import FAULTS


def test_without_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to go on with, and it says so."""
    assert main(["doctor", "--config", str(tmp_path / "none.toml")]) == 1
    assert "cannot be read" in capsys.readouterr().out


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """All faults, for a person, for a script, and as the page."""
    assert main(["doctor", "--list", "--json"]) == 0
    assert [each["fault"] for each in json.loads(capsys.readouterr().out)] == list(FAULTS)
    assert main(["doctor", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(FAULTS)
    assert main(["doctor", "--list", "--markdown"]) == 0
    assert all(f"| `{name}` |" in capsys.readouterr().out for name in list(FAULTS)[:1])
