"""The last pilots of a queue, held against a job; and who may see whose they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from factories import ALICE, QUEUE, a_caller, a_line

from pandad.spec.caller import Caller, Role
from pandad.spec.capability import misfit
from pandad.spec.facts import Asked, Refusal
from pandad.userinterface.lastpilots import HIDDEN, main_obstacle, pilot_of, rows, step_of, tried, words

AT = datetime(2026, 1, 1, tzinfo=UTC)
BOB = ["ca", "/CN=bob"]


def asked(**demands: Any) -> Asked:
    return Asked(AT, demands, 0, [Refusal("memory", 1, 1000, 2000)])


def test_as_dispatch_decides() -> None:
    """What is kept of a request makes the pilot that it was: the same predicate gives the same answer."""
    line = a_line(1, memory_mb=2000, working_group="phys")
    for demands, criterion in (
            ({"memory_mb": 1000, "node": "n"}, "memory"), ({"memory_mb": 2000, "labels": ["user"]}, None),
            ({"labels": ["managed", "test"]}, "prodSourceLabel"), ({"owners": [BOB]}, "owner"),
            ({"owners": [[ALICE.anchor, ALICE.subject]]}, None), ({"working_group": "exo"}, "workingGroup"),
            ({"what a later version says": 1}, None)):
        (found,) = tried(line, QUEUE, [asked(**demands)])
        assert (found.no and found.no.criterion) == criterion
        assert found.no == misfit(line, pilot_of(QUEUE, demands))


def test_main_obstacle() -> None:
    """If no pilot fits, what keeps most of them away, and of those the nearest; if one fits, nothing."""
    line = a_line(1, memory_mb=4000)
    pilots = [asked(memory_mb=1000), asked(memory_mb=3000), asked(labels=["managed"])]
    no = main_obstacle(tried(line, QUEUE, pilots))
    assert no is not None and (no.criterion, no.have, no.need) == ("memory", 3000, 4000)
    assert words(no) == "memory: the job needs 4000, the pilot has 3000"
    assert step_of(no, QUEUE) == ("ask for at most 3000 MB of memory (memory_mb, minRamCount) instead of 4000, "
                                  f"or the operator can start pilots with 4000 MB at {QUEUE}")
    assert main_obstacle(tried(line, QUEUE, [*pilots, asked()])) is None
    assert main_obstacle([]) is None


@pytest.mark.parametrize(("caller", "whole"), [
    (a_caller("alice"), False), (a_caller("pilot", Role.PILOT), False), (a_caller("prod", Role.PRODUCTION), True),
    (a_caller("root", Role.ADMIN), True), (a_caller("root", Role.ADMIN, limited=True), False)])
def test_whose_pilots(caller: Caller, whole: bool) -> None:
    """Names of nodes, and for whom a pilot runs, are told to those who run the service, and to nobody else."""
    pilots = [asked(owners=[BOB], node="node7.site", harvester_id="h", memory_mb=1000), asked(owner_name="bob", holder="/CN=bob")]
    told = str(rows(tried(a_line(1), QUEUE, pilots), caller))
    for private in ("bob", "node7", "'h'"):
        assert (private in told) == whole
    assert (HIDDEN in told) != whole
    assert "1000" in told
