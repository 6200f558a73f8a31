"""What a process knows of accounts and bans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from pytest_twisted import async_yield_fixture, ensureDeferred
from stages import Stage

from pandad.daemons.rights import RightsReader
from pandad.spec.account import Directory
from pandad.spec.act import operator_on
from pandad.spec.caller import Role
from pandad.taskbuffer.store import Store
from pandad.userinterface import administration
from pandad.userinterface.administration import Whom

ROOT = operator_on("root", "host")
ALICE, TOKEN = Whom("/CN=alice from /CN=CA"), Whom("12 from https://iam.test/")


class Process:
    """Two of them share a database."""

    def __init__(self, store: Store) -> None:
        self.learned: list[Directory] = []
        self.woken = 0
        self.reader = RightsReader(store, self.learned.append)
        store.listen("rights", self._wake)

    def _wake(self) -> None:
        self.woken += 1


@async_yield_fixture
async def process(store: Store) -> AsyncIterator[Process]:
    """One of them."""
    made = Process(store)
    await made.reader.run_once()
    yield made


@ensureDeferred
async def test_changes_are_learned(process: Process, store: Store) -> None:
    """Each change is there after the next round, and a round without a change reads nothing."""
    assert [d.version[1] for d in process.learned] == [0]
    await process.reader.run_once()
    assert len(process.learned) == 1
    number = await store.transact("t", administration.link, ALICE, TOKEN, "", ROOT)
    await store.transact("t", administration.set_role, ALICE, Role.PILOT, True, "", ROOT)
    await process.reader.run_once()
    found = process.learned[-1]
    assert {i.subject for i in found.accounts} == {"/CN=alice", "12"}
    assert {(a.id, a.roles) for a in found.accounts.values()} == {(number, frozenset({Role.PILOT}))}
    await store.transact("t", administration.ban, TOKEN, "why", None, False, ROOT)
    await process.reader.run_once()
    assert [(b.account, b.reason) for b in process.learned[-1].bans] == [(number, "why")]
    assert len(process.learned) == 3


@ensureDeferred
async def test_a_ban_ends_by_itself(process: Process, store: Store) -> None:
    """Nobody has to change anything for it."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await store.transact("t", administration.ban, ALICE, "why", tomorrow, True, ROOT)
    await process.reader.run_once()
    assert [b.until for b in process.learned[-1].bans] == [tomorrow]
    await Stage(store).sql("UPDATE ban SET until = now() RETURNING 1")
    await process.reader.run_once()
    assert process.learned[-1].bans == []
