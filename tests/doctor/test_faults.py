"""The faults as a whole: each is brought about somewhere, explained somewhere, and on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from doctor.illnesses import GROUPS
from doctor.mistakes import IN_THE_TEXT
from doctor.spoilt import FILES
from pandad.doctor.examination import DEADLINE_S
from pandad.doctor.finding import FAULTS, Fault
from pandad.doctor.page import page

DOCS = Path(__file__).parents[2] / "docs"

NOT_SEEDED: Mapping[str, str] = {
    "console-foreign": "root may use every socket",
    "database-age": "takes 1500 million transactions",
    "database-standby": "takes a second server",
    "database-unreachable": "whatever nobody thought of",
    "endpoint-unreadable": "root may enter every folder",
    "look-failed": "whatever nobody thought of",
    "look-late": "takes a disk that hangs",
    "name-reverse": "takes a DNS of one's own",
    "port-denied": "root may use every port",
}


def test_the_page_is_that_of_the_faults() -> None:
    """docs/reference/checks.md is made from the looks and the faults."""
    assert (DOCS / "reference" / "checks.md").read_text() == page(DEADLINE_S)


def test_each_fault_is_brought_about() -> None:
    """By a mistake, a spoilt file or an illness; the others are listed with the reason, and tested in test_looks.py."""
    seeded = {each.fault for each in (*IN_THE_TEXT, *FILES)} | {each.fault for illnesses, _ in GROUPS for each in illnesses}
    assert seeded <= FAULTS.keys()
    assert seeded.isdisjoint(NOT_SEEDED)
    assert FAULTS.keys() - seeded == NOT_SEEDED.keys()


def test_there_are_enough_illnesses() -> None:
    """At least forty, each of another name."""
    names = [each.name for illnesses, _ in GROUPS for each in illnesses]
    assert len(set(names)) == len(names) >= 40


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of the headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_each_fault_is_explained(fault: Fault) -> None:
    """Its page is there, with the heading that it names; and it says what to do."""
    name, _, anchor = fault.page.partition("#")
    assert not anchor or anchor in anchors(DOCS / name)
    assert (DOCS / name).is_file()
    assert fault.remedy
    assert fault.says
