"""The pages that are made from the code are those of this code, and nothing of it is missing in them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from pandad.api import catalogue
from pandad.cli import tree
from pandad.config import Config
from pandad.spec.jobstatus import TRANSITIONS, Event, JobStatus

from .callers import USES
from .declined import LEGACY_CALLS, V1_CALLS
from .joblifepage import MANY, drawing, said
from .markdown import cell, code
from .pages import MAN, REFERENCE, ROOT, stale
from .pandaserver import LEGACY, V1


def test_they_are_current() -> None:
    """What stands in the repository is what would be made now."""
    assert [str(file.relative_to(ROOT)) for file, _ in stale()] == [], "run: python -m tests.reference"


def test_every_word_of_the_command() -> None:
    """Each command and each option is in the reference and in a manual page."""
    page, manual = (REFERENCE / "cli.md").read_text("utf-8"), {file.stem for file in MAN.glob("*.1")}
    for command in tree.whole().walk():
        assert f" {command.name}\n" in page or command.path == ("pandad",)
        assert all(cell(code(tree.spelled(word))) in page for word in command.words), command.name
        assert "-".join(command.path[:2]) in manual


def _keys(spec: type[Any]) -> set[str]:
    below = (hint for hint in get_type_hints(spec).values() if is_dataclass(hint) and isinstance(hint, type))
    return {f.name for f in fields(spec) if "rule" in f.metadata}.union(*(_keys(each) for each in below))


def test_every_key_of_the_configuration() -> None:
    """With its meaning; and keys that are a time or an amount have their unit."""
    page = (REFERENCE / "configuration.md").read_text("utf-8")
    keys = _keys(Config)
    assert len(keys) > 100 and all(f"| `{key}` |" in page for key in keys)
    rows = [[part.strip() for part in line.split(" | ")] for line in page.splitlines() if line.startswith("| `")]
    assert all(row[2] for row in rows if row[0].strip("|` ").endswith(("_s", "_mb", "_bytes")))
    assert all(row[-1].strip("| ") for row in rows)


def test_every_call_of_panda_server() -> None:
    """Each is there or declined with a reason, and none is both; of each that is there it is known who makes it."""
    paths = {route.path for route, _ in catalogue.declared()}
    assert set(USES) == paths
    for base, calls, declined in (("/server/panda/", LEGACY, LEGACY_CALLS), ("/api/v1/", V1, V1_CALLS)):
        without = [name for names in declined.values() for name in names]
        assert len(set(without)) == len(without) and paths.isdisjoint(base + name for name in without)
        assert set(calls) == set(without) | {name for name in calls if base + name in paths}
    page = (REFERENCE / "protocol.md").read_text("utf-8")
    assert all(f" {path}` |" in page for path in paths)


def test_every_state_and_event() -> None:
    """States have their meaning; each event of the drawing has an arrow from each of its states."""
    assert set(said(JobStatus)) == set(JobStatus)
    drawn = drawing()
    for event, row in TRANSITIONS.items():
        found = [line for line in drawn.splitlines() if event in line.partition(": ")[2].split(", ")]
        assert len(found) == (len(row.sources) if len(row.sources) <= MANY else 0), event
    page = (REFERENCE / "joblife.md").read_text("utf-8")
    assert all(f"| `{event}` |" in page for event in set(Event) - {Event.SUBMITTED})
