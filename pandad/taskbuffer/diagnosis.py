"""How the database server does, for a look from outside: settings that cost data, missing rights, and what stands in the way.

Works on any PostgreSQL, whatever its schema, and with no more rights than a daemon has: what those do not show is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import orjson
from twisted.internet.interfaces import IReactorTime

from pandad.config import DatabaseConfig
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer import pool
from pandad.taskbuffer.dsn import Refused
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Body, Transaction

P = ParamSpec("P")
T = TypeVar("T")

NAME = "pandad doctor"


@dataclass(frozen=True, slots=True)
class Server:
    """What a PostgreSQL says of itself.

    :param clock_s: its clock, seconds since 1970. :param others: sessions of other programs.
    :param can_create: tables in the schema that is used; None: there is no such schema. :param can_write: what is in the tables.
    :param oldest_s, oldest_who: the transaction that has been open longest. :param idle_slots: replication slots of nobody, with
        the bytes of log that are kept for each. :param waits_for: standbys that commits wait for; ``standbys``: those connected.
    :param not_mine: a table of pandad that belongs to another account. :param local: over a socket of this host.
    """

    version: int
    version_name: str
    standby: bool
    read_only: bool
    encoding: str
    settings: dict[str, str]
    most_sessions: int
    reserved_sessions: int
    others: int
    clock_s: float
    can_create: bool | None
    can_write: bool | None
    not_mine: str | None
    oldest_s: float | None
    oldest_who: str | None
    prepared: str | None
    idle_slots: str | None
    waits_for: str
    standbys: int
    oldest_age: int
    directory: str | None
    local: bool


_SETTINGS = ("fsync", "full_page_writes", "autovacuum", "track_counts", "synchronous_commit", "zero_damaged_pages",
             "ignore_checksum_failure")

_SERVER = sql("diagnosis.server", f"""
    SELECT current_setting('server_version_num')::integer, current_setting('server_version'), pg_is_in_recovery(),
        current_setting('transaction_read_only')::boolean, current_setting('server_encoding'),
        (SELECT json_object_agg(name, setting)::text FROM pg_settings
         WHERE name IN ({", ".join(f"'{name}'" for name in _SETTINGS)})),
        current_setting('max_connections')::integer, current_setting('superuser_reserved_connections')::integer,
        (SELECT count(*) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND application_name NOT LIKE 'pandad%%')::integer,
        extract(epoch FROM clock_timestamp())::float,
        has_schema_privilege(current_schema(), 'CREATE'),
        has_table_privilege(to_regclass('job'), 'SELECT') AND has_table_privilege(to_regclass('job'), 'INSERT')
            AND has_table_privilege(to_regclass('job'), 'UPDATE') AND has_table_privilege(to_regclass('job'), 'DELETE'),
        (SELECT concat(relname, ' of ', pg_get_userbyid(relowner)) FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
           AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relname LIMIT 1),
        oldest.age_s, oldest.who,
        (SELECT concat(gid, ' since ', date_trunc('second', prepared)) FROM pg_prepared_xacts ORDER BY prepared LIMIT 1),
        (SELECT concat(slot_name, ', ', pg_size_pretty(pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN restart_lsn ELSE pg_current_wal_lsn() END, restart_lsn)))
         FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL ORDER BY restart_lsn LIMIT 1),
        current_setting('synchronous_standby_names'),
        (SELECT count(*) FROM pg_stat_replication)::integer,
        (SELECT max(age(datfrozenxid)) FROM pg_database)::integer,
        (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
        inet_server_addr() IS NULL
    FROM (VALUES (1)) AS one LEFT JOIN (
        SELECT extract(epoch FROM clock_timestamp() - xact_start)::float AS age_s,
            concat('pid ', pid, ' (', coalesce(nullif(application_name, ''), 'nameless'), ', ', usename, ', ', state, ')') AS who
        FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        ORDER BY xact_start LIMIT 1) AS oldest ON true""", planned_each_time=True)

_WHERE = sql("diagnosis.where", "SELECT pg_backend_pid()", planned_each_time=True)


async def server(txn: Transaction) -> Server:
    """Ask all of it, in one statement."""
    row = list(await txn.one(_SERVER))
    row[5] = orjson.loads(row[5])
    return Server(*row)


_SILENCE = sql("diagnosis.silence", """
    SELECT (SELECT extract(epoch FROM clock_timestamp() - at)::float FROM alive WHERE due < clock_timestamp()),
           EXISTS (SELECT FROM loop WHERE leaseuntil > clock_timestamp())""", planned_each_time=True)


async def silence(txn: Transaction) -> tuple[float | None, bool]:
    """For how long no pandad has said that it lives, None if one does; and whether anybody holds a lease."""
    silent_s, is_led = await txn.one(_SILENCE)
    return silent_s, is_led


async def reached(clock: IReactorTime, config: DatabaseConfig) -> pool.Link:
    """A connection as a daemon opens it, at once or not at all.

    :raise StoreUnavailable: in PostgreSQL's words.
    """
    return await pool.connect(clock, config, NAME)


async def asked(link: pool.Link, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a body finds that only reads, without any retry.

    :raise StoreUnavailable, ConnectionLost: in PostgreSQL's words; also if it lacks a right.
    """
    try:
        return await body(Transaction(link), *args, **kwargs)
    except Refused as refused:
        raise StoreUnavailable(" ".join(str(refused).split())) from None


async def changes_servers(clock: IReactorTime, config: DatabaseConfig) -> bool:
    """Whether a session is not one: a pooler that lends connections for a transaction gives ours to the next who comes, and what
    was prepared on it is gone.

    :raise StoreUnavailable, ConnectionLost: it cannot be said.
    """
    first, second = await reached(clock, config), await reached(clock, config)
    try:
        before = await Transaction(first).one(_WHERE)
        await second.execute("BEGIN")
        await Transaction(second).one(_WHERE)
        after = await Transaction(first).one(_WHERE)
        return before != after
    finally:
        first.close()
        second.close()
