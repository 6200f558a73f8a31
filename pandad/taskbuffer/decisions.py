"""Brokerage decisions: the last one on each job, with the verdict on every queue that was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """``verdicts``: one dictionary per queue (queue, verdict, criterion, have, need, text)."""

    panda_id: int
    chosen: str | None
    verdicts: Sequence[dict[str, Any]]
    at: datetime | None = None


_PUT = sql("decisions.put", """
    INSERT INTO job_decision (pandaid, chosen, verdicts)
    SELECT * FROM jsonb_to_recordset(%(decisions)s::jsonb) AS d(pandaid bigint, chosen text, verdicts jsonb)
    ON CONFLICT (pandaid) DO UPDATE SET at = now(), chosen = EXCLUDED.chosen, verdicts = EXCLUDED.verdicts""")

_FIND = sql("decisions.find", "SELECT pandaid, chosen, verdicts, at FROM job_decision_ever WHERE pandaid = %(panda_id)s")


async def put(txn: Transaction, decisions: Sequence[StoredDecision]) -> None:
    """Keep these decisions in place of earlier ones on the same jobs."""
    rows = [{"pandaid": d.panda_id, "chosen": d.chosen, "verdicts": d.verdicts} for d in decisions]
    await txn.run(_PUT, decisions=orjson.dumps(rows).decode())


async def find(txn: Transaction, panda_id: int) -> StoredDecision | None:
    """The last decision on a job, None before the first."""
    row = await txn.maybe(_FIND, panda_id=panda_id)
    return StoredDecision(*row) if row else None
