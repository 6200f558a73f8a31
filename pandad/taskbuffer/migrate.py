"""Bring the schema up to date: numbered files in schema/, applied in order, forward only, under one lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from pandad.spec.errors import PandadError
from pandad.taskbuffer.statement import ddl, sql
from pandad.taskbuffer.store import Transaction


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
_EXISTS = sql("migrate.exists", "SELECT to_regclass('schema_version') IS NOT NULL")
_APPLIED = sql("migrate.applied", "SELECT number, digest FROM schema_version ORDER BY number")
_RECORD = sql("migrate.record", "INSERT INTO schema_version (number, name, digest) VALUES (%(number)s, %(name)s, %(digest)s)")


async def upgrade(txn: Transaction, migrations: Sequence[Migration] | None = None) -> int:
    """Apply what is missing, all of it or nothing; how many were applied.

    :raise SchemaError: the database is newer than this pandad, or an applied file was changed since.
    """
    wanted = known() if migrations is None else migrations
    await txn.run(_LOCK)
    await txn.run(_LEDGER)
    applied: dict[int, str] = dict(await txn.many(_APPLIED))
    _check(applied, wanted)
    missing = [m for m in wanted if m.number not in applied]
    for m in missing:
        await txn.run(ddl(f"schema/{m.name}", m.text))
        await txn.run(_RECORD, number=m.number, name=m.name, digest=m.digest)
    return len(missing)


async def versions(txn: Transaction) -> tuple[int, int]:
    """(number of the newest migration in the database, number of the newest one known here)."""
    if not (await txn.one(_EXISTS))[0]:
        return 0, len(known())
    applied = await txn.many(_APPLIED)
    return (applied[-1][0] if applied else 0), len(known())


async def ping(txn: Transaction) -> None:
    """The database answers."""
    await txn.run(_EXISTS)


def _check(applied: dict[int, str], wanted: Sequence[Migration]) -> None:
    newest = wanted[-1].number if wanted else 0
    if applied and max(applied) > newest:
        raise SchemaError(f"the database has schema {max(applied)}, this pandad knows {newest}: install a newer pandad")
    for m in wanted:
        if applied.get(m.number, m.digest) != m.digest:
            raise SchemaError(f"schema/{m.name} was changed after it had been applied: restore the file, and add a new one")
