"""What watches over pandad from outside: alert rules and a dashboard speak of series that there are, and rules fire when due."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pandad import metrics
from pandad.api.v1.statistics import HELD

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
RULES = ROOT / "etc" / "prometheus" / "pandad.rules.yml"
UNITS = HERE / "pandad.rules.test.yml"
DASHBOARD = ROOT / "etc" / "grafana" / "pandad.json"
RUNBOOKS = ROOT / "docs" / "how-to" / "runbooks.md"

SUFFIXES = {metrics.Counter: ("_total",), metrics.Gauge: ("",), metrics.Timing: ("_count", "_sum"),
            metrics.Histogram: ("_bucket", "_count", "_sum")}
TOLD = {f"pandad_{each.name}{suffix}": each for each in metrics.ALL for suffix in SUFFIXES[type(each)]}
DEMAND = {*(f"pandad_demand_{name}" for name in HELD), "pandad_queue_running", "pandad_queue_pilots_unserved"}


def alerts() -> list[str]:
    """The names of all rules."""
    return re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))


def expressions() -> Iterator[str]:
    """Of the rules and of the dashboard."""
    yield from re.findall(r"expr: (.+)", RULES.read_text("utf-8"))
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_series_and_labels_exist() -> None:
    """A rule about a series that nobody tells would be silent for ever."""
    for expression in expressions():
        for name, labels in re.findall(r"(pandad_\w+)(\{[^}]*\})?", expression):
            assert name in TOLD or name in DEMAND, f"{name} is not told, in {expression}"
            for label in re.findall(r"(\w+)\s*[!=]~?\s*\"", labels):
                assert label in TOLD[name].labels, f"{name} has no label {label}"


def test_each_alert_has_its_runbook() -> None:
    """And no runbook is of an alert that is gone."""
    text = RULES.read_text("utf-8")
    headings = re.findall(r"^## (Pandad\w+)$", RUNBOOKS.read_text("utf-8"), re.MULTILINE)
    assert headings == alerts()
    assert re.findall(r"runbook: docs/how-to/runbooks\.md#(\w+)", text) == [name.lower() for name in alerts()]


def test_each_alert_is_tried_both_ways() -> None:
    """With what it is for, and with what it is not."""
    tried = re.findall(r"name: (\w+ (?:fires|is silent))", UNITS.read_text("utf-8"))
    assert sorted(tried) == sorted(f"{name} {how}" for name in alerts() for how in ("fires", "is silent"))


def test_alerts_fire() -> None:
    """By Prometheus' own tool."""
    beside = Path(sys.executable).parent / "promtool"
    promtool = str(beside) if beside.exists() else shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: Debian has it in prometheus or promtool")
    ran = subprocess.run([promtool, "test", "rules", UNITS.name], cwd=HERE, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
