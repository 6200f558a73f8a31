"""The benchmark's own look into the database: counts, waiting for the daemon to have done its part, other databases beside it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, make_dsn, parse_dsn

POLL_S = 0.1
PATIENCE_S = 120.0
TABLES = ("job", "job_text", "job_event", "job_report", "job_decision", "file")


class Stuck(Exception):
    """The daemon did not do its part."""


class Database:
    """A connection that commits each statement."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._connection = self._connect()

    def _connect(self) -> Any:
        connection = psycopg2.connect(self.dsn, application_name="pandad benchmarks")
        connection.autocommit = True
        return connection

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def rows(self, text: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def literal(self, text: str, parameters: Mapping[str, Any]) -> str:
        """The statement with its parameters in it, as psycopg2 sends it."""
        with self._connection.cursor() as cursor:
            return bytes(cursor.mogrify(text, parameters)).decode()

    def count(self, *states: str) -> int:
        """Jobs in those states."""
        return int(self.rows("SELECT count(*) FROM job WHERE jobstatus IN %(states)s", {"states": states})[0][0])

    def finished(self, ids: Collection[int]) -> int:
        """How many of those jobs have finished, archived or not."""
        text = "SELECT count(*) FROM job_ever WHERE pandaid = ANY (%(ids)s::bigint[]) AND jobstatus = 'finished'"
        return int(self.rows(text, {"ids": list(ids)})[0][0])

    def settings(self, *names: str) -> dict[str, str]:
        """PostgreSQL's settings."""
        return {name: self.rows(f"SHOW {name}")[0][0] for name in names}

    def await_none(self, *states: str) -> float:
        """Return when no job is in those states: how many seconds that took.

        :raise Stuck: it did not happen within PATIENCE_S.
        """
        started = time.perf_counter()
        while self._any(states):
            if time.perf_counter() - started > PATIENCE_S:
                raise Stuck(f"{self.count(*states)} jobs are still {' or '.join(states)} after {PATIENCE_S:.0f} s")
            time.sleep(POLL_S)
        return time.perf_counter() - started

    def _any(self, states: tuple[str, ...]) -> bool:
        """One state at a time: each has its partial index, and this is asked often beside a million other jobs."""
        text = "SELECT EXISTS (SELECT FROM job WHERE jobstatus = %(state)s)"
        return any(self.rows(text, {"state": state})[0][0] for state in states)

    def settle(self) -> None:
        """Fresh statistics, no dead rows and nothing to be written: so that no such work falls into a measurement."""
        for table in TABLES:
            self.rows(f"VACUUM ANALYZE {table}")
        self.rows("CHECKPOINT")

    @contextmanager
    def old_snapshot(self) -> Iterator[None]:
        """While the body runs another session looks at the database as it is now, and no row that dies can be cleared away."""
        session = self._connect()
        session.autocommit = False
        session.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        with session.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM line")
        try:
            yield
        finally:
            session.close()

    @contextmanager
    def another(self, name: str, *, copied: bool = False) -> Iterator[Database]:
        """A database on the same server for the body, new or a copy of this one; nobody else may be using this one then."""
        admin = Database(make_dsn(**{**parse_dsn(self.dsn), "dbname": "postgres"}))
        try:
            if copied:
                self.close()
            template = parse_dsn(self.dsn)["dbname"] if copied else "template1"
            admin.rows(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            if copied:
                self._connection = self._connect()
            other = Database(make_dsn(**{**parse_dsn(self.dsn), "dbname": name}))
            try:
                yield other
            finally:
                other.close()
                admin.rows(f'DROP DATABASE "{name}" WITH (FORCE)')
        finally:
            admin.close()
