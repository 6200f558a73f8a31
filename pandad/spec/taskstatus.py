"""The life of a task: every state, every event, who may cause it and what it leads to. The one place that names them.

The words are PanDA's, of which only those stand here that can occur. Whatever sets a task going once more leads to `registered`:
its input is looked up again, and from there all goes its one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a task is in its life."""

    REGISTERED = "registered"  # accepted; its input is to be looked up
    PENDING = "pending"        # waits: for input, or for the end of its parent
    READY = "ready"            # its input is known; jobs are to be made
    RUNNING = "running"        # jobs were made
    PAUSED = "paused"          # by a person: no more jobs are made, those that are go on
    FINISHING = "finishing"    # by a person: no more jobs are made, and it ends with those that are
    ABORTING = "aborting"      # by a person: its jobs are being killed
    DONE = "done"              # all of its input was processed
    FINISHED = "finished"      # some of it
    FAILED = "failed"          # none of it
    ABORTED = "aborted"
    BROKEN = "broken"          # nothing could be made of it


class TaskActor(StrEnum):
    """Who may cause an event."""

    USER = "user"  # the owner, production or an admin
    JEDI = "jedi"


class TaskEvent(StrEnum):
    """What can happen to a task."""

    SUBMITTED = "submitted"
    RESUBMITTED = "submitted again"        # under the same name, after its end (PanDA: incexec)
    INPUT_AWAITED = "input awaited"
    INPUT_KNOWN = "input known"
    BROKEN = "broken"                      # its input will never be there
    JOBS_MADE = "jobs made"                # for the first time since it was set going
    ALL_PROCESSED = "all processed"
    SOME_PROCESSED = "some processed"
    NONE_PROCESSED = "none processed"
    KILLED = "killed"
    ABORTED = "aborted"                    # the last of its jobs is gone
    FINISH_ASKED = "finish asked"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETRIED = "retried"
    REACTIVATED = "reactivated"
    RELOADED = "input reloaded"


S, E, A = TaskStatus, TaskEvent, TaskActor


@dataclass(frozen=True, slots=True)
class TaskTransition:
    """In which states an event may happen, the state it leads to, and who may cause it."""

    sources: frozenset[TaskStatus]
    target: TaskStatus
    actor: TaskActor


def _row(sources: Iterable[TaskStatus], target: TaskStatus, actor: TaskActor) -> TaskTransition:
    return TaskTransition(frozenset(sources), target, actor)


TASK_FINAL = frozenset({S.DONE, S.FINISHED, S.FAILED, S.ABORTED, S.BROKEN})
TASK_LIVE = frozenset(S) - TASK_FINAL
FEEDING = frozenset({S.REGISTERED, S.PENDING})
GENERATING = frozenset({S.READY, S.RUNNING})
_RERUNNABLE = TASK_FINAL - {S.BROKEN}
_ENDING = GENERATING | {S.FINISHING}

TASK_TRANSITIONS: Mapping[TaskEvent, TaskTransition] = {
    E.RESUBMITTED: _row(_RERUNNABLE, S.REGISTERED, A.USER),
    E.INPUT_AWAITED: _row(FEEDING, S.PENDING, A.JEDI),
    E.INPUT_KNOWN: _row(FEEDING, S.READY, A.JEDI),
    E.BROKEN: _row(FEEDING, S.BROKEN, A.JEDI),
    E.JOBS_MADE: _row({S.READY}, S.RUNNING, A.JEDI),
    E.ALL_PROCESSED: _row(_ENDING, S.DONE, A.JEDI),
    E.SOME_PROCESSED: _row(_ENDING, S.FINISHED, A.JEDI),
    E.NONE_PROCESSED: _row(_ENDING, S.FAILED, A.JEDI),
    E.KILLED: _row(TASK_LIVE - {S.ABORTING}, S.ABORTING, A.USER),
    E.ABORTED: _row({S.ABORTING}, S.ABORTED, A.JEDI),
    E.FINISH_ASKED: _row(TASK_LIVE - {S.ABORTING, S.FINISHING}, S.FINISHING, A.USER),
    E.PAUSED: _row(FEEDING | GENERATING, S.PAUSED, A.USER),
    E.RESUMED: _row({S.PAUSED}, S.REGISTERED, A.USER),
    E.RETRIED: _row({S.FINISHED, S.FAILED}, S.REGISTERED, A.USER),
    E.REACTIVATED: _row(_RERUNNABLE, S.REGISTERED, A.USER),
    E.RELOADED: _row(GENERATING | {S.PENDING, S.DONE, S.FINISHED, S.FAILED}, S.REGISTERED, A.USER),
}

SUPER_STATUS: Mapping[TaskStatus, TaskStatus] = {
    **{status: status for status in TASK_FINAL | {S.REGISTERED, S.READY}},
    S.PENDING: S.REGISTERED,
    **dict.fromkeys((S.RUNNING, S.PAUSED, S.FINISHING, S.ABORTING), S.RUNNING),
}
"""The coarser state by which clients ask: pbook knows these only."""


class FileStatus(StrEnum):
    """Where a file of a task is."""

    READY = "ready"        # to be put into a job
    RUNNING = "running"    # is in one
    FINISHED = "finished"  # was in one that finished; of an output, and of a second input: is there
    FAILED = "failed"      # was in one that came to another end


class Kind(StrEnum):
    """What a task's job is for."""

    RUN = "run"
    BUILD = "build"  # makes the library that the others run


def verdict(finished: int, all_files: int) -> TaskEvent:
    """How a task ends, no more of whose files are to come."""
    if not finished:
        return E.NONE_PROCESSED
    return E.ALL_PROCESSED if finished == all_files else E.SOME_PROCESSED
