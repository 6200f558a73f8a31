"""The real Sites over simple stand-ins of the rooms, spoken to in memory: through treq, or byte by byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from treq.testing import StubTreq
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from pandad.api.auth import Authenticators, IAuthenticator
from pandad.api.files import Files
from pandad.api.health import Health
from pandad.api.legacy import Legacy
from pandad.api.legacycreds import LegacyCreds
from pandad.api.legacyuser import LegacyUser
from pandad.api.numbers import Numbers
from pandad.api.openapi import OpenApi
from pandad.api.site import PandaSite, build_sites
from pandad.api.v1.account import Account
from pandad.api.v1.creds import Creds
from pandad.api.v1.explain import Explain
from pandad.api.v1.file_server import FileServer
from pandad.api.v1.harvester import Harvester
from pandad.api.v1.job import Job
from pandad.api.v1.metaconfig import Metaconfig
from pandad.api.v1.pilot import Pilot
from pandad.api.v1.statistics import Statistics
from pandad.api.v1.system import System
from pandad.api.v1.task import Task
from pandad.api.v1.taskviews import TaskViews
from pandad.api.v1.workflow import Workflow
from pandad.config import CacheConfig
from pandad.spec.caller import Caller, Credential, Identity, Role
from pandad.spec.confidential import Confidential
from pandad.spec.criterion import Never
from pandad.spec.errors import NotAuthenticated, NotFound
from pandad.spec.file import FileSpec
from pandad.spec.job import ClaimedJob, JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import Task as StoredTask
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer.census import Census
from pandad.taskbuffer.harvesters import Command
from pandad.taskbuffer.ownjobs import Listed, Page, Wish
from pandad.taskbuffer.taskviews import TaskView
from pandad.userinterface.accounts import LinkCode
from pandad.userinterface.cache import Cache
from pandad.userinterface.cachefolder import CacheFolder, Incoming
from pandad.userinterface.demand import Demanded, Published
from pandad.userinterface.kill import KillAnswer
from pandad.userinterface.submission import Receipt
from pandad.userinterface.tasksubmission import Code, TaskReceipt

ALICE = "/DC=org/DC=test/CN=alice"
KNOWN_UPLOAD = "jobO.01234567-89ab-4def-8123-456789abcdef.tar.gz"
ACTIVE_URL = "https://panda.test:25443"


class HeaderAuthenticator:
    """Believes what the headers say."""

    name = "header"

    async def authenticate(self, request: Any) -> Credential | None:
        subject = request.getHeader("x-dn")
        if subject == "forged":
            raise NotAuthenticated("the credential is forged")
        if subject is None:
            return None
        roles = tuple(r for r in (request.getHeader("x-roles") or "").split(",") if r)
        limited = request.getHeader("x-limited") is not None
        return Credential(kind=self.name, identity=Identity("/CN=Test CA", subject), not_after=datetime.max.replace(tzinfo=UTC),
                          host="192.0.2.1", limited=limited, fqans=roles)


def granted(credential: Credential) -> Caller:
    """The roles that the headers say."""
    roles = frozenset(role for role in Role if role in credential.fqans)
    return Caller(credential.identity, roles, credential.limited, credential.host, credential)


class Room:
    """A stand-in: keeps what it was asked; raises, waits or answers as told."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.trouble: Exception | None = None
        self.gate: Deferred[None] | None = None

    async def note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.gate is not None:
            await self.gate
        if self.trouble is not None:
            raise self.trouble


class DispatcherStandIn(Room):
    """Has these jobs to give, and knows these states."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[ClaimedJob] = []
        self.states = {
            1: SimpleNamespace(panda_id=1, status=JobStatus.RUNNING, attempt_nr=2, command=None),
            2: SimpleNamespace(panda_id=2, status=JobStatus.CANCELLED, attempt_nr=1, command="tobekilled"),
        }

    async def acquire(self, caller: Caller, asked: Any, gone: Callable[[], bool]) -> list[ClaimedJob]:
        await self.note(caller, asked)
        return self.jobs

    async def statuses(self, ids: Sequence[int]) -> list[Any]:
        await self.note(ids)
        return [self.states.get(i) for i in ids]


class HeartbeatStandIn(Room):
    """Answers with one command; troubles may depend on the job."""

    command = "NULL"

    def __init__(self) -> None:
        super().__init__()
        self.troubles: dict[int, Exception] = {}

    async def update(self, caller: Caller, update: Any) -> str:
        await self.note(caller, update)
        if update.job_id in self.troubles:
            raise self.troubles[update.job_id]
        return self.command


class WorkersStandIn(Room):
    async def update_status(self, caller: Caller, status: Any) -> None:
        await self.note(caller, status)

    async def last(self, harvester_id: str) -> int:
        return 7

    async def counts(self) -> dict[str, Any]:
        return {"Q": {"h": {"user": {"SCORE": {"running": 5}}}}}

    async def sweep(self, queue: str, which: Any) -> int:
        await self.note("sweep", queue, which)
        return 2

    async def commands(self, harvester_id: str, most: int) -> list[Command]:
        await self.note("commands", harvester_id, most)
        return [Command(3, "KILL_WORKERS:Q", {"status": "ALL"}, datetime(2026, 1, 2, tzinfo=UTC))]

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        async def said(*asked: Any) -> None:
            await self.note(verb, *asked)

        return said


class JobsStandIn(Room):
    """Numbers what it is given. ``never``: what is said of all of it."""

    never: Never | None = None

    async def submit(self, caller: Caller, jobs: list[JobSpec], request_id: str | None) -> Receipt:
        await self.note(caller, jobs)
        for number, job in enumerate(jobs, 101):
            job.PandaID, job.jobDefinitionID, job.jobsetID = number, 7, 8
        never = {job.PandaID or 0: self.never for job in jobs if self.never is not None}
        return Receipt(jobs, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) if request_id == "again" else None, never)

    async def describe(self, caller: Caller, ids: Sequence[int]) -> list[JobSpec | None]:
        await self.note(caller, ids)
        return [JobSpec(PandaID=i, Files=[FileSpec(lfn="in.root")]) if i < 100 else None for i in ids]

    async def kill_each(self, caller: Caller, ids: Sequence[int], code: int | None) -> list[KillAnswer]:
        await self.note(caller, ids, code)
        return [KillAnswer(i, i < 100, "is cancelled now" if i < 100 else "there is no such job") for i in ids]

    async def listed(self, caller: Caller, wish: Wish) -> Page:
        await self.note(caller, wish)
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        return Page([Listed(7, "n", JobStatus.RUNNING, "Q", 1, moment, None, 1000)], 7)

    async def timeline(self, caller: Caller, panda_id: int) -> list[dict[str, Any]]:
        await self.note(caller, panda_id)
        return [{"event": "submitted"}]


MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TASK = StoredTask(
    id=10_000_001, name="user.alice.x/", unique=True, status=TaskStatus.RUNNING, owner=Identity("/CN=Test CA", ALICE),
    user_name="alice", vo="wlcg", label="user", group=None, processing_type="panda-client-2.2.0-jedi-run", priority=1000,
    production=False, host="", parameters={"taskName": "user.alice.x/", "cliParams": "prun x", "site": None}, digest="x",
    submitted_s=1.0, parent=None, round_nr=1, more_attempts=0, serial=3, dialog=None, created=MOMENT, modified=MOMENT,
    changed=MOMENT, started=MOMENT, ended=None)


class TasksStandIn(Room):
    """Has one task, and does with it as it is told."""

    receipt = TaskReceipt(Code.NEW, TASK.id, f"succeeded. new jediTaskID={TASK.id}")

    async def submit(self, caller: Caller, parameters: Any, parent: int | None) -> TaskReceipt:
        await self.note("submit", caller, parameters, parent)
        return self.receipt

    async def retry(self, caller: Caller, task_id: int, new: Any) -> tuple[int, str]:
        await self.note("retry", caller, task_id, new)
        return 3 if new else 0, "retried"

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        async def said(caller: Caller, task_id: int, *more: Any) -> str:
            await self.note(verb, caller, task_id, *more)
            return f"{verb} is registered"

        return said


class TaskViewsStandIn(Room):
    """Shows it."""

    shown = TaskView(TASK, 4, 3, 1)

    async def view(self, caller: Caller, task_id: int) -> TaskView:
        await self.note("view", caller, task_id)
        return self.shown

    async def detailed(self, caller: Caller, task_id: int) -> dict[str, Any]:
        await self.note("detailed", caller, task_id)
        return {"jediTaskID": task_id}

    async def parent(self, caller: Caller, task_id: int) -> dict[str, Any]:
        raise NotFound("parent of task", task_id)

    async def mine(self, caller: Caller, filters: Any, since: Any, limit: int) -> list[TaskView]:
        await self.note("mine", caller, filters, since, limit)
        return [self.shown]

    async def job_ids(self, caller: Caller, task_id: int) -> list[int]:
        return [1, 2]

    async def descriptions(self, caller: Caller, task_id: int, unsuccessful: bool) -> list[JobSpec]:
        await self.note("descriptions", unsuccessful)
        return [JobSpec(PandaID=1)]

    async def metadata(self, caller: Caller, task_id: int) -> dict[str, Any]:
        return {"1": {"events": 5}}

    async def datasets(self, caller: Caller, task_id: int, types: Sequence[str], only: bool) -> list[dict[str, Any]]:
        await self.note("datasets", types, only)
        return [{"dataset": {"name": "a", "id": 1}, "files": []}]

    async def details(self, caller: Caller, task_id: int) -> dict[str, Any]:
        return {"inDS": "a", "PandaID": [1, 2]}

    async def why(self, caller: Caller, task_id: int) -> dict[str, Any]:
        return {"jediTaskID": task_id, "summary": "it waits"}

    async def history(self, caller: Caller, task_id: int) -> list[dict[str, Any]]:
        return [{"event": "submitted", "at": MOMENT}]


class WhyStandIn(Room):
    """Has one reason for everything."""

    async def job(self, caller: Caller, panda_id: int, now: bool) -> dict[str, Any]:
        await self.note(caller, panda_id, now)
        return {"PandaID": panda_id, "reason": "no-queue-ever"}

    async def queue(self, caller: Caller, name: str) -> dict[str, Any]:
        await self.note(caller, name)
        return {"queue": name, "problems": []}

    async def where(self, caller: Caller, jobs: Sequence[JobSpec]) -> list[dict[str, Any]]:
        await self.note(caller, jobs)
        return [{"jobName": job.jobName, "queue": "Q"} for job in jobs]


class DemandStandIn(Room):
    """One queue wants two pilots."""

    async def published(self) -> Published:
        await self.note()
        states = {"Q": {"SCORE": {"user": {"activated": 3, "running": 1}}}}
        return Published(None, [Demanded("Q", "SCORE", 3, 2, 2, 60.0)], states)


class DebugStandIn(Room):
    """Takes every command as it is."""

    async def set_mode(self, caller: Caller, panda_id: int, on: bool) -> None:
        await self.note(caller, panda_id, on)

    async def command(self, caller: Caller, panda_id: int, text: str) -> str:
        await self.note(caller, panda_id, text)
        return text

    async def output(self, caller: Caller, panda_id: int) -> dict[str, Any]:
        await self.note(caller, panda_id)
        return {"PandaID": panda_id, "debug": True, "stdout": "x", "commands": []}


class SecretsStandIn(Room):
    """Has two."""

    async def set(self, caller: Caller, name: str | None, value: Any) -> str:
        await self.note(caller, name, value and value.reveal())
        return "OK"

    async def get(self, caller: Caller, names: Sequence[str] | None) -> dict[str, str]:
        await self.note(caller, names)
        return {name: value for name, value in {"a": "1", "b": "2"}.items() if names is None or name in names}


class LendingStandIn(Room):
    """Has everything."""

    async def proxy(self, caller: Caller, name: str | None, role: str | None) -> Confidential:
        await self.note(caller, name, role)
        return Confidential("PROXY")

    async def key_pair(self, caller: Caller, public: str, private: str) -> tuple[Confidential, Confidential]:
        await self.note(caller, public, private)
        return Confidential("PUBLIC"), Confidential("PRIVATE")

    async def token(self, caller: Caller, client: str, key: str | None) -> Confidential:
        await self.note(caller, client, key)
        return Confidential("TOKEN")

    async def token_key(self, caller: Caller, client: str) -> Confidential:
        await self.note(caller, client)
        return Confidential("KEY")


class AccountsStandIn(Room):
    """Knows one code."""

    async def code(self, caller: Caller) -> LinkCode:
        await self.note(caller)
        return LinkCode(Confidential("CODE"), datetime(2026, 1, 2, tzinfo=UTC))

    async def link(self, caller: Caller, code: Confidential, subject: str | None) -> int:
        await self.note(caller, code.reveal(), subject)
        return 7

    async def unlink(self, caller: Caller, identity: Identity) -> None:
        await self.note(caller, identity)

    async def banned(self) -> Sequence[str]:
        return ["eve"]


class CacheStandIn(Cache):
    """Keeps files in a folder, and knows one more."""

    def __init__(self, folder: Path) -> None:
        config = CacheConfig(sources_mib=2, other_mib=1, free_mib=0, uploads=8)
        super().__init__(None, CacheFolder(folder, lambda: 0.0), config, None)  # type: ignore[arg-type]  # a store: see keep
        self.asked: list[Any] = []
        self.gate: Deferred[None] | None = None

    async def keep(self, caller: Caller, file: Incoming, name: str) -> None:
        """Without a row."""
        self.asked.append((caller.identity, name, file.size_bytes, file.crc))
        if self.gate is not None:
            await self.gate
        file.seal()
        self._opened().place(file, name)

    async def look(self, caller: Caller, size: int, crc: int) -> str | None:
        """The one."""
        self.asked.append((caller.identity, size, crc))
        return KNOWN_UPLOAD if (size, crc) == (20, 5) else None

    async def touch(self, caller: Caller, given_name: str) -> None:
        """The one."""
        if given_name != KNOWN_UPLOAD:
            raise NotFound("file", given_name)

    delete = touch


class JobSecretsStandIn:
    """Has something for some jobs, and for pilots that are told to debug."""

    def __init__(self) -> None:
        self.extra: dict[int, dict[str, str]] = {}

    async def of_jobs(self, ids: Sequence[int]) -> dict[int, dict[str, str]]:
        return {i: self.extra[i] for i in ids if i in self.extra}

    async def of_update(self, command: str) -> dict[str, str]:
        return {"pilotSecrets": '{"login":"x"}'} if command == "debug" else {}


@dataclass(frozen=True)
class Got:
    """One reply."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Connection:
    """One client's connection to a Site, byte by byte."""

    def __init__(self, site: PandaSite) -> None:
        self.transport = StringTransport(
            hostAddress=IPv4Address("TCP", "127.0.0.1", 25443), peerAddress=IPv4Address("TCP", "192.0.2.1", 4711))
        channel = site.buildProtocol(self.transport.getPeer())
        assert channel is not None
        self.channel: HTTPChannel = channel
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def hang_up(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))

    def got(self) -> Got:
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return Got(int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body)


class Port:
    """A Site and ways to talk to it."""

    def __init__(self, site: PandaSite, scheme: str) -> None:
        self.site, self.scheme = site, scheme
        self._treq: Any = StubTreq(site.resource)
        self._treq._agent._serverFactory = site  # the stub would make a plain Site of its own

    def connect(self) -> Connection:
        return Connection(self.site)

    def raw(self, data: bytes) -> Got:
        """Reply to these bytes on a connection of their own."""
        connection = self.connect()
        connection.send(data)
        return connection.got()

    def call(self, method: str, path: str, *, dn: str | None = None, roles: str = "", **more: Any) -> Got:
        """Reply to a request that treq makes. Without dn: no identity."""
        headers = dict(more.pop("headers", {}))
        if dn is not None:
            headers.update({"x-dn": dn, "x-roles": roles})
        reply = Deferred.fromCoroutine(self._reply(method, path, headers=headers, **more))
        results: list[Any] = []
        reply.addBoth(results.append)
        self._treq.flush()
        assert results, "no reply yet"
        if isinstance(results[0], Failure):
            results[0].raiseException()
        got: Got = results[0]
        return got

    async def fetch(self, path: str, **more: Any) -> Got:
        """Reply to a GET of a file, which Twisted streams piece by piece in turns of the reactor."""
        reply = Deferred.fromCoroutine(self._reply("GET", path, **more))
        while not reply.called:
            self._treq.flush()
            await deferLater(reactor, 0)
        return await reply

    async def _reply(self, method: str, path: str, **more: Any) -> Got:
        response = await self._treq.request(method, f"{self.scheme}://panda.test{path}", **more)
        found = {k.decode().lower(): v[0].decode() for k, v in response.headers.getAllRawHeaders()}
        return Got(response.code, found, await self._treq.content(response))

    def get(self, path: str, **more: Any) -> Got:
        return self.call("GET", path, **more)

    def post(self, path: str, **more: Any) -> Got:
        return self.call("POST", path, **more)

    def as_pilot(self, path: str, json: Any = None, **more: Any) -> Got:
        return self.post(path, dn="/CN=pilot", roles="pilot", json=json or {}, **more)


@dataclass
class Api:
    """Everything under test."""

    active: Port
    passive: Port
    dispatcher: DispatcherStandIn
    heartbeat: HeartbeatStandIn
    workers: WorkersStandIn
    jobs: JobsStandIn
    debug: DebugStandIn
    secrets: SecretsStandIn
    job_secrets: JobSecretsStandIn
    checks: list[Any]
    census: CensusStandIn
    lending: LendingStandIn
    accounts: AccountsStandIn
    why: WhyStandIn
    demand: DemandStandIn
    tasks: TasksStandIn
    task_views: TaskViewsStandIn
    handlers: list[object]
    trf: Path
    cache: Path
    notes: list[str]
    uploads: CacheStandIn


class DescriptionsStandIn:
    """One queue, one storage endpoint; numbers and order as a source may have them."""

    QUEUE = '{"status":"online","nickname":"TEST_PQ","maxrss":1.50,"big":123456789012345678901234567890,"ü":null}'

    async def queue(self, name: str) -> str:
        """The one."""
        if name != "TEST_PQ":
            raise NotFound("queue", name)
        return self.QUEUE

    async def queues(self) -> str:
        """The one."""
        return f'{{"TEST_PQ":{self.QUEUE}}}'

    async def endpoints(self) -> str:
        """The one."""
        return '{"TEST_DISK":{"state":"ACTIVE"}}'


class CensusStandIn:
    """One look at a time; the database may be away."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.looks = 0

    def __call__(self) -> Deferred[Census]:
        """Five jobs."""
        self.looks += 1
        return fail(self.trouble) if self.trouble is not None else succeed(Census(
            jobs={"activated": 5}, oldest_s={"activated": 61.5}, leases={"adder": "host:1:abc"}, loops_s={"adder": 2.0},
            errands=3, errands_s=7.0))


def standing(directory: Path) -> Api:
    """Both ports, over stand-ins, with empty directories."""
    rooms = DispatcherStandIn(), HeartbeatStandIn(), WorkersStandIn()
    jobs, checks, notes, census = JobsStandIn(), list[Any](), list[str](), CensusStandIn()
    debug, secrets, job_secrets = DebugStandIn(), SecretsStandIn(), JobSecretsStandIn()
    lending: Any = LendingStandIn()
    accounts: Any = AccountsStandIn()
    why: Any = WhyStandIn()
    demand: Any = DemandStandIn()
    tasks: Any = TasksStandIn()
    workers: Any = rooms[2]
    task_views: Any = TaskViewsStandIn()
    (trf := directory / "trf").mkdir()
    (cache := directory / "cache").mkdir()
    uploads = CacheStandIn(cache)
    handlers = [
        Pilot(*rooms, job_secrets), Job(jobs, rooms[0], debug), Creds(secrets, lending),  # type: ignore[arg-type]
        Harvester(workers), Account(accounts), LegacyCreds(lending), Explain(why, why, why), Statistics(demand),
        System(), Metaconfig(accounts), Workflow(), Legacy(*rooms, job_secrets), LegacyUser(debug, secrets),  # type: ignore[arg-type]
        Files(DescriptionsStandIn(), CacheFolder(cache, lambda: 0.0), trf), FileServer(uploads),
        Task(tasks), TaskViews(task_views),
        Health(lambda: {f"check {n}": check for n, check in enumerate(checks)}, lambda: {"schema": lambda: None}, lambda: notes),
        Numbers(census, Clock()),
    ]
    handlers.append(OpenApi(handlers[:]))
    sites = build_sites(handlers, Authenticators([HeaderAuthenticator()], granted).identify, lambda: ACTIVE_URL, Clock())
    return Api(
        Port(sites.active, "https"), Port(sites.passive, "http"), *rooms, jobs, debug, secrets, job_secrets, checks,
        census, lending, accounts, why, demand, tasks, task_views, handlers, trf, cache, notes,
        uploads)


@pytest.fixture
def api(tmp_path: Path) -> Api:
    """All of it, new."""
    return standing(tmp_path)


@pytest.fixture
def connect() -> Callable[[object, IAuthenticator], Connection]:
    """A connection to an active port of just that handler, which tells callers so."""

    def connected(handler: object, authenticator: IAuthenticator) -> Connection:
        return Connection(build_sites([handler], Authenticators([authenticator], granted).identify, str, Clock()).active)

    return connected


@pytest.fixture
def alice() -> str:
    """The DN of a user without a role."""
    return ALICE


@pytest.fixture
def samples() -> Path:
    """Requests as real programs send them."""
    return Path(__file__).parent / "samples"
