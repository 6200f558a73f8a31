"""The database: whether it can be reached, whether it is one to keep jobs in, and what stands in its way."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pandad.config import DatabaseConfig
from pandad.doctor.finding import Fault, Finding, error, warning
from pandad.doctor.installation import Installation
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer import diagnosis, fsck, migrate
from pandad.taskbuffer.diagnosis import Server
from pandad.taskbuffer.fsck_schema import SCHEMA
from pandad.taskbuffer.invariant import Invariant
from pandad.taskbuffer.migrate import Standing
from pandad.taskbuffer.pool import ConnectionLost
from pandad.taskbuffer.store import Transaction

AWAY, STANDBY_PAGE = "how-to/runbooks.md#pandaddatabaseaway", "operations.md#a-standby"
SHORT, UPGRADE = "how-to/runbooks.md#pandadconnectionsshort", "operations.md#upgrade"
RIGHTS, POOLER, PAGE = "reference/checks.md", "operations.md#several-processes", "reference/checks.md"

HOST_UNKNOWN = error(
    "database-host-unknown", "the name of the database's host does not resolve", "mend the DNS, or host= in database.dsn", AWAY)
DOWN = error(
    "database-down", "nobody listens where the database should be",
    "systemctl start postgresql; else mend host= and port= in database.dsn", AWAY)
SILENT = error(
    "database-silent", "the database's host does not answer in time", "look for a firewall, and whether that host lives", AWAY)
LOGIN = error(
    "database-login", "the database refuses the account", "mend user= and the password (~/.pgpass), or pg_hba.conf on its host",
    AWAY)
MISSING = error("database-missing", "there is no such database", "createdb --encoding UTF8 --owner USER NAME, on its host", AWAY)
FULL = error(
    "database-full", "the database takes no more connections", "close some (pg_stat_activity), or raise max_connections", SHORT)
STARTING = error("database-starting", "the database starts or stops", "wait; its log says how far it is", AWAY)
TLS = error(
    "database-tls", "the encryption of the connection to the database fails", "mend sslmode and sslrootcert in database.dsn",
    AWAY)
UNREACHABLE = error("database-unreachable", "the database cannot be reached", "do what PostgreSQL's words say", AWAY)
TRANSACTION_POOLER = error(
    "database-pooler", "a pooler lends connections by the transaction: prepared statements are lost",
    "set pool_mode = session, or name PostgreSQL's own port", POOLER)

STANDBY = error(
    "database-standby", "the database is a standby: nothing can be stored",
    "name the primary in database.dsn, or promote this one", STANDBY_PAGE)
READ_ONLY = error(
    "database-read-only", "the database takes no writes", "in psql: ALTER DATABASE NAME RESET default_transaction_read_only",
    AWAY)
OLD = error("database-old", "PostgreSQL is too old", "install PostgreSQL 13 or newer", PAGE)
UNSAFE = error(
    "database-unsafe", "what was acknowledged is lost when the host fails",
    "in psql: ALTER SYSTEM RESET {setting}; SELECT pg_reload_conf()", PAGE)
NO_CLEANING = error(
    "database-no-vacuum", "nobody cleans up behind changes: the tables grow without end",
    "in psql: ALTER SYSTEM RESET {setting}; SELECT pg_reload_conf()", PAGE)
ENCODING = error(
    "database-encoding", "the database cannot keep every text", "make it with: createdb --encoding UTF8 --template template0",
    PAGE)
FEW_SESSIONS = warning(
    "database-few-connections", "there are fewer connections than may be asked for",
    "raise max_connections, or lower database.connections and read_connections", SHORT)
NO_SCHEMA_RIGHT = error(
    "database-no-create", "the account may make no tables: neither an upgrade nor the partition of the next month works",
    "in psql: GRANT CREATE ON SCHEMA public TO {user}, or make it the owner of the database", RIGHTS)
NO_SCHEMA = error(
    "database-no-schema", "there is no schema to make tables in",
    "in psql: CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO {user}", RIGHTS)
NO_RIGHT = error(
    "database-no-right", "the account may not change the tables", "in psql: REASSIGN OWNED BY the owner TO {user}", RIGHTS)
NOT_OWNER = warning(
    "database-not-owner", "a table belongs to another account: upgrades fail", "in psql: REASSIGN OWNED BY the owner TO {user}",
    RIGHTS)
CLOCK = warning(
    "clock-skew", "this host's clock and the database's differ: certificates and tokens are judged by the wrong time",
    "run NTP on both: timedatectl set-ntp true", "operations.md")
LONG = warning(
    "long-transaction", "a transaction is open for long: nothing that changed since can be cleaned up",
    "in psql: SELECT pg_terminate_backend(PID)", SHORT)
PREPARED = warning(
    "prepared-transaction", "a prepared transaction waits for its end: it holds locks, and nothing can be cleaned up",
    "in psql: ROLLBACK PREPARED its name, or COMMIT PREPARED", SHORT)
SLOT = warning(
    "idle-slot", "log is kept for a standby that is gone: the disk fills up",
    "in psql: SELECT pg_drop_replication_slot(NAME), if it does not come back", STANDBY_PAGE)
NO_STANDBY = error(
    "standby-missing", "commits wait for a standby that is not there: nothing is acknowledged",
    "start the standby, or in psql: ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf()", STANDBY_PAGE)
AGE = error(
    "database-age", "PostgreSQL will soon refuse all writes, to save its transaction numbers",
    "end what holds them (long transactions, slots), then: vacuumdb --all --freeze", AWAY)
DISK = error("database-disk", "the disk of the database is nearly full", "make room on {path}", AWAY)

EMPTY = warning("schema-none", "the database has no schema yet", "start pandad: it makes it", UPGRADE)
BEHIND = warning(
    "schema-behind", "the database's schema is older than this pandad",
    "`pandad upgrade` says what would change, and does it; so does the next start, unless [database] upgrade_at_start is false",
    "how-to/upgrade.md")
AHEAD = error(
    "schema-ahead", "the database's schema is newer than this pandad, which cannot work on it", "install a newer pandad",
    "how-to/upgrade.md#go-back")
CHANGED = error("schema-changed", "the schema was changed by hand", "{do}", "reference/fsck.md")

USER = "the account in database.dsn"
FREEZE_AGE = 1_500_000_000  # PostgreSQL refuses writes at 2**31 less 3 million
POOLS = 2  # connections that a daemon has beside those of its pools: one listens, one is for whoever looks

# What libpq and PostgreSQL say, and what it means. The first that fits.
_SAID: Sequence[tuple[str, Fault]] = (
    (r"unsupported startup parameter|pgbouncer", TRANSACTION_POOLER),
    (r"could not translate host name|Name or service not known|nodename nor servname", HOST_UNKNOWN),
    (r"password|authentication failed|pg_hba\.conf|role \S+ does not exist|not permitted to log in|permission denied",
     LOGIN),
    (r"database \S+ does not exist", MISSING),
    (r"too many (?:clients|connections)|remaining connection slots", FULL),
    (r"starting up|shutting down|in recovery mode", STARTING),
    (r"SSL|certificate", TLS),
    (r"within [0-9.]+ s|timeout expired|timed out", SILENT),
    (r"read-only|hot standby|not accepting writes|standby mode", STANDBY),
    (r"Connection refused|No such file or directory|Is the server running", DOWN),
)


@dataclass(frozen=True, slots=True)
class _Schema:
    standing: Standing
    broken: Sequence[tuple[Invariant, str]]


async def database(seen: Installation, reactor: Any) -> Sequence[Finding]:
    """Everything about the server; what pandad keeps in it is `work`."""
    where = seen.place("database", "dsn")
    config = replace(seen.config.database, statement_timeout_s=min(seen.config.database.statement_timeout_s, 5.0))
    try:
        link = await diagnosis.reached(reactor, config)
    except StoreUnavailable as refused:
        return [unreachable(str(refused), where)]
    found: list[Finding] = []
    try:
        server = await diagnosis.asked(link, diagnosis.server)
        found += [*of_server(seen, server, where), *_disk(seen, server, where)]
        if await _is_lent(reactor, config):
            return [*found, TRANSACTION_POOLER.found("one session is answered by several servers in turn", **where)]
        return [*found, *of_schema(await diagnosis.asked(link, _schema), where)] if server.can_write is not False else found
    except (StoreUnavailable, ConnectionLost) as refused:
        fault = NO_RIGHT if "permission denied" in str(refused) else UNREACHABLE
        return [*found, fault.found(str(refused), **where, user=USER)]
    finally:
        link.close()


async def _is_lent(reactor: Any, config: DatabaseConfig) -> bool:
    try:
        return await diagnosis.changes_servers(reactor, config)
    except (StoreUnavailable, ConnectionLost):
        return False  # no two connections to be had: told by the figures of the server


def unreachable(said: str, where: Mapping[str, str]) -> Finding:
    """What it means that there is no connection."""
    fault = next((fault for pattern, fault in _SAID if re.search(pattern, said)), UNREACHABLE)
    return fault.found(said, **where)


def of_server(seen: Installation, server: Server, where: Mapping[str, str]) -> Iterator[Finding]:
    """What its own words mean."""
    if server.version < seen.limits.oldest_server:
        yield OLD.found(f"it is PostgreSQL {server.version_name}", **where)
    if server.standby:
        yield STANDBY.found("it is in recovery", **where)
    elif server.read_only:
        yield READ_ONLY.found("its transactions are read-only", **where)
    if server.encoding != "UTF8":
        yield ENCODING.found(f"its encoding is {server.encoding}", **where)
    yield from _settings(server, where)
    yield from _sessions(seen, server, where)
    yield from _rights(server, where)
    yield from _in_the_way(seen, server, where)
    skew_s = seen.now.timestamp() - server.clock_s
    if abs(skew_s) > seen.limits.clock_skew_s:
        yield CLOCK.found(f"this host is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the database")


def _settings(server: Server, where: Mapping[str, str]) -> Iterator[Finding]:
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        if server.settings.get(setting) == "off":
            yield UNSAFE.found(f"{setting} is off", **where, setting=setting)
    for setting in ("zero_damaged_pages", "ignore_checksum_failure"):
        if server.settings.get(setting) == "on":
            yield UNSAFE.found(f"{setting} is on", **where, setting=setting)
    for setting in ("autovacuum", "track_counts"):
        if server.settings.get(setting) == "off":
            yield NO_CLEANING.found(f"{setting} is off", **where, setting=setting)


def _sessions(seen: Installation, server: Server, where: Mapping[str, str]) -> Iterator[Finding]:
    config = seen.config.database
    wanted = config.connections + config.read_connections + POOLS
    there = server.most_sessions - server.reserved_sessions
    if wanted > there:
        yield FEW_SESSIONS.found(f"one pandad may want {wanted}, and PostgreSQL gives {there}", **where)
    elif wanted + server.others > there:
        yield FEW_SESSIONS.found(f"one pandad may want {wanted}, and {server.others} of {there} are in use by others", **where)


def _rights(server: Server, where: Mapping[str, str]) -> Iterator[Finding]:
    user = USER
    if server.can_create is None:
        yield NO_SCHEMA.found("none of search_path is there", **where, user=user)
    elif not server.can_create:
        yield NO_SCHEMA_RIGHT.found("it lacks CREATE on the schema", **where, user=user)
    if server.can_write is False:
        yield NO_RIGHT.found("it lacks rights on table job", **where, user=user)
    elif server.not_mine is not None:
        yield NOT_OWNER.found(server.not_mine, **where, user=user)


def _in_the_way(seen: Installation, server: Server, where: Mapping[str, str]) -> Iterator[Finding]:
    if server.oldest_s is not None and server.oldest_s > seen.limits.long_transaction_s:
        yield LONG.found(f"{server.oldest_who} for {server.oldest_s / 60:.0f} min", **where)
    if server.prepared is not None:
        yield PREPARED.found(server.prepared, **where)
    if server.idle_slots is not None:
        yield SLOT.found(server.idle_slots, **where)
    if server.waits_for and not server.standbys:
        yield NO_STANDBY.found(f"synchronous_standby_names is {server.waits_for!r}, and none is connected", **where)
    if server.oldest_age > FREEZE_AGE:
        yield AGE.found(f"the oldest transaction is {server.oldest_age} back, of 2147 million", **where)


def _disk(seen: Installation, server: Server, where: Mapping[str, str]) -> Iterator[Finding]:
    """Of a server on this host that says where its data is."""
    if not server.local or server.directory is None or not Path(server.directory).is_dir():
        return
    usage = shutil.disk_usage(server.directory)
    if usage.free < seen.limits.disk_free_share * usage.total:
        yield DISK.found(f"{usage.free >> 20} MB of {usage.total >> 20} are left", **where, path=server.directory)


async def _schema(txn: Transaction) -> _Schema:
    standing = await migrate.standing(txn)
    broken: list[tuple[Invariant, str]] = []
    if standing.serves:
        for each in SCHEMA:
            if each.name.startswith(("schema-", "sequence-")):
                broken += [(each, f"{found.id}: {found.text}") for found in await fsck.look(txn, each, fsck.bounds(0, 0))]
    return _Schema(standing, broken)


def of_schema(schema: _Schema, where: Mapping[str, str]) -> Iterator[Finding]:
    """Whether it is this pandad's."""
    found = schema.standing
    if not found.applied:
        yield EMPTY.found("there is none", **where)
    elif found.applied < found.known:
        yield BEHIND.found(f"it is {found.applied}, and this pandad brings {found.known}", **where)
    elif not found.tolerated:
        yield AHEAD.found(f"it is {found.applied}, and this pandad knows {found.known}", **where)
    for invariant, text in schema.broken:
        yield CHANGED.found(text, **where, do=invariant.remedy)
