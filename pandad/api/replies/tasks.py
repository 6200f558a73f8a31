"""What is answered about tasks."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict, get_type_hints

from pandad.api.replyschema import Free
from pandad.spec.taskstatus import TaskStatus
from pandad.userinterface.taskdict import NOTHING


class Details(TypedDict):
    """Names are joined by commas; ``statistics``: STATUS*COUNT of the input's files."""

    inDS: str
    outDS: str
    statistics: str
    PandaID: list[int]
    mergeStatus: None
    mergePandaID: list[int]
    status: NotRequired[TaskStatus]
    cliParams: NotRequired[Free]


class _Known(TypedDict):
    jediTaskID: int
    reqID: int
    taskName: str
    status: TaskStatus
    superStatus: str
    userName: str
    creationDate: datetime
    modificationTime: datetime
    stateChangeTime: datetime
    startTime: datetime | None
    endTime: datetime | None
    prodSourceLabel: str
    workingGroup: str | None
    vo: str
    taskType: str
    processingType: str | None
    taskPriority: int
    currentPriority: int
    errorDialog: str | None
    parent_tid: int | None
    attemptNr: int
    progress: int
    nFiles: int
    nFilesFinished: int
    nFilesFailed: int
    nFilesMissing: int
    pctFinished: int
    pctFailed: int
    task_creation_arguments: Free
    raw_task_params: dict[str, Free]


# All of PanDA's attributes of a task, for clients that look for them: those that there is nothing behind are null.
_ALL = {**dict.fromkeys(NOTHING, Free), **get_type_hints(_Known, include_extras=True)}
TaskAttributes = TypedDict("TaskAttributes", _ALL)  # type: ignore[misc]


class ModifiedTask(TypedDict):
    """The short form."""

    jediTaskID: int
    modificationTime: datetime
    status: TaskStatus
    processingType: str | None
    transUses: Free
    transHome: Free
    architecture: Free
    reqID: int
    creationDate: datetime
    site: Free
    cloud: None
    taskName: str


class _Dataset(TypedDict):
    name: str
    id: int


class TaskFile(TypedDict):
    """One file of a task's dataset."""

    lfn: str
    scope: str | None
    id: int
    status: str


class DatasetFiles(TypedDict):
    """A dataset that a task reads or writes."""

    dataset: _Dataset
    files: list[TaskFile]


class TaskWhy(TypedDict):
    """What a task waits for. ``jobs``: those that have not ended, by state."""

    jediTaskID: int
    status: TaskStatus
    summary: str
    jobs: dict[str, int]


class TaskEvent(TypedDict):
    """What happened to a task."""

    at: datetime
    event: str
    was: TaskStatus | None
    became: TaskStatus
    actor: str
    who: str
    why: str | None
