"""What pilots, and Harvester for them, are answered."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from pandad.api.jobdefinition import job_definition
from pandad.api.replyschema import Free
from pandad.spec.job import JobSpec
from pandad.spec.resourcetype import ResourceType


class Done(TypedDict):
    """StatusCode 0: it is stored."""

    StatusCode: int


class NoJob(TypedDict):
    """StatusCode 20: nothing for now; ask again."""

    StatusCode: int
    errorDialog: str


class _Along(TypedDict):
    secrets: NotRequired[str]
    pilotSecrets: NotRequired[str]


# Lists are joined by commas, entry by entry of the files; "NULL" keeps the place of what is not known.
_WORK = dict.fromkeys(job_definition(JobSpec()), str | int)
JobDefinition = TypedDict("JobDefinition", {**_WORK, **_Along.__annotations__})  # type: ignore[misc]
PilotJob = TypedDict("PilotJob", {"StatusCode": int, **_WORK, **_Along.__annotations__})  # type: ignore[misc]


class Jobs(TypedDict):
    """Work for who said how many jobs he wants."""

    StatusCode: int
    jobs: list[JobDefinition]


class JobCommand(TypedDict):
    """The report is stored. ``command``: what the pilot is to do; the text NULL: nothing. ``pilotSecrets``: in debug mode."""

    StatusCode: int
    command: str
    pilotSecrets: NotRequired[str]


class JobReport(TypedDict):
    """Of one job in a bulk."""

    success: bool
    message: str
    data: JobCommand | None


class JobState(TypedDict):
    """``status``: notfound, attempt 0, for a job that is not there."""

    job_id: int
    status: str
    attempt_number: int


class JobStates(TypedDict):
    """Of several jobs, joined by a plus, in the order asked."""

    StatusCode: int
    status: str
    attemptNr: str


class StatusAndCommand(TypedDict):
    """``status``: unknown for a job that is not there, with the command to end its worker."""

    status: str
    command: str


class HarvesterCommand(TypedDict):
    """What a Harvester is to do, in its own words."""

    command_id: int
    command: str
    params: dict[str, Free]
    ack_requested: bool
    creation_date: str


class ResourceTypes(TypedDict):
    """In a form the list is a Python literal: pilots evaluate it."""

    StatusCode: int
    ResourceTypes: list[ResourceType]
