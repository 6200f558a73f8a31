"""A share of the differential test with every `make test`; `python -m tests.why` makes long runs."""

from __future__ import annotations

from pytest_twisted import ensureDeferred
from why.agreement import compare

from pandad.taskbuffer.store import Store

CASES, SEED = 300, 5


@ensureDeferred
async def test_why_says_what_is_decided(store: Store) -> None:
    """For random jobs, queues and pilots: what was flagged at submission no queue can take, brokerage decides by the verdicts
    that `why` showed, a pilot gets the jobs that `why` says fit it, and an obstacle that `why` names is the obstacle."""
    tally = await compare(store, CASES, SEED)
    assert tally.cases >= CASES
    assert min(tally.placed, tally.pairs, tally.handed) > CASES / 10
    assert min(tally.flagged, tally.mended, tally.widened) > CASES / 50
