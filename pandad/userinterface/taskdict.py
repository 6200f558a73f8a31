"""A task as PanDA's API describes it. Pure. (PanDA: JediTaskSpec's attributes; clients look for all of them.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandad.spec.taskstatus import SUPER_STATUS
from pandad.taskbuffer.taskviews import TaskView

# What tasks of this server do not have.
NOTHING = (
    "frozenTime", "coreCount", "architecture", "transUses", "transHome", "transPath", "lockedBy", "lockedTime", "termCondition",
    "splitRule", "walltime", "walltimeUnit", "outDiskCount", "outDiskUnit", "workDiskCount", "workDiskUnit", "ramCount",
    "ramUnit", "ioIntensity", "ioIntensityUnit", "workQueue_ID", "failureRate", "oldStatus", "cloud", "site", "countryGroup",
    "eventService", "ticketID", "ticketSystemType", "campaign", "mergeRamCount", "mergeRamUnit", "mergeWalltime",
    "mergeWalltimeUnit", "throttledTime", "numThrottled", "mergeCoreCount", "goal", "assessmentTime", "cpuTime", "cpuTimeUnit",
    "cpuEfficiency", "baseWalltime", "nucleus", "baseRamCount", "ttcRequested", "ttcPredicted", "ttcPredictionDate",
    "rescueTime", "requestType", "gshare", "resource_type", "useJumbo", "diskIO", "diskIOUnit", "memory_leak_core",
    "memory_leak_x2", "container_name", "framework", "activatedTime", "queuedTime", "actionTime", "job_execution_params")

# What the parameters say, under the names that tasks have for it.
_SAID = ("coreCount", "architecture", "transUses", "transHome", "transPath", "ramCount", "site", "container_name")


def described(view: TaskView) -> dict[str, Any]:
    """All attributes; None for what there is not."""
    task, parameters = view.task, view.task.parameters
    return {
        **dict.fromkeys(NOTHING), **_said(parameters), **figures(view), "jediTaskID": task.id, "reqID": task.id,
        "taskName": task.name, "status": task.status, "superStatus": SUPER_STATUS[task.status], "userName": task.user_name,
        "creationDate": task.created, "modificationTime": task.modified, "stateChangeTime": task.changed,
        "startTime": task.started, "endTime": task.ended, "prodSourceLabel": task.label, "workingGroup": task.group,
        "vo": task.vo, "taskType": "anal" if task.label == "user" else "prod", "processingType": task.processing_type,
        "taskPriority": task.priority, "currentPriority": task.priority, "errorDialog": task.dialog, "parent_tid": task.parent,
        "attemptNr": task.round_nr, "progress": _percent(view.finished, view.files),
        "task_creation_arguments": parameters.get("cliParams"), "raw_task_params": parameters}


def figures(view: TaskView) -> dict[str, int]:
    """How far it is."""
    return {"nFiles": view.files, "nFilesFinished": view.finished, "nFilesFailed": view.failed, "nFilesMissing": 0,
            "pctFinished": _percent(view.finished, view.files), "pctFailed": _percent(view.failed, view.files)}


def modified(view: TaskView) -> dict[str, Any]:
    """The short form, of get_tasks_modified_since."""
    task, said = view.task, view.task.parameters
    return {
        "jediTaskID": task.id, "modificationTime": task.modified, "status": task.status, "processingType": task.processing_type,
        "transUses": said.get("transUses"), "transHome": said.get("transHome"), "architecture": said.get("architecture"),
        "reqID": task.id, "creationDate": task.created, "site": said.get("site"), "cloud": None, "taskName": task.name}


def _said(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameters[name] for name in _SAID if parameters.get(name) not in (None, "")}


def _percent(part: int, whole: int) -> int:
    return part * 100 // whole if whole else 0
