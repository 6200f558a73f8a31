"""What is answered about jobs."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from pandad.spec.jobstatus import JobStatus


class Jobset(TypedDict):
    """Of a user's job."""

    jobsetID: int | None


Stored = tuple[int, int | None, Jobset | str | None]
"""PandaID, jobDefinitionID, and the jobset; for labels that are no user's the job's name in place of it."""


class Killed(TypedDict):
    """``reason``: why not, or what it is."""

    PandaID: int
    killed: bool
    reason: str


class DebugCommand(TypedDict):
    """``told``, ``at``, ``output``: nothing until it happens."""

    command: str
    askedBy: str
    asked: datetime
    told: datetime | None
    attemptNr: int | None
    at: datetime | None
    output: str | None


class DebugOutput(TypedDict):
    """``debug``: whether the mode is on. ``stdout``: the tail that came last."""

    PandaID: int
    debug: bool
    stdout: str | None
    commands: list[DebugCommand]


_States = TypedDict("_States", {"from": JobStatus | None, "to": JobStatus})


class JobEvent(_States):
    """``actor``: pilot, user, a loop; ``who``: by name."""

    at: datetime
    event: str
    attemptNr: int
    actor: str
    who: str
    why: str | None
