"""What of things that have an owner somebody is shown. The one place that knows; pure. docs/how-to/monitor.md says it to people.

Whoever comes without an identity sees figures, queues, and of a job what is nobody's: where it is, since when, and why. Who has
one sees besides whose jobs they are, by their labels. Parameters, files, logs, texts of errors, and who did what are for the
owner, for who manages the job's group, for production and for admins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandad.spec.caller import Caller, Role
from pandad.spec.file import FileSpec
from pandad.spec.reason import REASONS, Reason
from pandad.userinterface.story import Story
from pandad.userinterface.tasklists import TaskStory

# Of a job's reasons, what says nothing of files, nodes and people. A new key is private until it is entered here.
OPEN_REASONS = ("PandaID", "jobStatus", "reason", "next_step", "since", "waits_for", "computingSite", "attemptNr", "maxAttempt",
                "decided_at", "again_at", "fresh", "queues", "funnel", "nearest", "never", "limits", "queue", "pilots",
                "asked_at")
OPEN_ORDER = ("priority", "before_in_line", "at_least_in_line", "before", "at_least", "lines")
OPEN_LOOP = ("name", "finished_at", "failures")

# The same of its attributes, by what they are about.
OPEN_ATTRIBUTES = {
    "times": ("creationTime", "stateChangeTime", "modificationTime", "startTime", "endTime"),
    "needs": ("coreCount", "minRamCount", "maxDiskCount", "maxWalltime", "resource_type", "cmtConfig", "AtlasRelease",
              "container_name", "nInputDataFiles", "inputFileBytes"),
    "used": ("cpuConsumptionTime", "maxPSS", "maxRSS", "nEvents", "actualCoreCount"),
    "order": ("currentPriority", "assignedPriority", "gshare", "prodSourceLabel", "processingType", "VO", "jediTaskID"),
}
NAMED = ("prodUserName", "workingGroup", "jobName", "transformation")
PRIVATE = ("prodUserID", "jobParameters", "modificationHost", "computingElement", "schedulerID", "pilotID", "batchID",
           "pilotTiming", "destinationSE", "creationHost", "jobMetrics")
_FILE = ("lfn", "scope", "type", "status", "fsize", "dataset", "destinationSE", "GUID", "checksum")


def sees_names(caller: Caller) -> bool:
    """Whose things are: a limited proxy, which is in the hands of a job, is not enough."""
    return caller.identity is not None and not caller.limited


def sees_troubles(caller: Caller) -> bool:
    """Texts of errors of this server: for those who run it."""
    return caller.has(Role.PRODUCTION) and not caller.limited


def of_story(story: Story, caller: Caller) -> dict[str, Any]:
    """A job, for its page."""
    whole, job = story.is_whole_for(caller), story.job
    told: dict[str, Any] = {
        "PandaID": job.PandaID, "jobStatus": job.jobStatus, "computingSite": job.computingSite, "attemptNr": job.attemptNr,
        "maxAttempt": job.maxAttempt, "whole": whole, "why": dict(story.why) if whole else _open_reasons(story.why),
        "attributes": {about: {name: getattr(job, name) for name in names} for about, names in OPEN_ATTRIBUTES.items()},
        "events": [{"at": e.at, "event": e.event, "from": e.was, "to": e.became, "attemptNr": e.attempt_nr, "actor": e.actor,
                    **({"who": e.who, "why": e.why} if whole else {})} for e in story.events],
        "errors": [{"component": f.source, "code": f.code, **({"text": f.text} if whole else {})} for f in story.failures]}
    if sees_names(caller):
        told["named"] = {name: getattr(job, name) for name in NAMED}
    if whole:
        told["private"] = {name: getattr(job, name) for name in PRIVATE}
        told["files"] = [_file(each) for each in job.Files]
        told["stdout"], told["log_url"] = story.stdout, log_url(job.pilotID)
    return told


def _open_reasons(why: Mapping[str, Any]) -> dict[str, Any]:
    reason = Reason(why["reason"])
    order, loop = why.get("order"), why.get("loop")
    return {
        **{key: why[key] for key in OPEN_REASONS if key in why}, "summary": f"job {why['PandaID']}: {REASONS[reason].says}",
        "attempts": [{key: each[key] for key in ("attemptNr", "at", "event")} for each in why.get("attempts", ())],
        "order": {key: order[key] for key in OPEN_ORDER if key in order} if order else None,
        "loop": {key: getattr(loop, key) for key in OPEN_LOOP} if loop is not None else None}


def of_task_row(row: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """A task in a list."""
    hidden = () if sees_names(caller) else ("taskname", "username", "workinggroup")
    return {key: value for key, value in row.items() if key not in hidden}


def of_task(story: TaskStory, caller: Caller) -> dict[str, Any]:
    """A task, for its page."""
    whole, task = story.is_whole_for(caller), story.view.task
    told: dict[str, Any] = {
        "jediTaskID": task.id, "status": task.status, "whole": whole, "label": task.label,
        "processing_type": task.processing_type, "priority": task.priority, "vo": task.vo, "created": task.created,
        "changed": task.changed, "started": task.started, "ended": task.ended, "round": task.round_nr, "jobs": story.jobs,
        "files": {"all": story.view.files, "good": story.view.finished, "bad": story.view.failed},
        "events": [{key: value for key, value in each.items() if whole or key not in ("who", "why")} for each in story.events]}
    if sees_names(caller):
        told["named"] = {"taskName": task.name, "userName": task.user_name, "workingGroup": task.group}
    if whole:
        told["private"] = {"errorDialog": task.dialog, "owner": task.owner.subject, "parent": task.parent}
        told["datasets"] = [{"type": each.type, "name": each.name} for each in story.datasets]
    return told


def _file(file: FileSpec) -> dict[str, Any]:
    return {name: getattr(file, name) for name in _FILE}


def log_url(pilot_id: str | None) -> str | None:
    """Where the pilot says that its log is; None if that is no web address."""
    said = (pilot_id or "").partition("|")[0]
    return said if said.startswith(("https://", "http://")) else None


def of_queue(told: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """A queue's reasons."""
    if sees_names(caller):
        return dict(told)
    return {**told, "waits": [{key: line[key] for key in line if key not in ("user", "group")} for line in told["waits"]]}


def of_row(row: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """A job in a list."""
    named = {} if sees_names(caller) else dict.fromkeys(("produsername", "workinggroup", "jobname"))
    return {key: value for key, value in row.items() if key not in named}
