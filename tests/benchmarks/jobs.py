"""Jobs to measure with. The first come in by the API, from several users and with several needs, and go the usual way until they
are activated; all others are copies of these with everything that belongs to a job, and so as sound as the first."""

from __future__ import annotations

import http.client
from collections.abc import Sequence

import orjson

from pandad.embedded.sandbox import HOST, Sandbox
from tests.benchmarks import messages
from tests.benchmarks.database import TABLES, Database
from tests.benchmarks.wire import as_client

OWNERS = ("alice", "bob")
MEMORIES_MB = (500, 1500, 2500, 3500)  # the last is too much for the pilots here
KINDS_OF_WORK = 4
PRIORITIES = 1000

SET_APART = """
    CREATE SCHEMA bench;
    CREATE UNLOGGED TABLE bench.copy (pandaid bigint, template bigint, priority bigint);"""

# From line to line and round again, so that no line is at the end of the table; priorities without order.
CHOOSE = """
    TRUNCATE bench.copy;
    INSERT INTO bench.copy
    SELECT nextval('job_pandaid'), t.pandaid, 1 + n * 7919 %% %(priorities)s
    FROM generate_series(1, %(each)s) n, unnest(%(templates)s::bigint[]) t (pandaid);"""

COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''"""


class Refused(Exception):
    """The daemon did not take the jobs."""


class Jobs:
    """Fills the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fitting: Sequence[int] = ()
        self._others: Sequence[int] = ()

    def plant(self, sandbox: Sandbox, tls_port: int) -> None:
        """Make the jobs that are copied later, one in each line.

        :raise Refused: they were not taken.
        """
        for owner in OWNERS:
            self._submit(sandbox, tls_port, owner)
        self._database.await_none("defined", "assigned", "waiting")
        self.set_apart()

    def set_apart(self) -> None:
        """All that are activated now are what is copied later, as they are now."""
        found = self._database.rows("SELECT pandaid, minramcount FROM job WHERE jobstatus = 'activated' ORDER BY pandaid")
        self._fitting = [panda_id for panda_id, memory_mb in found if memory_mb <= messages.SLOT_MB]
        self._others = [panda_id for panda_id, memory_mb in found if memory_mb > messages.SLOT_MB]
        self._database.rows(SET_APART)
        for table in TABLES:
            self._database.rows(f"CREATE TABLE bench.{table} AS SELECT * FROM {table}")

    def supply(self, count: int) -> None:
        """At least so many activated jobs that the pilots here can take."""
        text = "SELECT count(*) FROM job WHERE jobstatus = 'activated' AND minramcount <= %(mb)s"
        there = int(self._database.rows(text, {"mb": messages.SLOT_MB})[0][0])
        if there < count:
            self._copy(self._fitting, count - there)
        self._database.settle()

    def wait(self, count: int) -> None:
        """At least so many activated jobs, of which many are not for the pilots here."""
        there = self._database.count("activated")
        if there < count:
            self._copy([*self._fitting, *self._others], count - there)
        self._database.settle()

    def alike(self, database: Database, count: int) -> tuple[int, int]:
        """So many jobs of one line, with ids in a row: the first id, and the line. Nobody else may be using that database."""
        self._copy(self._fitting[:1], count, database)
        database.settle()
        ((first, line),) = database.rows("SELECT pandaid, line FROM job WHERE pandaid = (SELECT min(pandaid) FROM bench.copy)")
        return first, line

    def _submit(self, sandbox: Sandbox, port: int, owner: str) -> None:
        context = as_client(str(sandbox.pki.proxy(owner)), str(sandbox.pki.ca_directory))
        connection = http.client.HTTPSConnection(HOST, port, context=context)
        for memory_mb in MEMORIES_MB:
            for work in range(KINDS_OF_WORK):
                body = orjson.dumps(messages.submit(1, minRamCount=memory_mb, processingType=f"bench{work}"))
                connection.request("POST", "/api/v1/job/submit", body, {"Content-Type": "application/json"})
                answer = connection.getresponse().read()
                if not messages.succeeded(answer):
                    raise Refused(answer.decode(errors="replace"))
        connection.close()

    def _copy(self, templates: Sequence[int], count: int, database: Database | None = None) -> None:
        """In one transaction: the daemon must not meet half a job. Copies of sound rows need no look at their foreign keys."""
        database = database or self._database
        each = -(-count // len(templates))
        chosen = database.literal(CHOOSE, {"priorities": PRIORITIES, "each": each, "templates": list(templates)})
        copying = [self._copying(table) for table in TABLES]
        database.rows("; ".join(["SET LOCAL session_replication_role = replica", chosen, *copying]))

    def _copying(self, table: str) -> str:
        columns = self._database.rows(COLUMNS, {"table": table})[0][0]
        new = {"pandaid": "c.pandaid", "currentpriority": "c.priority", "assignedpriority": "c.priority",
               # Nowhere do a million jobs change their state in the same microsecond.
               "statechangetime": "t.statechangetime + c.pandaid * interval '1 microsecond'"}
        values = ", ".join(new.get(column, f"t.{column}") for column in columns.split(", "))
        return (f"INSERT INTO {table} ({columns}) SELECT {values}"
                f" FROM bench.copy c JOIN bench.{table} t ON t.pandaid = c.template ORDER BY c.pandaid")
