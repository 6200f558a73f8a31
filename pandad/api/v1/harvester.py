"""API v1, module harvester: what Harvesters say of themselves and of their workers, and what they are told to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pandad.api import coerce
from pandad.api.access import FACTORY, HARVESTER, IDENTIFIED
from pandad.api.coerce import Unfit
from pandad.api.decode import decoder_for
from pandad.api.encode import Envelope, json_bytes
from pandad.api.load import Urgency
from pandad.api.replies.pilots import HarvesterCommand
from pandad.api.route import GET, MIB, Route
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest
from pandad.taskbuffer.workers import WorkerWord

if TYPE_CHECKING:
    from pandad.jobdispatcher.harvester import Workers

MANY_WORKERS = 1_000  # in one call; Harvester sends 100
MOST_WORKERS = 2**31  # in one count
LONGEST_NAME = 250  # characters
LONGEST_ROW = 16_384  # bytes of one worker's, dialog's or host's; what is longer is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvesterId:
    """Which Harvester."""

    harvester_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """``data``: what it says of itself: version, time of its start."""

    harvester_id: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRows:
    """Each is decoded on its own."""

    harvester_id: str
    workers: list[dict]  # type: ignore[type-arg]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """One worker, in Harvester's words. ``computing_site``: the queue."""

    worker_id: int = field(metadata={"legacy": "workerID"})
    status: str
    computing_site: str | None = None
    node_id: str | None = field(default=None, metadata={"legacy": "nodeID"})
    diag_message: str | None = None
    pandaid_list: list[int] = field(default_factory=list, metadata={"legacy": "pandaid_list"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCounts:
    """``statistics``: {type of job: {resource type: {status: workers}}}, an object or text of one."""

    harvester_id: str
    panda_queue: str
    statistics: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogs:
    """``dialogs``: each with its diagID."""

    harvester_id: str
    dialogs: list[dict]  # type: ignore[type-arg]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """``metrics``: each [time, host, values]."""

    harvester_id: str
    metrics: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCommands:
    """At most so many."""

    harvester_id: str
    n_commands: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandIds:
    """Which commands."""

    command_ids: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Which workers of a queue: of these states, at these entry points, from these hosts; of an empty list any."""

    panda_queue: str
    status_list: list[str] = field(default_factory=list)
    ce_list: list[str] = field(default_factory=list)
    submission_host_list: list[str] = field(default_factory=list)


class Harvester:
    """One method per call."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    @Route("/api/v1/harvester/heartbeat", access=HARVESTER, gives=None, takes=Heartbeat, urgency=Urgency.HEARTBEAT)
    async def heartbeat(self, caller: Caller, said: Heartbeat) -> None:
        """A Harvester lives."""
        await self._workers.beat(_name("harvester_id", said.harvester_id), _short(said.data))

    @Route("/api/v1/harvester/update_workers", access=HARVESTER, gives=list[bool], takes=WorkerRows,
           body_limit_bytes=16 * MIB, items=MANY_WORKERS, urgency=Urgency.HEARTBEAT)
    async def update_workers(self, caller: Caller, said: WorkerRows) -> Envelope:
        """What becomes of its workers; per worker, in order, whether it is stored."""
        words = [_word(row) for row in said.workers]
        good = [word for word in words if isinstance(word, WorkerWord)]
        await self._workers.update(_name("harvester_id", said.harvester_id), good)
        problems = [f"workers[{place}].{word}" for place, word in enumerate(words) if isinstance(word, BadRequest)]
        return Envelope(True, "; ".join(problems[:10]), [isinstance(word, WorkerWord) for word in words])

    @Route("/api/v1/harvester/report_worker_statistics", access=HARVESTER, gives=None, takes=WorkerCounts,
           urgency=Urgency.HEARTBEAT)
    async def report_worker_statistics(self, caller: Caller, said: WorkerCounts) -> None:
        """How many workers it has at a queue; what it said of that queue before is over."""
        who, queue = _name("harvester_id", said.harvester_id), _name("panda_queue", said.panda_queue)
        await self._workers.count(who, queue, _counts(said.statistics))

    @Route("/api/v1/harvester/get_worker_statistics", GET, access=IDENTIFIED,
           gives=dict[str, dict[str, dict[str, dict[str, dict[str, int]]]]])
    async def get_worker_statistics(self, caller: Caller) -> dict[str, Any]:
        """{queue: {Harvester: {type of job: {resource type: {status: workers}}}}}, as they said last."""
        return await self._workers.counts()

    @Route("/api/v1/harvester/get_current_worker_id", GET, access=HARVESTER, gives=int, takes=HarvesterId)
    async def get_current_worker_id(self, caller: Caller, asked: HarvesterId) -> int:
        """The highest number of its workers that is known here; 0: none."""
        return await self._workers.last(asked.harvester_id)

    @Route("/api/v1/harvester/add_dialogs", access=HARVESTER, gives=None, takes=Dialogs, body_limit_bytes=MIB,
           urgency=Urgency.HEARTBEAT)
    async def add_dialogs(self, caller: Caller, said: Dialogs) -> None:
        """Messages for operators; kept for a week."""
        await self._workers.dialogs(_name("harvester_id", said.harvester_id), {
            _name(f"dialogs[{place}].diagID", each.get("diagID", place)): _short(each)
            for place, each in enumerate(said.dialogs)})

    @Route("/api/v1/harvester/update_service_metrics", access=HARVESTER, gives=None, takes=Metrics, body_limit_bytes=MIB,
           urgency=Urgency.HEARTBEAT)
    async def update_service_metrics(self, caller: Caller, said: Metrics) -> None:
        """How its hosts are; the newest of each host is kept."""
        found = dict[str, object]()
        for place, each in enumerate(said.metrics):
            if not isinstance(each, list) or len(each) != 3:
                raise BadRequest(f"metrics[{place}]", "is no list of time, host and values")
            found[_name(f"metrics[{place}]", each[1])] = _short({"at": each[0], "metrics": each[2]})
        await self._workers.metrics(_name("harvester_id", said.harvester_id), found)

    @Route("/api/v1/harvester/acquire_commands", access=HARVESTER, gives=list[HarvesterCommand], takes=WantedCommands)
    async def acquire_commands(self, caller: Caller, asked: WantedCommands) -> list[dict[str, Any]]:
        """What it is to do."""
        found = await self._workers.commands(asked.harvester_id, min(max(asked.n_commands, 0), MANY_WORKERS))
        return [{"command_id": each.id, "command": each.command, "params": each.params, "ack_requested": True,
                 "creation_date": each.asked.replace(tzinfo=None).isoformat()} for each in found]

    @Route("/api/v1/harvester/acknowledge_commands", access=HARVESTER, gives=None, takes=CommandIds)
    async def acknowledge_commands(self, caller: Caller, said: CommandIds) -> None:
        """It has them."""
        await self._workers.acknowledge(said.command_ids)

    @Route("/api/v1/harvester/add_sweep_command", access=FACTORY, gives=None, takes=Sweep)
    async def add_sweep_command(self, caller: Caller, asked: Sweep) -> Envelope:
        """Have workers at a queue killed, by all Harvesters that have some there."""
        count = await self._workers.sweep(_name("panda_queue", asked.panda_queue), {
            "status": asked.status_list or "ALL", "computingElement": asked.ce_list or "ALL",
            "submissionHost": asked.submission_host_list or "ALL"})
        return Envelope(True, f"told to {count} Harvester{'' if count == 1 else 's'} with workers at {asked.panda_queue}")


def _word(row: dict[str, Any]) -> WorkerWord | BadRequest:
    try:
        read = decoder_for(WorkerRow, forgiving=True, legacy=True)(row)
    except BadRequest as problem:
        return problem
    return WorkerWord(worker_id=read.worker_id, status=read.status, queue=read.computing_site, node=read.node_id,
                      diag=read.diag_message, jobs=read.pandaid_list, told=_short(row))


def _short(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What Harvester says beside what is used: left out where it is long, or is nothing that a database can hold."""
    try:
        text = json_bytes(said)
    except TypeError:  # lone surrogates
        return {}
    return said if len(text) <= LONGEST_ROW and b"\\u0000" not in text else {}


def _name(key: str, said: object) -> str:
    """A name that is a key in the database.

    :raise BadRequest: it cannot be one.
    """
    try:
        text = coerce.text(said)
    except Unfit as problem:
        raise BadRequest(key, str(problem)) from None
    if len(text) > LONGEST_NAME:
        raise BadRequest(key, f"has {len(text)} characters; the limit is {LONGEST_NAME}")
    return text


def _counts(said: Mapping[str, Any]) -> dict[str, dict[str, dict[str, int]]]:
    """:raise BadRequest: it is not of that shape."""
    return {_name("statistics", job_type): {
        _name("statistics", resource_type): {
            _name("statistics", status): _number(f"statistics.{job_type}.{resource_type}", number)
            for status, number in _table(f"statistics.{job_type}.{resource_type}", by_status)}
        for resource_type, by_status in _table(f"statistics.{job_type}", by_type)} for job_type, by_type in said.items()}


def _table(key: str, said: object) -> Iterable[tuple[str, Any]]:
    if not isinstance(said, dict):
        raise BadRequest(key, "is no object")
    return said.items()


def _number(key: str, said: object) -> int:
    if type(said) is not int or not 0 <= said < MOST_WORKERS:
        raise BadRequest(key, "is no table of numbers of workers by status")
    return said
