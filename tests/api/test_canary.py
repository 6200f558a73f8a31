"""Secrets go through the whole daemon and are seen by nobody but their owner and the pilot of a job of hers."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import secretwatch
from factories import ALICE, a_job
from pytest_twisted import async_yield_fixture, ensureDeferred
from stages import Stage
from treq.testing import StubTreq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, formatEventAsClassicLogText, globalLogPublisher
from zope.interface import implementer

from pandad import metrics
from pandad.api.auth import Authenticators
from pandad.api.exposition import exposition, families
from pandad.api.legacy import Legacy
from pandad.api.legacyuser import LegacyUser
from pandad.api.site import build_sites
from pandad.api.v1.creds import Creds
from pandad.api.v1.job import Job
from pandad.api.v1.pilot import Pilot
from pandad.config import ConfigError, DatabaseConfig, SecretsConfig, SharesConfig, load
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.harvester import Workers
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.jobsecrets import JobSecrets
from pandad.jobdispatcher.lending import Lending
from pandad.spec.caller import Identity
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import migrate
from pandad.taskbuffer.store import Store
from pandad.taskbuffer.vault import Vault
from pandad.userinterface.debug import Debug
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.secrets import Secrets

from .conftest import ACTIVE_URL, HeaderAuthenticator, granted

CANARY = secretwatch.MARK
CLOCK: Any = reactor


@implementer(ILogObserver)
@dataclass
class World:
    """The API over the real rooms, and everything that was logged."""

    treq: Any
    stage: Stage
    vault: Vault
    logged: list[str] = field(default_factory=list)

    def __call__(self, event: LogEvent) -> None:
        """As an observer of the log: the line, with its traceback, and every value of the event."""
        self.logged += [formatEvent(event), formatEventAsClassicLogText(event) or "", repr(event)]

    async def call(self, method: str, path: str, dn: str = ALICE.subject, roles: str = "", **more: Any) -> tuple[int, str]:
        """Status and body."""
        more["headers"] = {"x-dn": dn, "x-roles": roles, "accept": "application/json", **more.get("headers", {})}
        reply = Deferred.fromCoroutine(self._reply(method, path, more))
        while not reply.called:
            self.treq.flush()
            await deferLater(CLOCK, 0)
        return await reply

    async def _reply(self, method: str, path: str, more: dict[str, Any]) -> tuple[int, str]:
        response = await self.treq.request(method, f"https://panda.test{path}", **more)
        return response.code, await self.treq.text_content(response)


@async_yield_fixture
async def world(store: Store) -> AsyncIterator[World]:
    """The rooms that secrets pass, with a vault."""
    vault = Vault([b"k" * 32])
    heartbeat, dispatcher, workers = Heartbeat(store), Dispatcher(store, CLOCK, SharesConfig()), Workers(store)
    debug, secrets, along = Debug(store), Secrets(store, vault), JobSecrets(store, vault, SecretsConfig())
    handlers = [
        Pilot(dispatcher, heartbeat, workers, along), Legacy(dispatcher, heartbeat, workers, along),
        Creds(secrets, Lending(store, vault)),
        LegacyUser(debug, secrets), Job(Jobs(store), dispatcher, debug)]
    sites = build_sites(handlers, Authenticators([HeaderAuthenticator()], granted).identify, lambda: ACTIVE_URL, CLOCK)
    treq = StubTreq(sites.active.resource)
    treq._agent._serverFactory = sites.active  # the stub would make a plain Site of its own
    made = World(treq, Stage(store), vault)
    globalLogPublisher.addObserver(made)
    yield made
    globalLogPublisher.removeObserver(made)


@ensureDeferred
async def test_only_those_who_may_see_it(world: World) -> None:
    """Through every call, good and bad, and an incident in the middle of one: the secret stands in the answers to its owner and
    to the pilot of her job, and in no other answer, no line of the log, no row of the database."""
    anchor = "/CN=Test CA"
    alice = Identity(anchor, ALICE.subject)
    await world.stage.queue()
    seen = []
    for body in (
        {"key": "token", "value": CANARY},
        {"key": "k" * 1000, "value": CANARY},
        {"key": None, "value": CANARY},
        {"key": "z\0", "value": CANARY},
        {"key": "nul", "value": CANARY + "\0"},
        {"key": "surrogate", "value": CANARY + "\ud800"},
        {"key": "deep", "value": {"a": [CANARY]}, CANARY: 1},
    ):
        seen.append(await world.call("POST", "/api/v1/creds/set_user_secrets", json=body))
        seen.append(await world.call("POST", "/server/panda/set_user_secret", json=body))
    for broken in (f'{{"key": "x", "value": "{CANARY}', f"key=x&value={CANARY}&value=%ff", f"\x1f\x8b{CANARY}"):
        seen.append(await world.call("POST", "/api/v1/creds/set_user_secrets", data=broken.encode("latin-1")))

    ids = await world.stage.jobs(*(a_job(jobStatus=JobStatus.ACTIVATED) for _ in range(2)), owner=alice)
    await world.stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED, prodUserID="bob"), owner=Identity(anchor, "/CN=bob"))
    jobs = []
    for _ in range(3):
        _, text = await world.call(
            "POST", "/server/panda/getJob", "/CN=pilot", "pilot", json={"siteName": "TEST_QUEUE", "prodSourceLabel": "user"})
        jobs.append(json.loads(text))
    assert {job["PandaID"]: "secrets" in job for job in jobs} == {**dict.fromkeys(ids, True), ids[-1] + 1: False}
    assert json.loads(jobs[0]["secrets"])["token"] == CANARY
    _, hers = await world.call("GET", "/api/v1/creds/get_user_secrets")
    assert json.loads(json.loads(hers)["data"])["token"] == CANARY

    for dn, roles in (("/CN=bob", ""), ("/CN=root", "admin"), ("/CN=pilot", "pilot")):
        seen.append(await world.call("GET", "/api/v1/creds/get_user_secrets?keys=token", dn, roles))
        seen.append(await world.call("POST", "/api/v1/job/get_description", dn, roles, json={"job_ids": ids}))
        seen.append(await world.call("GET", f"/api/v1/job/get_timeline?job_id={ids[0]}", dn, roles))
    update = {"jobId": ids[0], "state": "running", "attemptNr": 1}
    seen.append(await world.call("POST", "/server/panda/updateJob", "/CN=pilot", "pilot", json=update))

    world.vault._ciphers = None  # type: ignore[assignment]  # a bug while the secret is at hand
    incident = await world.call("POST", "/api/v1/creds/set_user_secrets", json={"key": "token", "value": CANARY})
    assert incident[0] == 500
    seen.append(incident)

    assert [answer for answer in seen if CANARY in answer[1]] == []
    assert world.logged and [line for line in world.logged if CANARY in line] == []
    tables = await world.stage.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    rows = {table: str(await world.stage.sql(f"SELECT to_jsonb(t) FROM {table} t")) for (table,) in tables}
    assert "token" in rows["user_secret"] and [table for table in rows if CANARY in rows[table]] == []


def test_the_key_file_is_guarded(tmp_path: Path) -> None:
    """A key file that others may read is refused, as the host key is."""
    (tmp_path / "keys").write_text("x")
    (tmp_path / "keys").chmod(0o644)
    (tmp_path / "pandad.toml").write_text('[database]\ndsn = "x"\n[secrets]\nkey_file = "keys"\n')
    with pytest.raises(ConfigError, match=r"keys may be read by others \(mode 0644\); run: chmod 0400"):
        load(tmp_path / "pandad.toml")


PLANTED = 1_000


def places(secret: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Calls with a secret in every place that an input has, good and bad: (method, path, what goes with it)."""
    broken = f'{{"key": "x", "value": "{secret}'.encode()
    return [
        ("POST", "/api/v1/creds/set_user_secrets", {"json": {"key": "k", "value": secret}}),
        ("POST", "/api/v1/creds/set_user_secrets", {"json": {"key": "k", "value": [secret, float("nan")]}}),
        ("POST", "/api/v1/creds/set_user_secrets", {"json": {"key": "k", "value": secret + "\0"}}),
        ("POST", "/server/panda/set_user_secret", {"data": f"key=k&value={secret}&value={secret}%ff".encode()}),
        ("POST", "/server/panda/set_user_secret", {"data": broken}),
        ("POST", "/server/panda/set_user_secret", {"data": gzip.compress(broken)[:-4]}),
        ("POST", "/server/panda/set_user_secret", {"data": f'{{"value": "{secret}", "value": "{secret}"}}'.encode()}),
        ("POST", "/server/panda/set_user_secret", {"data": b"[" * 99 + secret.encode() + b"]" * 99}),
        ("POST", "/server/panda/getJob", {"json": {"siteName": "Q", "token": secret, "pilotToken": secret, "mem": 1}}),
        ("POST", "/server/panda/updateJob", {"json": {"jobId": 1, "state": "running", "token": secret}}),
        ("POST", "/api/v1/pilot/update_jobs_bulk", {"json": {"job_list": [{"job_id": 1, "token": secret}]}}),
        ("POST", "/api/v1/nothing/here", {"json": {"password": secret}}),
        ("POST", "/server/panda/nothing", {"data": f"password={secret}".encode()}),
        ("GET", f"/api/v1/job/why?job_id=1&token={secret}", {"headers": {"authorization": f"Bearer {secret}"}}),
        ("GET", "/server/panda/isAlive", {"headers": {"authorization": f"Basic {secret}", "cookie": secret, "origin": secret}}),
        ("PUT", "/server/panda/isAlive", {"headers": {"authorization": f"Bearer {secret}"}}),
    ]


@ensureDeferred
async def test_a_thousand_secrets(world: World) -> None:
    """Whatever way a token, key or password comes in, amid good input and bad, while all is well and while the vault is broken:
    it is in no answer, no line of the log at its most talkative, no metric, and no process list."""
    whole, seen = list(world.vault._ciphers), []
    for number in range(0, PLANTED, len(places(""))):
        world.vault._ciphers = whole if number % 3 else []
        for offset, (method, path, more) in enumerate(places("")):
            secret = f"{CANARY}{number + offset:06}"
            more = places(secret)[offset][2]
            seen.append(await world.call(method, path, **more))
    assert len(seen) >= PLANTED
    assert [answer for answer in seen if CANARY in answer[1]] == []
    assert [line for line in world.logged if CANARY in line] == []
    assert CANARY not in exposition(families(metrics.ALL)).decode()
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _is_there(path)]
    assert [command for command in commands if CANARY.encode() in command] == []


def _is_there(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


@ensureDeferred
async def test_the_password_of_the_database(tmp_path: Path) -> None:
    """Of a database that refuses it, or is not there: it is in no error and no line of the log."""
    logged: list[str] = []
    observer: Any = lambda event: logged.extend((formatEvent(event), repr(event)))  # noqa: E731
    globalLogPublisher.addObserver(observer)
    try:
        for dsn in (f"host={tmp_path} dbname=x password={CANARY}", f"postgresql://panda:{CANARY}@127.0.0.1:1/x",
                    f"host={tmp_path} password={CANARY} bad_word=1"):
            store = Store(CLOCK, DatabaseConfig(dsn=dsn, wait_s=0.1, connect_timeout_s=0.5))
            with pytest.raises(Exception) as refused:  # noqa: B017, PT011 - whatever it is
                await store.transact("upgrade", migrate.upgrade)
            await store.close()
            assert CANARY not in str(refused.value)
    finally:
        globalLogPublisher.removeObserver(observer)
    assert [line for line in logged if CANARY in line] == []
