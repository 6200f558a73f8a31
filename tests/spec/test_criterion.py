"""What would have to change, for each criterion."""

from __future__ import annotations

import pytest

from pandad.brokerage.page import TABLES
from pandad.brokerage.rules import RULES
from pandad.spec.capability import CONDITIONS
from pandad.spec.criterion import PILOT_REMEDIES, REMEDIES, Kind, kind_of, next_step, remedy_of


def test_every_rule_has_a_remedy() -> None:
    """Of each criterion that brokerage has, it is known what it takes to meet it; of what fits by the description alone, that
    somebody must act."""
    assert {rule.criterion for _, rules in TABLES for rule in rules} <= REMEDIES.keys()
    described = {rule.criterion for rule in RULES} - {"status", "excluded"}
    assert {kind_of(criterion) for criterion in described} == {Kind.NEEDS}


def test_every_condition_of_a_pilot_has_one() -> None:
    """So it is for pilots."""
    assert len(PILOT_REMEDIES) == len(CONDITIONS)


@pytest.mark.parametrize("remedies", [REMEDIES, PILOT_REMEDIES], ids=["queues", "pilots"])
def test_sentences(remedies: dict[str, object]) -> None:
    """Each makes a sentence of the figures, with nothing left open."""
    for criterion in remedies:
        remedy = (REMEDIES if remedies is REMEDIES else PILOT_REMEDIES)[criterion]
        said = next_step(remedy, "Q", criterion, 1000, 2000)
        assert said and "{" not in said


def test_what_is_not_listed() -> None:
    """A criterion of another version says at least what the rule said."""
    assert remedy_of("new") is None and kind_of("new") is Kind.LOAD
    assert next_step(None, "Q", "new", 1, 2, "the moon is full") == "wait until this changes at Q: the moon is full"


def test_one_name_for_two_things() -> None:
    """Full storage is not a matter of the job's scratch space, and what a task used not of what the job says."""
    assert kind_of("disk", "the job needs 5 MB of scratch disk, the queue has 4") is Kind.NEEDS
    assert kind_of("disk", "DISK has 1 GB free, 2 GB must be with the 3 jobs there") is Kind.LOAD
    memory = remedy_of("lowmemory", "jobs of its task used 3000 MB of memory, the queue has 2000")
    assert memory is not None and memory.user.startswith("use less memory in each job of the task")
