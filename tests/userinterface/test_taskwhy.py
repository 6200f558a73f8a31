"""What a task waits for, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from factories import ALICE

from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import Task
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer.taskviews import TaskView
from pandad.userinterface.taskwhy import sentence

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def a_view(status: TaskStatus, dialog: str | None = None, failed: int = 0) -> TaskView:
    """Of a task of four files, of which one is processed."""
    task = Task(
        id=10_000_001, name="x", unique=True, status=status, owner=ALICE, user_name="alice", vo="wlcg", label="user", group=None,
        processing_type=None, priority=0, production=False, host="", parameters={}, digest="", submitted_s=0.0, parent=None,
        round_nr=1, more_attempts=0, serial=0, dialog=dialog, created=NOW, modified=NOW, changed=NOW, started=None, ended=None)
    return TaskView(task, 4, 1, failed)


@pytest.mark.parametrize(("status", "dialog", "said"), [
    (TaskStatus.REGISTERED, None, "its input is to be looked up"),
    (TaskStatus.PENDING, "waits for its parent, task 5, which is running", "waits for its parent, task 5, which is running"),
    (TaskStatus.READY, None, "jobs are to be made"),
    (TaskStatus.RUNNING, None, "1 of 4 files are processed; it waits for 3 jobs: 1 activated, 2 running"),
    (TaskStatus.PAUSED, "paused by alice", "paused by alice; no more jobs are made until it is resumed"),
    (TaskStatus.FINISHING, None, "no more jobs are made, and it ends with those that are"),
    (TaskStatus.ABORTING, "killed by alice", "killed by alice; it ends when its last pilot has heard of it"),
    (TaskStatus.DONE, None, "it has ended: all of its 4 files were processed"),
    (TaskStatus.BROKEN, "unknown dataset x", "it has ended: unknown dataset x"),
    (TaskStatus.FAILED, "its build job 5 is failed", "it has ended: its build job 5 is failed"),
])
def test_each_state(status: TaskStatus, dialog: str | None, said: str) -> None:
    """Says what it waits for, or why it ended."""
    assert said in sentence(a_view(status, dialog), {JobStatus.RUNNING: 2, JobStatus.ACTIVATED: 1})


def test_no_job() -> None:
    """A running one whose jobs have all ended waits for the loop only; what failed is said."""
    assert sentence(a_view(TaskStatus.RUNNING, failed=2), {}).startswith("1 of 4 files are processed, 2 failed; none of its jobs")
