"""The page on the simulation shows what was run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from . import document, results
from .results import Result
from .run import Setup


def a_result(policy: str, seed: int = 1, **figures: object) -> Result:
    some = {
        "makespan_h": 10.0, "most_done_h": 9.0, "wait_mean_h": 1.0, "wait_95_h": 2.0, "idle_with_work": 0.1, "moved_tb": 5.0,
        "finished": 90, "failed": 10, "attempts": 120, "attempts_failed": {"site": 20}, "core_time_lost": 0.01, "eaten": 1,
        "failed_by_hole": 0, "fairness_users": 0.9, "fairness_shares": 0.8, "imbalance": 1.0, "curve_step_h": 1.0,
        "curve": [0.5, 1.0, 0.2]}
    return Result(Setup(policy, 100, 10, seed), "abc", 1.0, {**some, **figures})


def test_the_page_shows_what_is_kept() -> None:
    """Its tables, and the plot, are those of the results beside it."""
    kept = results.read(results.KEPT)
    page = results.DOCUMENT.read_text("utf-8")
    assert document.documented(page, kept) == page
    assert document.PLOT.read_text("utf-8") == document.drawn(kept)


def test_results_are_kept(tmp_path: Path) -> None:
    """What is read is what was written; a run that was repeated counts once, as it was last."""
    file = tmp_path / "new" / "results.jsonl"
    for makespan_h in (1.0, 2.0):
        results.append(file, a_result("pandad", makespan_h=makespan_h))
    results.append(file, a_result("random"))
    assert results.read(file) == [a_result("pandad", makespan_h=2.0), a_result("random")]


def test_a_row_is_the_mean_over_seeds() -> None:
    """Policies have a row each, with the seeds that were run."""
    rows = results.table([a_result("pandad", 1, makespan_h=10.0), a_result("pandad", 2, makespan_h=20.0), a_result("random")])
    _, _, pandad, random = rows.splitlines()
    assert pandad.startswith("| pandad | 1, 2 | 15.0 | 9.0 |") and "| 16.67 % |" in pandad
    assert random.startswith("| random | 1 | 10.0 |")


def test_the_plot_has_a_curve_for_each() -> None:
    """It is XML, with a line of as many points as were kept."""
    svg = ElementTree.fromstring(document.drawn([a_result("pandad"), a_result("random"), a_result("random", 2)]))
    curves = [each.attrib["points"].split() for each in svg.iter() if each.tag.endswith("polyline")]
    assert [len(points) for points in curves] == [3, 3]
