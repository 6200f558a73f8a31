"""Time in which nobody lived is left out of every limit."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.defer import Deferred, gatherResults

from pandad.taskbuffer import outages
from pandad.taskbuffer.outages import Outage
from pandad.taskbuffer.store import Store, Transaction

from .observing import rows, run

SILENCE_S = 6.0
HOUR_S = 3600.0


@pytest.fixture
def stage(store: Store) -> Stage:
    """On which time passes."""
    return Stage(store)


def live(store: Store) -> Deferred[Outage | None]:
    return store.once("live", outages.live, SILENCE_S)


async def known_s(stage: Stage) -> list[float]:
    """How long each outage was, the latest first."""
    return [float(s) for (s,) in await stage.sql("SELECT extract(epoch FROM ended - began) FROM outage ORDER BY ended DESC")]


async def counted_s(stage: Stage, limit_s: float) -> float:
    """How long ago a limit of so many seconds began."""
    (cutoff,) = await stage.store.once("cutoffs", outages.cutoffs, [limit_s])
    ((ago,),) = await stage.sql("SELECT extract(epoch FROM now() - %(cutoff)s)", cutoff=cutoff)
    return float(ago)


@ensureDeferred
async def test_a_life_without_outages(stage: Stage) -> None:
    """The first word, and each that comes in time, ends no outage."""
    assert await live(stage.store) is None
    await stage.later(SILENCE_S - 2)
    assert await live(stage.store) is None
    assert await known_s(stage) == []


@ensureDeferred
async def test_an_outage(stage: Stage) -> None:
    """A word that comes too late ends an outage that began with the last one, and the next word ends nothing."""
    await live(stage.store)
    await stage.later(3 * HOUR_S)
    ended = await live(stage.store)
    assert ended is not None and (ended.ended - ended.began).total_seconds() == pytest.approx(3 * HOUR_S, abs=60)
    assert await live(stage.store) is None
    assert await known_s(stage) == [(ended.ended - ended.began).total_seconds()]


@ensureDeferred
async def test_one_process_lives(stage: Stage) -> None:
    """While one process says that it lives another one may be away for as long as it likes."""
    await live(stage.store)
    for _ in range(4):
        await stage.later(SILENCE_S - 2)
        assert await live(stage.store) is None
    assert await known_s(stage) == []


@ensureDeferred
async def test_many_come_back_at_once(stage: Stage) -> None:
    """Of processes that come back at the same moment one enters the outage."""
    await live(stage.store)
    await stage.later(HOUR_S)
    found = await gatherResults([live(stage.store) for _ in range(8)])
    assert len([f for f in found if f is not None]) == len(await known_s(stage)) == 1


@ensureDeferred
async def test_a_clock_that_is_put_back(stage: Stage) -> None:
    """It makes no outage, and the next outage is measured by the clock as it is then."""
    await live(stage.store)
    await stage.later(-2 * HOUR_S)
    assert await live(stage.store) is None
    await stage.later(HOUR_S)
    assert await live(stage.store) is not None
    assert await known_s(stage) == [pytest.approx(HOUR_S, abs=60)]


@ensureDeferred
async def test_outages_do_not_overlap(stage: Stage) -> None:
    """After a step of the clock a second does not count twice."""
    await live(stage.store)
    await stage.later(HOUR_S)
    await live(stage.store)
    await stage.sql("UPDATE alive SET at = at - interval '30 min', due = due - interval '30 min' RETURNING 1")
    await stage.later(HOUR_S)
    await live(stage.store)
    assert sum(await known_s(stage)) == pytest.approx(2 * HOUR_S, abs=60)


@ensureDeferred
async def test_old_outages_are_forgotten(stage: Stage) -> None:
    """When no limit can reach back to an outage it goes."""
    await live(stage.store)
    await stage.later(HOUR_S)
    await live(stage.store)
    await stage.later(outages.KEPT_S + HOUR_S)
    await live(stage.store)
    assert await known_s(stage) == [pytest.approx(outages.KEPT_S + HOUR_S, abs=60)]


@ensureDeferred
async def test_an_outage_that_nobody_has_entered(stage: Stage) -> None:
    """It counts already: who was stopped in the middle of a round and goes on must not take the time for silence."""
    await live(stage.store)
    await stage.later(HOUR_S)
    before = await counted_s(stage, 60.0)
    assert before == pytest.approx(HOUR_S + 60, abs=60)
    await live(stage.store)
    assert await counted_s(stage, 60.0) == pytest.approx(before, abs=60)


@ensureDeferred
async def test_without_outages_a_limit_is_its_time(stage: Stage) -> None:
    """On a database that nobody ever stamped, and on one that somebody just did."""
    assert await counted_s(stage, 100.0) == pytest.approx(100, abs=30)
    await live(stage.store)
    assert await counted_s(stage, 100.0) == pytest.approx(100, abs=30)


def expected_ago_s(limit_s: float, gaps: Sequence[tuple[float, float]]) -> float:
    """Walk back from now, second by second of life. `gaps`: (began, ended) in seconds ago, the latest first."""
    ago = 0.0
    for began, ended in gaps:
        if limit_s <= ended - ago:
            return ago + limit_s
        limit_s -= ended - ago
        ago = began
    return ago + limit_s


async def _compare(txn: Transaction, random: Random) -> None:
    await run(txn, "DELETE FROM outage")
    gaps, ago = [], 0.0
    for _ in range(random.randrange(8)):
        ended = ago + random.randrange(1, 5000)
        ago = ended + random.randrange(1, 9000)
        gaps.append((ago, ended))
    await run(
        txn,
        """INSERT INTO outage SELECT now() - make_interval(secs => b), now() - make_interval(secs => e)
           FROM unnest(%(began)s::float[], %(ended)s::float[]) AS u (b, e)""",
        began=[g[0] for g in gaps],
        ended=[g[1] for g in gaps],
    )
    limits = [float(random.randrange(1, 60_000)) for _ in range(20)]
    cutoffs = await outages.cutoffs(txn, limits)
    ((now,),) = await rows(txn, "SELECT now()")
    assert [round((now - c).total_seconds(), 3) for c in cutoffs] == [expected_ago_s(limit, gaps) for limit in limits]
    for cutoff, limit in zip(cutoffs, limits, strict=True):
        ((lived,),) = await rows(txn, f"SELECT {outages.lived_s('%(at)s::timestamptz')}", at=cutoff)
        assert float(lived) == pytest.approx(limit)


@pytest.mark.parametrize("seed", range(20))
@ensureDeferred
async def test_limits_count_life_only(store: Store, seed: int) -> None:
    """Whatever outages there were, a limit reaches back over as much life as it has seconds; life is measured the same way."""
    await store.transact("compare", _compare, Random(seed))
