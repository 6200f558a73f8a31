"""What is decided about input that is missing, and about transfers that do not get on: pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from factories import a_job
from hypothesis import given
from hypothesis import strategies as st

from pandad.dataservice.arrivals import Seen, Step, next_source, problem_of, step_of
from pandad.dataservice.datasets import Rule, RuleState
from pandad.dataservice.ddm import FileName
from pandad.dataservice.setupper import Coming, activity_of, wanted
from pandad.dataserviceconfig import DataServiceConfig
from pandad.spec.facts import Whereabouts
from pandad.taskbuffer.placements import Placement, PlacementStatus

P, R = PlacementStatus, RuleState
NAMES = [FileName("user.alice", f"in.{number}") for number in range(12)]
LABELS = {"user": "Analysis Input", "panda": "Analysis Input", "managed": "Production Input", "test": "Production Input"}


@pytest.mark.parametrize(("label", "priority", "activity"), [
    ("user", 5000, "Analysis Input"), ("panda", 0, "Analysis Input"), ("managed", 1000, "Production Input"),
    ("managed", 1001, "Express"), (None, 0, "Production Input")])
def test_activities(label: str | None, priority: int, activity: str) -> None:
    """PanDA's, by the kind of job."""
    assert activity_of(a_job(prodSourceLabel=label, currentPriority=priority)) == activity


JOBS = st.lists(st.tuples(st.sampled_from(sorted(LABELS)), st.sets(st.sampled_from(NAMES), min_size=1)), min_size=1, max_size=8)


@given(JOBS, st.sets(st.sampled_from(NAMES)), st.integers(1, 5))
def test_each_file_once(jobs: list[tuple[str, set[FileName]]], carried: set[FileName], most: int) -> None:
    """Whatever is missing and not on its way is brought once, in datasets of a bounded size, under the activity of one of the
    jobs that miss it."""
    coming = [Coming(a_job(PandaID=number, prodSourceLabel=label, currentPriority=0), "DISK", dict.fromkeys(names, 7))
              for number, (label, names) in enumerate(jobs, 1)]
    made = list(wanted(coming, carried, DataServiceConfig(dispatch_files=most)))
    brought = Counter(name for new in made for name in new.files)
    assert set(brought) == {name for _, names in jobs for name in names} - carried
    assert all(count == 1 for count in brought.values())
    for new in made:
        assert 0 < len(new.files) <= most and set(new.files.values()) == {7} and new.endpoint == "DISK"
        assert all(any(name in names and LABELS[label] == new.activity for label, names in jobs) for name in new.files)


def a_placement(**but: Any) -> Placement:
    values: dict[str, Any] = {
        "id": 1, "scope": "panda", "name": "panda.0.01.02.GEN.x_dis007", "endpoint": "HERE", "source": None,
        "activity": "Express", "round": 0, "status": P.MOVING, "files": 3, "arrived": 1, "rule": "r", "problem": None,
        "age_s": 100.0, "idle_s": 50.0, "needed": True}
    return Placement(**{**values, **but})


def a_rule(ok: int = 1, state: RuleState = R.REPLICATING, error: str | None = None) -> Rule:
    return Rule("r", "HERE", state, ok, 3 - ok, 0, None, error)


@pytest.mark.parametrize(("placement", "rule", "step"), [
    (a_placement(), a_rule(), Step.WAIT),
    (a_placement(), a_rule(2), Step.WAKE),
    (a_placement(), a_rule(3), Step.END),
    (a_placement(), a_rule(3, R.STUCK), Step.END),  # the rule lags behind its files
    (a_placement(files=5), a_rule(3, R.OK), Step.END),
    (a_placement(), a_rule(state=R.STUCK), Step.WAIT),
    (a_placement(idle_s=61), a_rule(state=R.STUCK), Step.REPLACE),
    (a_placement(idle_s=61), a_rule(state=R.WAITING_APPROVAL), Step.REPLACE),
    (a_placement(idle_s=61), a_rule(2, R.STUCK), Step.WAKE),
    (a_placement(), None, Step.REPLACE),
    (a_placement(needed=False), None, Step.RECALL),
    (a_placement(needed=False, idle_s=61), a_rule(2), Step.RECALL),
    (a_placement(status=P.THERE), None, Step.KEEP),
    (a_placement(status=P.THERE, needed=False), None, Step.FORGET)])
def test_steps(placement: Placement, rule: Rule | None, step: Step) -> None:
    """By the files first, by the need, by the time without progress; by what Rucio calls the rule last."""
    assert step_of(placement, rule, 60) is step
    if step is Step.REPLACE and rule is not None:
        assert step_of(placement, rule, 0) is Step.WAIT  # 0 is never


def test_problems() -> None:
    """In Rucio's words, without its capitals."""
    assert problem_of(a_rule()) is None and problem_of(None) == "its rule is gone"
    assert problem_of(a_rule(state=R.STUCK)) == "stuck"
    assert problem_of(a_rule(state=R.WAITING_APPROVAL, error="ask")) == "waiting approval: ask"


@pytest.mark.parametrize(("before", "copies", "found"), [
    (None, [{"A"}, {"A"}], None),  # the one that was tried
    (None, [{"A", "B"}, {"A", "B"}], "A"),
    ("A", [{"A", "B"}, {"A", "B"}], "B"),
    ("A", [{"A", "B"}, {"A"}], None),
    ("A", [{"B", "HERE"}, {"A"}], None),
    ("A", [{"A"}, set()], None)])
def test_other_sources(before: str | None, copies: list[set[str]], found: str | None) -> None:
    """One that has all of what is missing, and was not the one before."""
    where = Whereabouts({name: dict.fromkeys(places, 7) for name, places in zip(NAMES, copies, strict=False)})
    assert next_source(Seen(a_placement(source=before), None, Step.REPLACE, dict.fromkeys(NAMES[:2], 7), where)) == found
