"""Every statement of the task buffer is accepted by PostgreSQL against the migrated schema."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import defaultdict

import pytest_twisted

import pandad.taskbuffer
from pandad.taskbuffer.statement import STATEMENTS, Statement
from pandad.taskbuffer.store import Store, Transaction

for _module in pkgutil.iter_modules(pandad.taskbuffer.__path__):
    importlib.import_module(f"pandad.taskbuffer.{_module.name}")

NOT_EXPLAINABLE = {"migrate.ledger"}  # DDL has no plan


async def _explain(txn: Transaction, statement: Statement) -> None:
    names = re.findall(r"%\((\w+)\)s", statement.text)
    await txn.many(Statement(statement.name, f"EXPLAIN {statement.text}"), **defaultdict(lambda: None, dict.fromkeys(names)))


async def _explain_all(txn: Transaction) -> None:
    await txn.run(STATEMENTS["migrate.ledger"])
    for name, statement in STATEMENTS.items():
        if name not in NOT_EXPLAINABLE:
            await _explain(txn, statement)


@pytest_twisted.ensureDeferred
async def test_statements_fit_the_schema(store: Store) -> None:
    """PostgreSQL can plan each statement with all parameters NULL, so names and types are right."""
    assert len(STATEMENTS) > 20
    await store.transact("explain", _explain_all)


def test_statements_carry_their_name() -> None:
    """A DBA who sees a statement running can find the code."""
    for name, statement in STATEMENTS.items():
        assert statement.text.endswith(f"/* pandad {name} */")
