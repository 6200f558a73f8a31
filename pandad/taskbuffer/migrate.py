"""Bring the schema up to date: numbered files in schema/, applied in order, forward only, under one lock.

The way back is the older pandad on the newer schema. A migration that it can work with says so in a line of its head, ``-- Older
pandads: work on``; one that it cannot, ``-- Older pandads: stop, REASON``. The database keeps that word, so that a pandad that
never saw the file knows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from pandad.spec.errors import PandadError
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import ddl, sql
from pandad.taskbuffer.store import Transaction

_HEAD = re.compile(r"(?:--.*\n)+")
_WORD = re.compile(r"-- Older pandads: (work on|stop, .+)\n")


class SchemaError(PandadError):
    """The database's schema is not one that this pandad can serve."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its text."""

    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        """What tells that an applied file was changed afterwards."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def word(self) -> str:
        """What it says of older pandads: ``work on``, or ``stop, REASON``; "" if it says nothing, which is a stop."""
        found = _WORD.search(self._head)
        return found[1] if found else ""

    @property
    def tolerated(self) -> bool:
        """Whether a pandad that knows the migrations before it, and not this one, works on the database all the same."""
        return self.word == "work on"

    @property
    def says(self) -> str:
        """What it is for: the comment at its head, on one line."""
        return " ".join(line.removeprefix("--").strip() for line in _WORD.sub("", self._head).splitlines())

    @property
    def _head(self) -> str:
        found = _HEAD.match(self.text)
        return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database has beside what this pandad knows. ``applied``, ``known``: numbers of the newest migrations.

    ``beyond``: migrations that are newer than this pandad. ``tolerated``: none of them keeps it from working.
    """

    applied: int
    known: int
    beyond: int = 0
    tolerated: bool = True

    @property
    def serves(self) -> bool:
        """Whether this pandad can work on it as it is."""
        return self.applied >= self.known and self.tolerated


def known() -> list[Migration]:
    """The migrations that this pandad brings, in order, numbered from 1 without a gap."""
    found = sorted(f.name for f in files("pandad.taskbuffer").joinpath("schema").iterdir() if f.name.endswith(".sql"))
    migrations = [Migration(int(name[:4]), name, _read(name)) for name in found]
    assert [m.number for m in migrations] == list(range(1, len(migrations) + 1)), found
    return migrations


def _read(name: str) -> str:
    return files("pandad.taskbuffer").joinpath("schema", name).read_text("utf-8")


_LOCK = sql("migrate.lock", "SELECT pg_advisory_xact_lock(7261636)")  # any fixed number of our own
_LEDGER = ddl("migrate.ledger", """
    CREATE TABLE IF NOT EXISTS schema_version (
        number integer PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied timestamptz NOT NULL DEFAULT now())""")
# Apart from the table, which is older: to ask first takes no lock that a reader of it would wait for.
_HAS_WORD = sql("migrate.has_word", """
    SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('schema_version') AND attname = 'tolerated')""")
_ADD_WORD = ddl("migrate.add_word", "ALTER TABLE schema_version ADD COLUMN tolerated boolean NOT NULL DEFAULT false")
_EXISTS = sql("migrate.exists", "SELECT to_regclass('schema_version') IS NOT NULL")
# The word of a ledger that has no place for it is no.
_APPLIED = sql("migrate.applied", """
    SELECT number, digest, coalesce((to_jsonb(v) ->> 'tolerated')::boolean, false) FROM schema_version v ORDER BY number""")
_RECORD = sql("migrate.record", """
    INSERT INTO schema_version (number, name, digest, tolerated)
    VALUES (%(number)s, %(name)s, %(digest)s, %(tolerated)s::boolean)""")


async def upgrade(txn: Transaction, migrations: Sequence[Migration] | None = None) -> int:
    """Apply what is missing, all of it or nothing; how many were applied.

    :raise SchemaError: the database is newer than this pandad, which cannot work on it, or an applied file was changed since.
    """
    wanted = known() if migrations is None else migrations
    await txn.run(_LOCK)
    await txn.run(_LEDGER)
    if not await has_word(txn):
        await txn.run(_ADD_WORD)
    rows = await txn.many(_APPLIED)
    applied: dict[int, str] = {number: digest for number, digest, _ in rows}
    _check(applied, _standing(rows, wanted), wanted)
    missing = [m for m in wanted if m.number not in applied]
    for m in missing:
        await txn.run(ddl(f"schema/{m.name}", m.text))
        await txn.run(_RECORD, number=m.number, name=m.name, digest=m.digest, tolerated=m.tolerated)
    return len(missing)


async def has_word(txn: Transaction) -> bool:
    """Whether the database keeps what migrations say of older pandads. Before, no pandad heeded such a word."""
    return bool((await txn.one(_HAS_WORD))[0])


async def standing(txn: Transaction, migrations: Sequence[Migration] | None = None) -> Standing:
    """What the database has, beside these migrations or those known here."""
    wanted = known() if migrations is None else migrations
    if not (await txn.one(_EXISTS))[0]:
        return Standing(0, len(wanted))
    return _standing(await txn.many(_APPLIED), wanted)


def _standing(rows: Sequence[Row], wanted: Sequence[Migration]) -> Standing:
    newest = wanted[-1].number if wanted else 0
    beyond = [tolerated for number, _, tolerated in rows if number > newest]
    return Standing(rows[-1][0] if rows else 0, newest, len(beyond), all(beyond))


async def ping(txn: Transaction) -> None:
    """The database answers."""
    await txn.run(_EXISTS)


def _check(applied: dict[int, str], found: Standing, wanted: Sequence[Migration]) -> None:
    if not found.tolerated:
        raise SchemaError(f"the database has schema {found.applied}, this pandad knows {found.known} and cannot work on it: "
                          "install a newer pandad, or restore the database")
    for m in wanted:
        if applied.get(m.number, m.digest) != m.digest:
            raise SchemaError(f"schema/{m.name} was changed after it had been applied: restore the file, and add a new one")
