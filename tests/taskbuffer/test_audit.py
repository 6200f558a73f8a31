"""The audit: complete, in one chain, and nobody can change it unseen."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.config import DatabaseConfig
from pandad.daemons.sealer import Sealer
from pandad.spec.act import LONGEST_TARGET, operator_on
from pandad.taskbuffer import audit
from pandad.taskbuffer.audit import Verdict
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction

ROOT = operator_on("root", "host")
KEYS, OLD = [b"k" * 32], [b"o" * 32]


async def note(txn: Transaction, count: int = 1, first: int = 0) -> None:
    for number in range(first, first + count):
        await audit.note(txn, ROOT("ban", f"user {number}", "ünïcode"))


async def verdict(store: Store, keys: Sequence[bytes] = KEYS) -> Verdict:
    return await store.transact("t", audit.verify_apart, keys)


async def sealed(store: Store, count: int, keys: Sequence[bytes] = KEYS) -> None:
    await store.transact("t", note, count)
    await Sealer(store, keys).run_once()


@ensureDeferred
async def test_acts_are_chained(store: Store) -> None:
    """Rows get consecutive places in their order, and all fit; what waits is counted and is no problem."""
    await sealed(store, 5)
    await sealed(store, 3)
    await store.transact("t", note, 2)
    found = await verdict(store)
    assert (found.problems, found.rows, found.unsealed, found.without_key) == ([], 8, 2, 0)
    entries = await store.read("t", audit.show, "root", "ban", "user", 1, 100)
    assert [e.place for e in entries] == [None, None, 8, 7, 6, 5, 4, 3, 2, 1]
    assert (entries[0].target, entries[0].why, entries[0].host, entries[0].anchor) == ("user 1", "ünïcode", "host", "")
    assert await store.read("t", audit.show, "bob", None, None, 1, 100) == []


@ensureDeferred
async def test_an_act_and_its_row_are_one(store: Store) -> None:
    """What is rolled back leaves no row; and no gap in the chain."""

    async def fails(txn: Transaction) -> None:
        await note(txn)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact("t", fails)
    await sealed(store, 1)
    found = await verdict(store)
    assert (found.problems, found.rows, found.unsealed) == ([], 1, 0)


@ensureDeferred
async def test_many_writers_and_sealers(store: Store, database: DatabaseConfig) -> None:
    """Acts come from all sides while several processes seal: one chain, nothing lost, nothing twice."""
    other = Store(reactor, database)
    acts: list[Deferred[Any]] = [each.transact("t", note, 3, n) for n in range(20) for each in (store, other)]
    rounds: list[Deferred[Any]] = [each.transact("t", audit.seal, KEYS) for _ in range(10) for each in (store, other)]
    await gatherResults([*acts, *rounds])
    while await Sealer(other, KEYS).run_once():
        pass
    await Sealer(other, KEYS).run_once()
    found = await verdict(store)
    assert (found.problems, found.rows, found.unsealed) == ([], 120, 0)
    await other.close()


@ensureDeferred
async def test_more_than_a_round(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round says that there may be more."""
    await store.transact("t", note, audit.PAGE + 1)
    assert await Sealer(store, KEYS).run_once()
    assert not await Sealer(store, KEYS).run_once()
    found = await verdict(store)
    assert (found.problems, found.rows) == ([], audit.PAGE + 1)


@pytest.mark.parametrize("text", ["UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit",
                                  "UPDATE audit SET place = NULL, seal = NULL", "UPDATE audit SET place = place + 1"])
@ensureDeferred
async def test_the_database_refuses(store: Store, text: str) -> None:
    """No row is changed or removed, not even by pandad."""
    await sealed(store, 2)

    async def spoil(txn: Transaction) -> None:
        await txn.run(Statement("test", text))

    with pytest.raises(Exception, match="never changed or removed"):
        await store.transact("t", spoil)


@ensureDeferred
async def test_keys(store: Store) -> None:
    """A new key seals from now on, old rows fit with the old one beside it; rows from before there was a key are counted."""
    await sealed(store, 2, [])
    await sealed(store, 2, OLD)
    await sealed(store, 2, [*KEYS, *OLD])
    found = await verdict(store, [*KEYS, *OLD])
    assert (found.problems, found.rows, found.without_key) == ([], 6, 2)
    assert len((await verdict(store, KEYS)).problems) == 2
    assert len((await verdict(store, [])).problems) == 4
    await sealed(store, 1, [])
    assert "was sealed without a key, after" in (await verdict(store, [*KEYS, *OLD])).problems[0]


def test_a_long_target_is_cut() -> None:
    """A kill may name thousands of jobs."""
    assert len(ROOT("kill", "x" * 10**6).target) == LONGEST_TARGET


Tampering = Callable[[random.Random], str]
ROWS = 30


def _one(dice: random.Random) -> int:
    return dice.randint(1, ROWS)


def _edit(dice: random.Random) -> str:
    column, byte = dice.choice(["who", "anchor", "host", "act", "target", "why"]), dice.randrange(32)
    change = dice.choice([
        f"{column} = {column} || ' '", "at = at + interval '1 microsecond'", "account = 7", "seal = ''",
        f"seal = set_byte(seal, {byte}, get_byte(seal, {byte}) # 1)"])
    return f"UPDATE audit SET {change} WHERE place = {_one(dice)}"


def _delete(dice: random.Random) -> str:
    first = _one(dice)
    return f"DELETE FROM audit WHERE place BETWEEN {first} AND {first + dice.randrange(3)}"


def _delete_and_close(dice: random.Random) -> str:
    place = dice.randint(1, ROWS - 1)
    return f"DELETE FROM audit WHERE place = {place}; UPDATE audit SET place = place - 1000 WHERE place > {place}; " \
           "UPDATE audit SET place = place + 999 WHERE place < 0; UPDATE audit_head SET place = place - 1"


def _cut(dice: random.Random) -> str:
    return f"DELETE FROM audit WHERE place > {dice.randint(0, ROWS - 1)}"


def _swap(dice: random.Random) -> str:
    one, two = dice.sample(range(1, ROWS + 1), 2)
    return f"UPDATE audit SET place = -place WHERE place IN ({one}, {two}); " \
           f"UPDATE audit SET place = {one + two} + place WHERE place < 0"


_FORGED = "INSERT INTO audit (who, anchor, host, act, target, why, place, seal) "


def _insert(dice: random.Random) -> str:
    place = _one(dice)
    return f"UPDATE audit SET place = -place - 1 WHERE place >= {place}; UPDATE audit SET place = -place WHERE place < 0; " \
           f"UPDATE audit_head SET place = place + 1; {_FORGED} " \
           f"SELECT who, anchor, host, act, target, why, {place}, seal FROM audit WHERE place = {place + 1}"


def _append(dice: random.Random) -> str:
    return f"{_FORGED} VALUES ('x', '', '', 'ban', '', '', {ROWS + 1}, sha256('{dice.random()}')); " \
           f"UPDATE audit_head h SET place = a.place, seal = a.seal FROM audit a WHERE a.place = {ROWS + 1}"


def _before_the_first(dice: random.Random) -> str:
    return f"{_FORGED} VALUES ('x', '', '', 'ban', '', '', {-dice.randrange(5)}, '')"


def _head(dice: random.Random) -> str:
    return dice.choice([f"UPDATE audit_head SET place = {_one(dice) - 1}", "UPDATE audit_head SET seal = ''"])


TAMPERINGS: Sequence[Tampering] = (
    _edit, _edit, _delete, _delete_and_close, _cut, _swap, _insert, _append, _before_the_first, _head)


@ensureDeferred
async def test_every_tampering_is_found(store: Store) -> None:
    """A hundred of them, by somebody who may write whatever he likes to the database and has not the key."""
    await sealed(store, ROWS)
    dice, missed = random.Random(4), []
    for number in range(100):
        text = TAMPERINGS[number % len(TAMPERINGS)](dice)

        async def tampered(txn: Transaction, text: str = text) -> None:
            await txn.run(Statement("test", "ALTER TABLE audit DISABLE TRIGGER USER"))
            await txn.run(Statement("test", text))
            found = await audit.verify(txn, KEYS)
            if not found.problems:
                missed.append(text)
            raise ZeroDivisionError  # nothing of it stays

        with pytest.raises(ZeroDivisionError):
            await store.transact("t", tampered)
    assert missed == []
    assert (await verdict(store)).problems == []
