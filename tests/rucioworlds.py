"""A data management system that is a Rucio, and a hand on it: the fake one and the real one, for the contract suites."""

from __future__ import annotations

import re
import shutil
import signal
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import pytest
from fakes.rucio import Did, Rse
from fakes.rucioweb import PASSWORD, USER, RucioServer
from pytest_twisted import blockon
from ruciostand import ENDPOINTS, SCOPES, token_of
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from pandad.dataservice.datasets import Dataset, RuleWish
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.dataservice.rucio.datasets import RucioDatasets
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.naming import RucioNames
from pandad.dataservice.rucio.session import Session
from pandad.dataserviceconfig import RucioConfig
from pandad.embedded.issuer import Issuer
from pandad.embedded.rucio import agent
from pandad.embedded.rucio.admin import furnish
from pandad.embedded.rucio.stand import CHORES, RucioStand

REACTOR: Any = reactor
NOW_S = 1.8e9  # of the wall clock, which nothing here goes by

T = TypeVar("T")


def wait(coroutine: Coroutine[Any, Any, T]) -> T:
    """In fixtures only."""
    result: T = blockon(Deferred.fromCoroutine(coroutine))
    return result


class HastyClock(task.Clock):
    """A clock that lets pauses end at once, as if their time had passed."""

    def callLater(self, when: float, what: Callable[..., object], *args: Any, **kw: Any) -> Any:  # type: ignore[override]
        due = super().callLater(when, what, *args, **kw)
        REACTOR.callLater(0, self.advance, when)
        return due


Name = tuple[str, str]  # scope and name


@dataclass(frozen=True, slots=True)
class Known:
    """What a Rucio knows, read behind its back, each thing as often as it is there.

    ``datasets``: the files of each, sorted. ``open``: those that take more. ``rules``: the dataset of each, and its endpoint.
    ``copies``: the files that are at each endpoint, sorted.
    """

    datasets: Mapping[Name, Sequence[Name]]
    open: frozenset[Name]
    rules: Sequence[tuple[Name, str]]
    copies: Mapping[str, Sequence[Name]]


class RucioWorld:
    """What both have: the client under test."""

    def __init__(self, config: RucioConfig, now: Callable[[], float] = lambda: NOW_S) -> None:
        self.config, self.now = config, now
        self.clock = HastyClock()
        self._session = Session(REACTOR, config, now, self.clock)
        self.ddm = RucioDDM(self._session)
        self.datasets = RucioDatasets(self._session, self.ddm)
        self.names = RucioNames(self._session)
        wait(self.ddm.run_once())

    def close(self) -> None:
        """Hang up."""
        wait(self._session.close())


class FakeRucioWorld(RucioWorld):
    """HTTP to this very process."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        place: Path = request.getfixturevalue("tmp_path")
        (place / "password").write_text(PASSWORD)
        self.server = RucioServer(REACTOR, *ENDPOINTS)
        self._rucio = self.rucio = self.server.rucio
        self.measured(ENDPOINTS[0], 2000, 1000)
        super().__init__(RucioConfig(url=self.server.url, username=USER, password_file=place / "password"))

    def put(self, endpoint: str, name: FileName, content: bytes) -> None:
        self._rucio.put(endpoint, (name.scope, name.lfn), len(content), f"{zlib.adler32(content):08x}")

    def endpoint(self, name: str) -> None:
        """One more."""
        self._rucio.rses[name] = Rse()

    def outage(self, endpoint: str) -> None:
        self._rucio.rses[endpoint].readable = self._rucio.rses[endpoint].writable = False

    def repair(self, endpoint: str) -> None:
        self._rucio.rses[endpoint].readable = self._rucio.rses[endpoint].writable = True

    def write_protect(self, endpoint: str) -> None:
        self._rucio.rses[endpoint].writable = False

    def without_quota(self) -> RucioDatasets:
        self._rucio.full.update(ENDPOINTS)
        return self.datasets

    def with_quota(self) -> None:
        """Who had none has some."""
        self._rucio.full.clear()

    def moved(self, endpoint: str, name: FileName, state: str) -> None:
        self._rucio.update_replicas({"rse": endpoint, "files": [{"scope": name.scope, "name": name.lfn, "state": state}]})

    def written(self, endpoint: str, name: FileName, content: bytes) -> None:
        """A pilot has put it there, and nobody has told the catalogue."""
        self._rucio.scopes.add(name.scope)

    async def transferred(self, fail: str | None = None) -> None:
        """What rules want moved is moved, but for files whose names match, which fail."""
        for endpoint, rse in self._rucio.rses.items():
            for (scope, name), state in rse.replicas.items():
                if state == "C" or state == "U" and fail is None:
                    self.moved(endpoint, FileName(scope, name), "U" if fail and re.search(fail, name) else "A")

    def fill(self, dataset: Dataset, count: int) -> None:
        """So many files of no bytes, with events, are in it, and nowhere."""
        for number in range(count):
            name = (dataset.scope, f"{dataset.name}.{number:05d}")
            self._rucio.dids[name] = Did("FILE", 0, "00000001", events=number)
            self._rucio.dids[dataset.scope, dataset.name].files.append(name)

    def of_bob(self, dataset: Dataset) -> None:
        """Another account has made it."""
        self._rucio.dids[dataset.scope, dataset.name].account = POOR

    def forget_rules(self, dataset: Dataset) -> None:
        """Somebody removes the rules of a dataset."""
        for rule in [rule for rule in self._rucio.rules.values() if rule.did == (dataset.scope, dataset.name)]:
            del self._rucio.rules[rule.id]

    async def chores(self) -> None:
        """What has run out goes; what was put into datasets gets to where rules want it."""
        now_s = time.time()
        gone = {name for name, did in self._rucio.dids.items() if did.ends_s is not None and did.ends_s <= now_s}
        for name in gone:
            del self._rucio.dids[name]
        for rule in list(self._rucio.rules.values()):
            if rule.did in gone or rule.ends_s is not None and rule.ends_s <= now_s:
                del self._rucio.rules[rule.id]
        for rule in self._rucio.rules.values():
            for file in self._rucio.dids[rule.did].files:
                self._rucio.rses[rule.rse].replicas.setdefault(file, "C")

    def revoke(self) -> None:
        """No token is good any more."""
        self.server.web.tokens.clear()

    async def away(self) -> None:
        """The server stops."""
        await self.server.stop()

    async def back(self) -> None:
        """And is there again, with all it knew."""
        self.server.start()

    def measured(self, endpoint: str, total_bytes: int, free_bytes: int) -> None:
        self._rucio.rses[endpoint].usage["storage"] = (total_bytes, free_bytes)

    def known(self) -> Known:
        """All of it."""
        rucio = self._rucio
        datasets = {name: did for name, did in rucio.dids.items() if did.type == "DATASET"}
        return Known({name: sorted(did.files) for name, did in datasets.items()},
                     frozenset(name for name, did in datasets.items() if did.open),
                     [(rule.did, rule.rse) for rule in rucio.rules.values()],
                     {endpoint: sorted(name for name, state in rse.replicas.items() if state == "A")
                      for endpoint, rse in rucio.rses.items()})

    def close(self) -> None:
        super().close()
        wait(self.server.stop())


class PoorDatasets(RucioDatasets):
    """Datasets of an account that has others pay for its rules: who may write into any scope is an admin, and has no quota."""

    def __init__(self, session: Session, ddm: RucioDDM, poor: RucioDatasets) -> None:
        super().__init__(session, ddm)
        self._poor = poor

    async def add_rule(self, dataset: Dataset, wish: RuleWish) -> str:
        """See `IDatasets.add_rule`."""
        return await self._poor.add_rule(dataset, wish)


POOR = "poor"
TABLES = "dids, deleted_dids, updated_dids, messages, messages_history, replicas, requests, rse_usage"
# What registering and attaching leaves, in a hundredth of the time.
_FILL = ("""
    INSERT INTO dids (scope, name, account, did_type, monotonic, hidden, obsolete, availability, suppressed, bytes, length,
                      adler32, purge_replicas, events, created_at, updated_at)
    SELECT %(scope)s, %(name)s || '.' || to_char(n, 'FM00000'), account, 'F', monotonic, hidden, obsolete, availability,
           suppressed, 0, 1, '00000001', purge_replicas, n, created_at, updated_at
    FROM dids, generate_series(0, %(count)s - 1) AS n WHERE scope = %(scope)s AND name = %(name)s""", """
    INSERT INTO contents (scope, name, child_scope, child_name, did_type, child_type, bytes, adler32, events, created_at,
                          updated_at)
    SELECT %(scope)s, %(name)s, %(scope)s, f.name, 'D', 'F', f.bytes, f.adler32, f.events, f.created_at, f.updated_at
    FROM dids f WHERE f.scope = %(scope)s AND f.name LIKE %(name)s || '._____'""")
DATASETS = "SELECT scope, name, is_open FROM dids WHERE did_type = 'D'"
CONTENTS = "SELECT scope, name, child_scope, child_name FROM contents ORDER BY child_scope, child_name"
RULES = "SELECT scope, name, rse_expression FROM rules"
MESSAGE = "id, created_at, updated_at, event_type, payload, payload_nolimit, services"
COPIES = "SELECT rse, scope, name FROM replicas JOIN rses ON id = rse_id WHERE state = 'A' ORDER BY scope, name"


class RealRucioWorld(RucioWorld):
    """The server of `make test-rucio`, emptied."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        stand: RucioStand = request.getfixturevalue("rucio")
        self.stand, self._admin = stand, stand.admin()
        self._poor: Session | None = None
        self._scopes = set(SCOPES)
        self._sql(f"TRUNCATE {TABLES} CASCADE", {})
        for folder in stand.storage.glob("*/*"):
            shutil.rmtree(folder)
        for endpoint in ENDPOINTS:
            self.repair(endpoint)
        self.measured(ENDPOINTS[0], 2000, 1000)
        super().__init__(*self._who(request))

    def _who(self, request: pytest.FixtureRequest) -> tuple[RucioConfig, Callable[[], float]]:
        """The client's credentials, and the wall clock that these go by."""
        return RucioConfig(url=self.stand.url, account=self.stand.account, username=self.stand.user,
                           password_file=self.stand.password_file), lambda: NOW_S

    def put(self, endpoint: str, name: FileName, content: bytes) -> None:
        self._scope(name.scope)
        said = {"bytes": len(content), "adler32": f"{zlib.adler32(content):08x}"}
        entry = {"scope": name.scope, "name": name.lfn, **said}
        self._admin.call("POST", "/replicas", {"rse": endpoint, "files": [entry]})
        # It keeps what it knew of a file, and lets nobody change it.
        self._sql("UPDATE dids SET bytes = %(bytes)s, adler32 = %(adler32)s WHERE scope = %(scope)s AND name = %(name)s", entry)
        self._write(endpoint, name, content)

    def endpoint(self, name: str) -> None:
        """One more."""
        furnish(self._admin, self.stand.storage, [*ENDPOINTS, name], [], self.stand.account)

    def outage(self, endpoint: str) -> None:
        self._admin.call("PUT", f"/rses/{endpoint}", {"availability_read": False, "availability_write": False})

    def repair(self, endpoint: str) -> None:
        self._admin.call("PUT", f"/rses/{endpoint}", {"availability_read": True, "availability_write": True})

    def write_protect(self, endpoint: str) -> None:
        self._admin.call("PUT", f"/rses/{endpoint}", {"availability_write": False})

    def without_quota(self) -> RucioDatasets:
        """Its rules are those of an account of their own."""
        self._admin.ensure("POST", f"/accounts/{POOR}", {"type": "USER", "email": "nobody@example.org"})
        self._admin.ensure("POST", f"/accounts/{POOR}/identities", {
            "identity": POOR, "authtype": "USERPASS", "email": "nobody@example.org", "password": self.stand.password()})
        config = RucioConfig(url=self.stand.url, account=POOR, username=POOR, password_file=self.stand.password_file)
        self._limit_poor(0)
        self._poor = Session(REACTOR, config, lambda: NOW_S, HastyClock())
        return PoorDatasets(self._session, self.ddm, RucioDatasets(self._poor, self.ddm))

    def with_quota(self) -> None:
        """Who had none has some."""
        self._limit_poor(1 << 30)

    def _limit_poor(self, size_bytes: int) -> None:
        for endpoint in ENDPOINTS:
            self._admin.call("POST", f"/accounts/{POOR}/limits/local/{endpoint}", {"bytes": size_bytes})

    def moved(self, endpoint: str, name: FileName, state: str) -> None:
        files = [{"scope": name.scope, "name": name.lfn, "state": state}]
        self._admin.call("PUT", "/replicas", {"rse": endpoint, "files": files})

    def written(self, endpoint: str, name: FileName, content: bytes) -> None:
        """A pilot has put it there, and nobody has told the catalogue."""
        self._scope(name.scope)
        self._write(endpoint, name, content)

    async def transferred(self, fail: str | None = None) -> None:
        """What rules want moved is moved, but for files whose names match, which fail."""
        await self.stand.in_thread(lambda: agent.work(self._admin, agent.Options(fail, retry_stuck=fail is None)))

    def fill(self, dataset: Dataset, count: int) -> None:
        """So many files of no bytes, with events, are in it, and nowhere."""
        for statement in _FILL:
            self._sql(statement, {**vars_of(dataset), "count": count})

    def of_bob(self, dataset: Dataset) -> None:
        """Another account has made it."""
        self._admin.ensure("POST", f"/accounts/{POOR}", {"type": "USER", "email": "nobody@example.org"})
        self._sql("UPDATE dids SET account = 'poor' WHERE scope = %(scope)s AND name = %(name)s", vars_of(dataset))

    def forget_rules(self, dataset: Dataset) -> None:
        """Somebody removes the rules of a dataset."""
        for table in ("locks", "dataset_locks"):
            self._sql(f"DELETE FROM {table} WHERE rule_id IN (SELECT id FROM rules WHERE scope = %(scope)s AND name = %(name)s)",
                      vars_of(dataset))
        self._sql("DELETE FROM rules WHERE scope = %(scope)s AND name = %(name)s", vars_of(dataset))

    async def chores(self) -> None:
        """What has run out goes; what was put into datasets gets to where rules want it."""
        await self.stand._run_to_end([str(CHORES), "0"])

    def tell_again(self) -> int:
        """Have hermes tell anew what it has told; how much that is."""
        told = len(self._rows("SELECT 1 FROM messages_history"))
        self._sql(f"INSERT INTO messages ({MESSAGE}) SELECT {MESSAGE} FROM messages_history", {})
        self._sql("TRUNCATE messages_history", {})
        return told

    def revoke(self) -> None:
        """No token is good any more; nor is the hand's own."""
        self._sql("DELETE FROM tokens", {})
        self._admin = self.stand.admin()

    async def away(self) -> None:
        """The server stops."""
        await self.stand.stop(signal.SIGKILL)

    async def back(self) -> None:
        """And is there again, with all it knew."""
        await self.stand.start()

    def measured(self, endpoint: str, total_bytes: int, free_bytes: int) -> None:
        usage = {"source": "storage", "used": total_bytes - free_bytes, "free": free_bytes}
        self._admin.call("PUT", f"/rses/{endpoint}/usage", usage)

    def close(self) -> None:
        super().close()
        if self._poor is not None:
            wait(self._poor.close())

    def known(self) -> Known:
        """All of it."""
        datasets: dict[Name, list[Name]] = {}
        copies: dict[str, list[Name]] = defaultdict(list)
        taking = set()
        for scope, name, is_open in self._rows(DATASETS):
            datasets[scope, name] = []
            taking |= {(scope, name)} if is_open else set()
        for scope, name, *file in self._rows(CONTENTS):
            datasets[scope, name].append((file[0], file[1]))
        for endpoint, *file in self._rows(COPIES):
            copies[endpoint].append((file[0], file[1]))
        return Known(datasets, frozenset(taking), [((scope, name), rse) for scope, name, rse in self._rows(RULES)], copies)

    def _scope(self, name: str) -> None:
        """It is there."""
        if name not in self._scopes:
            self._admin.ensure("POST", f"/scopes/{self.stand.account}/{name}")
            self._scopes.add(name)

    def _write(self, endpoint: str, name: FileName, content: bytes) -> None:
        path = path_of(self.stand.storage / endpoint, name)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _sql(self, text: str, parameters: dict[str, Any]) -> None:
        with closing(psycopg2.connect(self.stand.dsn)) as link, link, link.cursor() as cursor:
            cursor.execute(text, parameters)

    def _rows(self, text: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.stand.dsn)) as link, link.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())


class TokenRucioWorld(RealRucioWorld):
    """The same, known by tokens of an issuer whose keys it fetches."""

    def _who(self, request: pytest.FixtureRequest) -> tuple[RucioConfig, Callable[[], float]]:
        issuer: Issuer = request.getfixturevalue("issuer")
        token_file: Path = request.getfixturevalue("tmp_path") / "token"
        token_file.write_text(token_of(issuer))
        return RucioConfig(url=self.stand.url, account=self.stand.account, auth_type="oidc", token_file=token_file), time.time


def vars_of(dataset: Dataset) -> dict[str, Any]:
    """For SQL."""
    return {"scope": dataset.scope, "name": dataset.name}


RUCIOS = [FakeRucioWorld, pytest.param(RealRucioWorld, marks=pytest.mark.rucio)]
ALL_RUCIOS = [*RUCIOS, pytest.param(TokenRucioWorld, marks=pytest.mark.rucio)]
