"""The table of calls as people read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pandad.api.access import Access, Reach
from pandad.api.route import Route
from pandad.cli.access import HEADER, renewed, routes
from pandad.cli.main import main
from pandad.spec.ground import Ground

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rights.md"


def test_the_page_is_current() -> None:
    """The page of the documentation shows what the routes declare."""
    text = PAGE.read_text("utf-8")
    assert renewed(text) == text, f"run: pandad access --renew {PAGE}"
    assert all(f"| `{route.path}` |" in text for route in routes())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the table, and writes it between the marks."""
    assert main(["access", "--json"]) == 0
    shown = {row["call"]: row for row in json.loads(capsys.readouterr().out)}
    assert shown["/api/v1/job/kill"]["reaches"] == "jobs, on these grounds: admin, manager of its group, owner, production"
    assert main(["access"]) == 0
    assert capsys.readouterr().out.split()[0] == HEADER[0]
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text("utf-8").replace("| any but", "| all but"), "utf-8")
    assert main(["access", "--renew", str(page)]) == 0
    assert page.read_text("utf-8") == PAGE.read_text("utf-8")


def test_a_rule_is_whole() -> None:
    """A route has one, and one that reaches jobs says on what grounds."""
    with pytest.raises(TypeError):
        Route("/x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="is not an access rule"):
        Route("/x", access=None, gives=None)  # type: ignore[arg-type]
    for reach, grounds in ((Reach.GROUNDS, frozenset()), (Reach.OWN, frozenset({Ground.OWNER}))):
        with pytest.raises(TypeError, match="grounds go with"):
            Access(name="X", says="x", reach=reach, grounds=grounds)
