"""What a task waits for, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pandad.spec.jobstatus import JobStatus
from pandad.spec.taskstatus import TASK_FINAL, TaskStatus
from pandad.taskbuffer.taskviews import TaskView

_SOON = "the loop tasks sees to it within seconds"


def sentence(view: TaskView, jobs: Mapping[JobStatus, int]) -> str:
    """For its owner.

    :param jobs: of those that have not ended, by state.
    """
    task = view.task
    if task.status in TASK_FINAL:
        return f"it has ended: {task.dialog or f'all of its {view.files} files were processed'}"
    if task.status is TaskStatus.PENDING:
        return task.dialog or "it waits for its input"
    if task.status is TaskStatus.REGISTERED:
        return f"its input is to be looked up; {_SOON}"
    said = [*_reason(task.status, task.dialog), _progress(view), _at_work(jobs)]
    return "; ".join(filter(None, said))


def _reason(status: TaskStatus, dialog: str | None) -> list[str]:
    match status:
        case TaskStatus.READY:
            return [f"jobs are to be made; {_SOON}"]
        case TaskStatus.PAUSED:
            return [dialog or "it is paused", "no more jobs are made until it is resumed"]
        case TaskStatus.FINISHING:
            return [dialog or "it is to be finished", "no more jobs are made, and it ends with those that are"]
        case TaskStatus.ABORTING:
            return [dialog or "it is killed", "it ends when its last pilot has heard of it"]
    return []


def _progress(view: TaskView) -> str:
    failed = f", {view.failed} failed" if view.failed else ""
    return f"{view.finished} of {view.files} files are processed{failed}"


def _at_work(jobs: Mapping[JobStatus, int]) -> str:
    if not jobs:
        return f"none of its jobs is under way; {_SOON}"
    states = ", ".join(f"{count} {status}" for status, count in sorted(jobs.items()))
    return f"it waits for {sum(jobs.values())} jobs: {states} (`pandad job why ID` for each)"
