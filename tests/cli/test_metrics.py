"""What /metrics tells, as people read it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pandad import metrics
from pandad.cli.main import main
from pandad.cli.metrics import HEADER, renewed, rows

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_the_page_is_current() -> None:
    """The page of the documentation has each series that there is."""
    text = PAGE.read_text("utf-8")
    assert renewed(text) == text, f"run: pandad metrics --renew {PAGE}"


def test_names_are_what_openmetrics_wants() -> None:
    """Each name once, in small letters; a sentence for each; seconds where something is timed."""
    names = [each.name for each in metrics.ALL]
    assert len(set(names)) == len(names)
    for each in metrics.ALL:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", each.name)
        assert each.meaning.endswith(".")
        assert isinstance(each, metrics.Counter | metrics.Gauge) or each.name.endswith("_seconds")
        assert not each.name.endswith(("_total", "_count", "_sum", "_bucket", "_info"))


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """For people and for scripts."""
    assert main(["metrics", "--json"]) == 0
    found = {row["series"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["pandad_calls_total"]["labels"] == "route, status"
    assert main(["metrics"]) == 0
    assert capsys.readouterr().out.split()[:1] == [HEADER[0]]
    assert len(found) == len(rows())
