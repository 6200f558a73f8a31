"""The benchmark's own look into the database: counts, waiting for the daemon to have done its part, jobs for pgbench."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import psycopg2

POLL_S = 0.1
PATIENCE_S = 120.0

# More jobs like an activated one. The function stands in FROM: as (row).* it would be called once per column.
COPY_JOBS = """
    WITH one AS (SELECT job AS whole FROM job WHERE jobstatus = 'activated' LIMIT 1),
    new AS (
        INSERT INTO job
        SELECT r.* FROM one, generate_series(1, %(count)s) n,
            LATERAL jsonb_populate_record(one.whole, jsonb_build_object('pandaid', nextval('job_pandaid') + 0 * n)) r
        RETURNING pandaid)
    INSERT INTO job_text (pandaid, jobparameters) SELECT pandaid, '--in x --out y' FROM new"""


class Stuck(Exception):
    """The daemon did not do its part."""


class Database:
    """A connection that commits each statement."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._connection = psycopg2.connect(dsn, application_name="pandad benchmarks")
        self._connection.autocommit = True

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
        return int(self.rows("SELECT count(*) FROM job WHERE jobstatus::text = ANY (%(states)s)", {"states": list(states)})[0][0])

    def finished(self, ids: Collection[int]) -> int:
        """How many of those jobs have finished."""
        text = "SELECT count(*) FROM job WHERE pandaid = ANY (%(ids)s::bigint[]) AND jobstatus = 'finished'"
        return int(self.rows(text, {"ids": list(ids)})[0][0])

    def settings(self, *names: str) -> dict[str, str]:
        """PostgreSQL's settings."""
        return {name: self.rows(f"SHOW {name}")[0][0] for name in names}

    def await_none(self, *states: str) -> float:
        """Return when no job is in those states: how many seconds that took.

        :raise Stuck: it did not happen within PATIENCE_S.
        """
        started = time.perf_counter()
        while left := self.count(*states):
            if time.perf_counter() - started > PATIENCE_S:
                raise Stuck(f"{left} jobs are still {' or '.join(states)} after {PATIENCE_S:.0f} s")
            time.sleep(POLL_S)
        return time.perf_counter() - started

    def settle(self) -> None:
        """Fresh statistics and no dead rows, so that no autovacuum falls into a measurement."""
        for table in ("job", "job_text", "job_event", "job_report", "job_decision"):
            self.rows(f"VACUUM ANALYZE {table}")

    def copy_jobs(self, count: int) -> None:
        """More activated jobs, straight into the tables: for pgbench, which has no brokerage."""
        self.rows(COPY_JOBS, {"count": count})
