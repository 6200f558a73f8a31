"""How PostgreSQL does what a statement asks for, on tables with many rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import Statement, ddl
from pandad.taskbuffer.store import Store, Transaction


class Explainer(Transaction):
    """Runs each statement under EXPLAIN ANALYZE, prepared if pandad prepares it, and keeps the plan; gives no rows."""

    plan: dict[str, Any]

    async def many(self, statement: Statement, **parameters: Any) -> list[Row]:
        await self._link.execute("DEALLOCATE ALL")
        if statement.prepare is not None:
            await self._link.execute(statement.prepare)
        text = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.execute or statement.text}"
        ((found,),) = (await self._link.execute(text, parameters or None))[0]
        self.plan = found[0]
        return []

    async def run(self, statement: Statement, **parameters: Any) -> int:
        await self.many(statement, **parameters)
        return 0


class RolledBack(Exception):
    """What was explained must not stay."""


@dataclass(frozen=True)
class Plan:
    """The nodes of a plan, from the top."""

    nodes: list[dict[str, Any]]

    def indexes(self) -> set[str]:
        """By which indexes it reads."""
        return {n["Index Name"] for n in self.nodes if "Index Name" in n}

    def read(self, index: str) -> float:
        """How many rows were looked at through an index."""
        found = [n for n in self.nodes if n.get("Index Name") == index]
        return float(sum(n["Actual Loops"] * (n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) for n in found))

    def tables(self) -> set[str]:
        """Which tables it reads."""
        return {n["Relation Name"] for n in self.nodes if "Relation Name" in n}

    def whole_tables(self) -> set[str]:
        """Which tables it reads from end to end; the one of one row does not count."""
        return {n["Relation Name"] for n in self.nodes if n["Node Type"] == "Seq Scan"} - {"alive"}


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


Explain = Callable[[Callable[[Transaction], Awaitable[object]]], Awaitable[Plan]]

MODES = ("custom", "generic")  # both ways that it has for a prepared statement: with the values and without


def explained_by(store: Store, mode: str) -> Explain:
    """The plan of the last statement of a body. Nothing stays."""
    set_mode = ddl("mode", f"SET LOCAL plan_cache_mode = force_{mode}_plan")

    async def plan_of(body: Callable[[Transaction], Awaitable[object]]) -> Plan:
        plans: list[dict[str, Any]] = []

        async def explained(txn: Transaction) -> None:
            explainer = Explainer(txn._link)
            await txn.run(set_mode)
            await body(explainer)
            plans.append(explainer.plan)
            raise RolledBack

        with pytest.raises(RolledBack):
            await store.transact("explain", explained)
        return Plan(list(_nodes(plans[0]["Plan"])))

    return plan_of
