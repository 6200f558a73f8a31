"""The table of timeouts: every row can happen, no two rows quarrel, and no live job is without a limit."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pandad.config import TimeoutsConfig
from pandad.spec.jobstatus import IN_SLOT, LIVE, Actor, JobStatus, may
from pandad.spec.timeouts import TIMEOUTS, Since, Timeout

LABELS = (None, "", "user", "panda", "managed", "test", "ptest")
PRIORITIES = (-5, 0, 799, 800, 801, 10000)


def fitting(status: JobStatus, label: str | None, priority: int) -> list[Timeout]:
    return [row for row in TIMEOUTS if status in row.states and row.of.holds(label, priority)]


@pytest.mark.parametrize("row", TIMEOUTS, ids=lambda row: row.name)
def test_rows_can_happen(row: Timeout) -> None:
    """What a row does, the watcher may do in each of its states; a pilot can only be told where one has the job."""
    assert all(status in IN_SLOT if row.event is None else may(row.event, status, Actor.WATCHER) for status in row.states)


def test_each_row_is_a_setting() -> None:
    """The limit of each row can be set by its name, and nothing else is there to be set but the number of tries."""
    assert {row.setting for row in TIMEOUTS} | {"sent_tries"} == {f.name for f in fields(TimeoutsConfig)}
    assert len({row.name for row in TIMEOUTS}) == len(TIMEOUTS)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_one_limit_counts(status: JobStatus) -> None:
    """For every job there is a limit in every live state, and one only that counts from the same; production that merges is its
    task's matter.
    """
    for label in LABELS:
        for priority in PRIORITIES:
            found = fitting(status, label, priority)
            assert len({row.since for row in found}) == len(found)
            assert found or (status is JobStatus.MERGING and label not in ("user", "panda"))


@pytest.mark.parametrize("status", sorted(IN_SLOT - {JobStatus.SENT} | {JobStatus.HOLDING}))
def test_pilots_are_listened_for(status: JobStatus) -> None:
    """Where a pilot has spoken and can vanish, its last word is what counts."""
    assert all(any(row.since is Since.HEARD for row in fitting(status, label, 0)) for label in LABELS)


def test_the_shortest_limit_comes_first() -> None:
    """A round begins with the jobs that nobody has spoken for, however much else there is to do."""
    assert TIMEOUTS[0].states == {JobStatus.SENT}
