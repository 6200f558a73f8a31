"""The table of timeouts as people read it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pandad.cli.main import main
from pandad.cli.timeouts import HEADER, duration, renewed, rows
from pandad.config import TimeoutsConfig
from pandad.spec.timeouts import TIMEOUTS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "timeouts.md"


def test_the_page_is_current() -> None:
    """The page of the documentation shows the table that the watcher goes by, with the defaults."""
    text = PAGE.read_text("utf-8")
    assert all(f"| `{row.setting}` |" in text for row in TIMEOUTS)
    assert renewed(text) == text, f"run: pandad timeouts --renew {PAGE}"


def test_the_page_can_be_renewed(tmp_path: Path) -> None:
    """What is between the marks is made anew, and the rest is left as it is."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text("utf-8").replace("| 40 s |", "| 50 s |"), "utf-8")
    assert main(["timeouts", "--renew", str(page)]) == 0
    assert page.read_text("utf-8") == PAGE.read_text("utf-8")


def test_the_configured_limits_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command shows the limits of a configuration, for people and for scripts."""
    config = tmp_path / "pandad.toml"
    config.write_text("[database]\ndsn = 'dbname=x'\n[timeouts]\nsent_s = 300\nwaiting_s = 0\n")
    assert main(["timeouts", "--config", str(config), "--json"]) == 0
    shown = {row["setting"]: row for row in json.loads(capsys.readouterr().out)}
    assert (shown["sent_s"]["limit"], shown["waiting_s"]["limit"]) == ("5 min", "never")
    assert main(["timeouts", "--config", str(config)]) == 0
    assert capsys.readouterr().out.split("\n")[0].split("  ")[0] == HEADER[0]


def test_consequences() -> None:
    """Each row says what becomes of the job."""
    found = {row[0]: row[5] for row in rows(replace(TimeoutsConfig(), sent_tries=0))}
    assert found["sent_s"] == "activated for the next pilot"
    assert found["waiting_s"] == "closed"
    assert found["running_s"] == "its pilot is told to stop, then cancelled"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "never"), (1, "1 s"), (90, "90 s"), (120, "2 min"), (36 * 3600, "36 h"), (172800, "2 d")]
)
def test_durations(seconds: int, words: str) -> None:
    """The largest unit that needs no fraction."""
    assert duration(seconds) == words
