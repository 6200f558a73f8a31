"""Brokerage decisions: the last one on each job, with the verdict on every queue that was looked at.

Verdicts of jobs that are alike are the same, and stored once. In a round of thousands of jobs over hundreds of queues they would
be hundreds of MB otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Any

import orjson

from pandad.taskbuffer.statement import as_json, sql
from pandad.taskbuffer.store import Transaction

UNUSED_S = 3600  # how long verdicts stay that no job refers to: a round that is under way may be about to


@dataclass(frozen=True, slots=True)
class Shared:
    """The verdicts on jobs that are alike, as they are stored."""

    digest: str
    text: str

    @classmethod
    def of(cls, able: Mapping[str, float], refused: Iterable[tuple[Mapping[str, object], Sequence[str]]]) -> Shared:
        """:param able: queues with their weights. :param refused: reasons (criterion, have, need, text), each with its queues."""
        packed = orjson.dumps({"ok": able, "no": list(refused)})
        return cls(md5(packed, usedforsecurity=False).hexdigest(), packed.decode())


@dataclass(frozen=True, slots=True)
class NewDecision:
    """To be stored.

    :param weight: of the chosen queue at the job's turn. :param before: how many jobs alike had their turn since the verdicts.
    """

    panda_id: int
    chosen: str | None
    shared: Shared
    weight: float | None = None
    before: int = 0


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """``verdicts``: one dictionary per queue (queue, verdict, criterion, have, need, weight, text). The rest: see NewDecision."""

    panda_id: int
    chosen: str | None
    verdicts: Sequence[dict[str, Any]]
    at: datetime | None = None
    weight: float | None = None
    before: int = 0


_PUT = sql("decisions.put", """
    WITH shared AS (
        INSERT INTO decision (digest, verdicts)
        SELECT digest, verdicts FROM jsonb_to_recordset(%(shared)s::jsonb) AS s(digest uuid, verdicts jsonb) ORDER BY digest
        ON CONFLICT (digest) DO UPDATE SET used = now() RETURNING id, digest)
    INSERT INTO job_decision (pandaid, chosen, decision, weight, before)
    SELECT d.pandaid, d.chosen, s.id, d.weight, d.before
    FROM jsonb_to_recordset(%(decisions)s::jsonb) AS
        d(pandaid bigint, chosen text, digest uuid, weight double precision, before integer)
    JOIN shared s USING (digest) ORDER BY d.pandaid
    ON CONFLICT (pandaid) DO UPDATE SET at = now(), chosen = EXCLUDED.chosen, verdicts = NULL, decision = EXCLUDED.decision,
        weight = EXCLUDED.weight, before = EXCLUDED.before""")

_FIND = sql("decisions.find", """
    SELECT pandaid, chosen, verdicts, at, weight, before FROM job_decision_ever WHERE pandaid = %(panda_id)s""")

# Whoever uses one of these again at the same time has marked it, which is seen here before it goes; or makes it anew.
_REMOVE = sql("decisions.remove", f"""
    DELETE FROM decision WHERE id IN (
        SELECT id FROM decision d
        WHERE used < now() - make_interval(secs => {UNUSED_S})
          AND NOT EXISTS (SELECT FROM job_decision j WHERE j.decision = d.id)
        ORDER BY used LIMIT %(limit)s FOR UPDATE SKIP LOCKED)""", planned_each_time=True)


async def put(txn: Transaction, made: Sequence[NewDecision]) -> None:
    """Keep these decisions in place of earlier ones on the same jobs."""
    texts = {each.shared.digest: each.shared.text for each in made}
    shared = ",".join(f'{{"digest":"{digest}","verdicts":{text}}}' for digest, text in texts.items())
    rows = [{"pandaid": d.panda_id, "chosen": d.chosen, "digest": d.shared.digest, "weight": d.weight, "before": d.before}
            for d in made]
    await txn.run(_PUT, shared=f"[{shared}]", decisions=as_json(rows))


async def find(txn: Transaction, panda_id: int) -> StoredDecision | None:
    """The last decision on a job, None before the first."""
    row = await txn.maybe(_FIND, panda_id=panda_id)
    if row is None:
        return None
    found_id, chosen, verdicts, *rest = row
    return StoredDecision(found_id, chosen, _each(verdicts), *rest)


async def remove_unused(txn: Transaction, limit: int) -> int:
    """Remove verdicts to which no job refers, at most so many; how many it were."""
    return await txn.run(_REMOVE, limit=limit)


def _each(verdicts: list[dict[str, Any]] | dict[str, Any]) -> list[dict[str, Any]]:
    """By queue, whichever way they were stored."""
    if isinstance(verdicts, list):
        return verdicts
    able = [{"queue": queue, "verdict": "ok", "weight": weight, "text": "can take the job"}
            for queue, weight in verdicts["ok"].items()]
    refused = [{"queue": queue, "verdict": "no", **reason} for reason, queues in verdicts["no"] for queue in queues]
    return sorted([*able, *refused], key=lambda verdict: str(verdict["queue"]))
