"""An upgrade, before it is made: what it changes, what waits for it meanwhile, and which way leads back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pandad.spec.act import Act
from pandad.taskbuffer import audit, migrate
from pandad.taskbuffer.migrate import Migration, SchemaError, Standing
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_COMMENT = re.compile(r"--.*")
_MADE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)")
_TOUCHED = re.compile(
    r"ALTER TABLE (?:ONLY )?(\w+)|CREATE (?:UNIQUE )?INDEX (?:\w+ )?ON (\w+)|\bUPDATE (?!OF\b|SET\b|OR\b)(\w+)|DROP TABLE (\w+)|"
    r"INSERT INTO (\w+)|DELETE FROM (\w+)|CREATE TRIGGER [^;]*? ON (\w+)")


@dataclass(frozen=True, slots=True)
class Size:
    """Of a table with its indexes; `rows` as PostgreSQL last counted them."""

    table: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """``touched``: tables that are there and that the migrations change or lock, the largest first.

    ``daemons``: addresses of the pandads that are connected, "" for one on the database's host. ``heeded``: whether the pandads
    so far heed what migrations say of them; those of before refuse every newer schema.
    """

    standing: Standing
    pending: Sequence[Migration]
    touched: Sequence[Size]
    daemons: Sequence[str]
    heeded: bool = True

    @property
    def stops_older(self) -> list[Migration]:
        """Those that a pandad which does not know them cannot work with."""
        return [m for m in self.pending if not m.tolerated]

    @property
    def obstacle(self) -> str | None:
        """What has to be done before it may be made: pandads are at work that could not go on. None: nothing."""
        if not self.stops_older or not self.daemons:
            return None
        names = ", ".join(m.name for m in self.stops_older)
        return (f"{len(self.daemons)} pandads are connected, and older ones cannot work after {names}: "
                "stop them all first (systemctl stop pandad pandad.socket)")

    @property
    def loses_nothing(self) -> bool:
        """Whether the way back is to install the older pandad again."""
        return self.heeded and not self.stops_older


_SIZES = sql("upgrade.sizes", """
    SELECT relname, greatest(reltuples, 0)::bigint, pg_total_relation_size(oid) FROM pg_class
    WHERE relname = ANY(%(tables)s::text[]) AND relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
    ORDER BY 3 DESC, 1""")
_DAEMONS = sql("upgrade.daemons", """
    SELECT coalesce(host(client_addr), '') FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pandad listener' ORDER BY 1""")


async def plan(txn: Transaction, migrations: Sequence[Migration] | None = None) -> Plan:
    """What an upgrade to these migrations, or to those known here, would do now."""
    wanted = migrate.known() if migrations is None else migrations
    standing = await migrate.standing(txn, wanted)
    pending = [m for m in wanted if m.number > standing.applied]
    sizes = [Size(*row) for row in await txn.many(_SIZES, tables=touched(m.text for m in pending))]
    return Plan(standing, pending, sizes, [row[0] for row in await txn.many(_DAEMONS)], await migrate.has_word(txn))


def touched(texts: Iterable[str]) -> list[str]:
    """The tables that migrations change, but for those that they make."""
    bare = _COMMENT.sub("", "\n".join(texts))
    made: Collection[str] = set(_MADE.findall(bare))
    return sorted({name for found in _TOUCHED.findall(bare) for name in found if name} - set(made))


async def at_start(txn: Transaction, unasked: bool, migrations: Sequence[Migration] | None = None) -> int:
    """What a daemon does that starts: make the schema where there is none, and bring an older one up to date if it may do so
    `unasked`; how many migrations were applied.

    :raise SchemaError: somebody has to do something first; or see `migrate.upgrade`.
    """
    found = await plan(txn, migrations)
    if found.pending and found.standing.applied:
        behind = f"the database has schema {found.standing.applied}, and this pandad needs {found.standing.known}"
        if not unasked:
            raise SchemaError(f"{behind}: run `pandad upgrade` ([database] upgrade_at_start is false)")
        if found.obstacle is not None:
            raise SchemaError(f"{behind}, but {found.obstacle}")
    return await migrate.upgrade(txn, migrations)


async def upgrade(txn: Transaction, by: Act, migrations: Sequence[Migration] | None = None) -> int:
    """Make it, and write down who did; how many migrations were applied.

    :raise SchemaError: see `migrate.upgrade`.
    """
    applied = await migrate.upgrade(txn, migrations)
    if applied:
        await audit.note(txn, by)
    return applied
