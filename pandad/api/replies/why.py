"""What is answered to who asks why: docs/reference/why.md has the meaning of each key."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from pandad.api.replyschema import Free
from pandad.spec.criterion import Never
from pandad.spec.facts import Ends
from pandad.spec.jobstatus import JobStatus
from pandad.spec.reason import Reason
from pandad.taskbuffer.avoidance import Avoidance
from pandad.taskbuffer.carriage import Carried
from pandad.taskbuffer.loops import Pulse
from pandad.taskbuffer.shipments import Shipment


class Verdict(TypedDict):
    """Of one queue on a job: ok with its weight, or no with what it has and what is needed."""

    queue: str
    verdict: str
    text: str
    weight: NotRequired[float]
    criterion: NotRequired[str]
    have: NotRequired[Free]
    need: NotRequired[Free]


class Criterion(TypedDict):
    """How many queues refuse by it, and the nearest of them."""

    criterion: str
    queues: int
    nearest: str
    have: Free
    need: Free
    text: str


class Funnel(TypedDict):
    """The verdicts, counted."""

    queues: int
    able: int
    criteria: list[Criterion]
    text: str


class Attempt(TypedDict):
    """One that is over."""

    attemptNr: int
    at: datetime
    event: str
    why: str | None


class Share(TypedDict):
    """Cores in use by a group, a type of work or a user."""

    of: str
    cores: int
    weight: float


class Order(TypedDict):
    """Jobs that go first: of its own kind, and, in a queue, of all."""

    priority: int
    line: int | None
    before_in_line: int
    at_least_in_line: bool
    before: NotRequired[int]
    at_least: NotRequired[bool]
    lines: NotRequired[int]
    share: NotRequired[list[Share]]


class Cap(TypedDict):
    """Cores in use below a cap."""

    of: str
    cores: int
    cap: int
    lets_go_below: float


class Obstacle(TypedDict):
    """What kept jobs from a pilot."""

    criterion: str
    lines: int
    have: Free
    need: Free


class Pilots(TypedDict):
    """Requests alike: what was asked, and how many jobs the last one got."""

    at: datetime
    asked: dict[str, Free]
    jobs: int
    reasons: list[Obstacle]


class Fit(Pilots):
    """And whether the job fits them."""

    fits: bool
    criterion: str | None
    have: Free
    need: Free
    text: str


class Brake(TypedDict):
    """``tests``: jobs that it gets all the same."""

    since: datetime
    why: str
    until: datetime | None
    tests: int


class QueueStanding(TypedDict):
    """What there is to say of its status, and who said it."""

    queue: str
    status: str
    source_status: NotRequired[str]
    reason: NotRequired[str]
    until: NotRequired[datetime]
    gone: NotRequired[datetime]
    set_by: NotRequired[str]
    brake: NotRequired[Brake]


class AbsentInput(TypedDict):
    """What is not at the endpoint."""

    endpoint: str | None
    missing: list[str]
    problem: str | None
    transfers: list[Carried]


class Output(TypedDict):
    """One file."""

    lfn: str | None
    endpoint: str | None
    status: str | None
    bytes: int | None


class Owed(TypedDict):
    """A call to the data management system that is not done."""

    kind: str
    key: str
    asked: datetime
    tries: int
    error: str | None


class Limit(TypedDict):
    """What becomes of it if nothing happens."""

    setting: str
    limit_s: float
    then: str
    at: datetime


class JobWhy(TypedDict):
    """Why a job is where it is."""

    PandaID: int
    jobStatus: JobStatus
    reason: Reason
    summary: str
    next_step: str
    since: datetime | None
    waits_for: str | None
    computingSite: str | None
    attemptNr: int
    maxAttempt: int
    avoided: list[str]
    avoided_until: list[Avoidance]
    included: list[str]
    excluded: list[str]
    attempts: list[Attempt]
    decided_at: datetime | None
    fresh: bool
    again_at: datetime | None
    queues: list[Verdict]
    funnel: Funnel
    nearest: list[Verdict]
    never: Never | None
    order: Order | None
    caps: list[Cap]
    pilots: list[Fit]
    asked_at: datetime | None
    queue: QueueStanding | None
    input: AbsentInput | None
    output: list[Output] | None
    transfers: list[Shipment]
    owed: list[Owed]
    limits: list[Limit]
    loop: Pulse | None


class Problem(TypedDict):
    """What an operator would look at first."""

    code: str
    text: str
    next_step: str


class Waiting(TypedDict):
    """Jobs alike that wait at a queue, and what keeps the last pilots from them."""

    user: str
    group: str | None
    jobs: int
    at_least: bool
    since: datetime
    label: NotRequired[str]
    resource_type: NotRequired[str]
    memory_mb: NotRequired[int]
    disk_mb: NotRequired[int]
    walltime_s: NotRequired[int]
    cores: NotRequired[int]
    fits_pilots: bool
    criterion: str | None
    text: str


class Calls(TypedDict):
    """Of pilots, within a window."""

    window_s: int
    asked: int
    served: int
    refused: dict[str, int]
    last: datetime | None


class Refuses(TypedDict):
    """By one criterion."""

    criterion: str
    jobs: int
    text: str
    examples: list[int]


class Unplaced(TypedDict):
    """Of the first jobs that have no queue."""

    looked_at: int
    at_least: bool
    would_take: int


class QueueWhy(QueueStanding):
    """What a queue is for, what it has, who asks there, and what it refuses. ``takes``: by the keys of its description."""

    summary: str
    problems: list[Problem]
    takes: dict[str, Free]
    jobs: dict[str, int]
    waits: list[Waiting]
    lines: int
    pilots: list[Calls]
    asked: list[Pilots]
    ends: list[Ends]
    refuses: list[Refuses]
    unplaced: Unplaced


class WouldGo(TypedDict):
    """Where a job would go now; ``queue``: None: nowhere."""

    jobName: str | None
    queue: str | None
    never: Never | None
    queues: list[Verdict]
    funnel: Funnel
    nearest: list[Verdict]
    pilots: list[Fit]
    summary: str
    next_step: str
