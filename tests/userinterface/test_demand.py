"""What pilots could take now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from factories import ALICE, QUEUE, a_job, a_line
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.task import Clock

from pandad.config import SharesConfig
from pandad.spec.errors import StoreUnavailable
from pandad.spec.jobstatus import JobStatus
from pandad.spec.share import Capped
from pandad.taskbuffer.demand import COUNT_MOST, Waits
from pandad.taskbuffer.store import Store
from pandad.userinterface.demand import FRESH_S, WINDOW_S, Demand, Demanded, demanded

S = JobStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NO_CAPS, CAPS = SharesConfig(user_cap=0), SharesConfig(user_cap=10, group_caps={"phys": 4})


def waits(jobs: int, cores: int = 1, group: str = "", queue: str = QUEUE, resource_type: str = "SCORE") -> Waits:
    line = a_line(jobs, cores=cores, working_group=group, resource_type=resource_type)
    return Waits(queue, line, jobs, NOW - timedelta(seconds=60))


def figures(found: Sequence[Demanded]) -> list[tuple[int, int, int]]:
    return [(each.activated, each.takeable, each.cores) for each in found]


def test_without_caps() -> None:
    """Everything that waits is demand, by queue and resource type, with its cores and the longest wait."""
    found = demanded([waits(3), waits(2, 8, resource_type="MCORE"), waits(4)], {}, NO_CAPS, NOW, {})
    assert figures(found) == [(7, 7, 7), (2, 2, 16)]
    assert [each.oldest_wait_s for each in found] == [60, 60]


def test_caps_hold_back() -> None:
    """What a cap leaves no room for is no demand; the room is there once at each queue, and for all that share it."""
    used = {Capped(ALICE, 10): 7, Capped("phys", 4): 0}
    assert figures(demanded([waits(5)], used, CAPS, NOW, {})) == [(5, 3, 3)]
    assert figures(demanded([waits(5), waits(5, resource_type="X")], used, CAPS, NOW, {})) == [(5, 3, 3), (5, 0, 0)]
    assert figures(demanded([waits(5), waits(5, queue="B")], used, CAPS, NOW, {})) == [(5, 3, 3), (5, 3, 3)]
    assert figures(demanded([waits(9, 2, "phys")], {}, CAPS, NOW, {})) == [(9, 2, 4)]
    assert figures(demanded([waits(5)], {Capped(ALICE, 10): 12}, CAPS, NOW, {})) == [(5, 0, 0)]


def test_long_lines() -> None:
    """A line is counted so far; the counters know how many there are, and where no cap is in the way all of them are demand."""
    long = waits(COUNT_MOST, 2)
    (found,) = demanded([long], {}, NO_CAPS, NOW, {})
    assert (found.takeable, found.at_least) == (COUNT_MOST, True)
    (found,) = demanded([long], {}, NO_CAPS, NOW, {(QUEUE, "SCORE"): 100_000})
    assert (found.activated, found.takeable, found.cores, found.at_least) == (100_000, 100_000, 200_000, False)
    (found,) = demanded([long], {}, CAPS, NOW, {(QUEUE, "SCORE"): 100_000})
    assert (found.activated, found.takeable) == (100_000, 5)


@ensureDeferred
async def test_published(stage: Stage) -> None:
    """Jobs by queue, resource type, label and state, and the demand for pilots; what is not activated is none."""
    await stage.jobs(*(a_job(jobStatus=S.ACTIVATED) for _ in range(3)), a_job(jobStatus=S.DEFINED))
    await stage.job(S.RUNNING, coreCount=8, resource_type="MCORE", computingSite=QUEUE)
    published = await Demand(stage.store, Clock(), NO_CAPS).published()
    states = published.states[QUEUE]
    assert sum(n for by_label in states.values() for labels in by_label.values() for n in labels.values()) == 4
    assert published.counts[QUEUE][S.RUNNING] == 1
    (row,) = published.rows()
    assert row["queue"] == QUEUE
    assert sum(each["takeable"] for each in row["demand"].values()) == published.counts[QUEUE][S.ACTIVATED]
    assert (row["running"], row["pilots"]["window_s"]) == (1, WINDOW_S)


@ensureDeferred
async def test_many_who_ask(stage: Stage) -> None:
    """Who asks in the same second gets the same answer, from one reading; later it is read again."""
    clock = Clock()
    room = Demand(stage.store, clock, NO_CAPS)
    asked = [room.published() for _ in range(3)]
    first = [await each for each in asked]
    await stage.jobs(a_job(jobStatus=S.ACTIVATED))
    assert all(each is first[0] for each in [*first, await room.published()])
    clock.advance(FRESH_S)
    assert len((await room.published()).demand) == 1


@ensureDeferred
async def test_database_away() -> None:
    """An error goes to who asked, and is not kept."""

    class Away(Store):
        def __init__(self) -> None:
            pass

        def read(self, name: str, body: object, *args: object, **kwargs: object) -> object:  # type: ignore[override]
            raise StoreUnavailable("away")

    broken = Demand(Away(), Clock(), NO_CAPS)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await broken.published()
