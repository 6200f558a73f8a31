"""A connection that prepared its statements while the tables were empty serves full ones well."""

from __future__ import annotations

import re
from typing import Any

from factories import a_job, a_pilot, claim, stored
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from pandad.config import DatabaseConfig
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import moves
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.statement import STATEMENTS, ddl
from pandad.taskbuffer.store import Store, Transaction

FILL = ddl(
    "fill",
    """
    INSERT INTO job (pandaid, line, jobstatus, computingsite, owneranchor, ownersubject)
    SELECT n, (SELECT min(id) FROM line), 'activated', 'Q' || n % 5, 'ca', 'alice' FROM generate_series(10, 20000) AS n""",
)


async def _use(txn: Transaction) -> None:
    await stored(txn, [a_job(jobStatus=JobStatus.ACTIVATED, computingSite="Q1")])
    await claim(txn, a_pilot(queue="Q1"))
    await moves.move(txn, Event.RUNNING, [Change(1)], actor=Actor.PILOT, who="pilot")


async def _tables_read_whole(txn: Transaction, name: str) -> set[str]:
    """By the plan that this connection keeps for a statement."""
    execute = STATEMENTS[name].execute
    assert execute is not None
    text = "EXPLAIN (FORMAT JSON) " + re.sub(r"%\(\w+\)s", "NULL", execute)
    ((found,),) = await txn.many(ddl("kept", text))
    return set(_scanned(found[0]["Plan"]))


def _scanned(node: dict[str, Any]) -> list[str]:
    below = [name for child in node.get("Plans", ()) for name in _scanned(child)]
    return below + ([node["Relation Name"]] if node["Node Type"] == "Seq Scan" else [])


@ensureDeferred
async def test_plans_do_not_go_by_what_was_there(database: DatabaseConfig) -> None:
    """No plan made for empty tables reads a whole table later, before PostgreSQL has counted the rows."""
    store = Store(reactor, DatabaseConfig(dsn=database.dsn, connections=1))
    await store.transact("use", _use)
    await store.transact("fill", lambda txn: txn.run(FILL))
    for name in ("claims.waiting", "claims.take", "moves.plain_move"):
        assert await store.transact("look", _tables_read_whole, name) == set(), name
    await store.close()
