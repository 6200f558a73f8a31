"""Times without any pandad. No limit counts them: a pilot that nobody could hear was not silent. All by the database's clock.

A clock that is put forward looks like an outage and is treated as one, rightly: all stored times have grown older at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

MOST = 1000  # outages that are looked at, the latest; those before count
KEPT_S = 400 * 24 * 3600  # longer than any limit may be


@dataclass(frozen=True, slots=True)
class Outage:
    """No process lived from then till then."""

    began: datetime
    ended: datetime


# Who waits for another's lock here sees that one's word, and finds no outage any more.
_LIVE = sql("outages.live", f"""
    WITH last AS (SELECT at, due FROM alive WHERE one FOR UPDATE),
    found AS (SELECT greatest(at, (SELECT max(ended) FROM outage)) AS began FROM last WHERE due < now()),
    entered AS (INSERT INTO outage (began, ended) SELECT began, now() FROM found WHERE began < now() RETURNING began, ended),
    forgotten AS (
        DELETE FROM outage
        WHERE ended < now() - make_interval(secs => {KEPT_S}) AND EXISTS (SELECT FROM found)),
    said AS (
        INSERT INTO alive (at, due) VALUES (now(), now() + make_interval(secs => %(silence_s)s))
        ON CONFLICT (one) DO UPDATE SET at = EXCLUDED.at, due = EXCLUDED.due)
    SELECT began, ended FROM entered""")

# An outage is taken off a limit if it ended within the limit, counted back from now over the time in which somebody lived.
_CUTOFFS = sql("outages.cutoffs", f"""
    WITH latest AS (
        SELECT extract(epoch FROM ended - began)::float AS down_s, extract(epoch FROM now() - ended)::float AS ago_s, ended
        FROM downtime ORDER BY ended DESC LIMIT {MOST}),
    placed AS (
        SELECT down_s, ago_s - coalesce(sum(down_s) OVER (
            ORDER BY ended DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS lived_since_s
        FROM latest)
    SELECT now() - make_interval(secs => wanted.limit_s + coalesce(
        (SELECT sum(down_s) FROM placed WHERE lived_since_s < wanted.limit_s), 0))
    FROM unnest(%(limits_s)s::float[]) WITH ORDINALITY AS wanted (limit_s, place) ORDER BY place""")


async def live(txn: Transaction, silence_s: float) -> Outage | None:
    """This process lives, and will say so again within `silence_s`; the outage that it ends, if nobody lived."""
    row = await txn.maybe(_LIVE, silence_s=silence_s)
    return Outage(*row) if row else None


async def cutoffs(txn: Transaction, limits_s: Sequence[float]) -> list[datetime]:
    """For each limit the moment since which, outages left out, that much time has passed. It may be used later: it errs on the
    side of patience."""
    return [row[0] for row in await txn.many(_CUTOFFS, limits_s=list(limits_s))]


def lived_s(since: str) -> str:
    """SQL for the seconds since that moment, outages left out.

    :param since: SQL for a moment, a constant of the caller.
    """
    return (f"(extract(epoch FROM now() - {since}) - coalesce((SELECT sum(extract(epoch FROM ended - greatest(began, {since})))"
            f" FROM downtime WHERE ended > {since}), 0))")
