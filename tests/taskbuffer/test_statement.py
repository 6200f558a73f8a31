"""Every statement of the task buffer is accepted by PostgreSQL against the migrated schema."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
import pytest_twisted

import pandad.taskbuffer
from pandad.taskbuffer.statement import STATEMENTS, Statement, ddl, sql
from pandad.taskbuffer.store import Store, Transaction

for _module in pkgutil.iter_modules(pandad.taskbuffer.__path__):
    importlib.import_module(f"pandad.taskbuffer.{_module.name}")


async def _explain(txn: Transaction, statement: Statement) -> None:
    if statement.prepare is not None:
        await txn.run(ddl(statement.name, statement.prepare))
    await txn.run(ddl(statement.name, "EXPLAIN " + re.sub(r"%\(\w+\)s", "NULL", statement.execute or statement.text)))


async def _all(txn: Transaction) -> None:
    for statement in STATEMENTS.values():
        await _explain(txn, statement)


@pytest_twisted.ensureDeferred
async def test_statements_fit_the_schema(store: Store) -> None:
    """PostgreSQL accepts and plans each statement: names fit the schema, and every parameter has one type."""
    assert len(STATEMENTS) > 20
    await store.transact("explain", _all)


def test_two_statements_cannot_share_a_name() -> None:
    """The name is the key under which a connection keeps the plan."""
    with pytest.raises(AssertionError):
        sql("moves.move", "SELECT 1")


def test_parameters_keep_their_order_and_may_repeat() -> None:
    """The same name is the same parameter wherever it stands."""
    statement = STATEMENTS["loops.finished"]
    assert statement.execute == 'EXECUTE "loops.finished" (%(error)s, %(name)s, %(holder)s, %(term)s)'
    assert statement.prepare is not None and "$1::text IS NULL" in statement.prepare and "%(" not in statement.prepare
