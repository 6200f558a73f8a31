"""What pilots could take now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from factories import ALICE, QUEUE, a_job, a_line
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.task import Clock

from pandad.config import SharesConfig
from pandad.spec.account import Directory
from pandad.spec.errors import StoreUnavailable
from pandad.spec.facts import Demand as Activated
from pandad.spec.jobstatus import JobStatus
from pandad.spec.share import Capped, caps_by
from pandad.taskbuffer.demand import COUNT_MOST, Head
from pandad.taskbuffer.store import Store
from pandad.userinterface.demand import FRESH_S, WINDOW_S, Demand, Demanded, demanded, tight

S = JobStatus
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NO_CAPS, CAPS = SharesConfig(user_cap=0), SharesConfig(user_cap=10, group_caps={"phys": 4})


class Waiting:
    """Lines with so many jobs, and what the counters say of them."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.jobs: dict[tuple[str, int], int] = {}
        self.there: list[Activated] = []

    def add(self, jobs: int, cores: int = 1, group: str = "", queue: str = QUEUE, resource_type: str = "SCORE") -> Waiting:
        line = a_line(len(self.heads), cores=cores, working_group=group, resource_type=resource_type)
        self.heads.append(Head(queue, line, NOW - timedelta(seconds=60)))
        self.jobs[queue, line.id] = min(jobs, COUNT_MOST)
        self.there.append(Activated(queue, resource_type, "user", jobs, jobs * cores))
        return self

    def demanded(self, config: SharesConfig, rooms: Mapping[Capped, int]) -> list[Demanded]:
        caps_of = caps_by(config.user_cap, config.group_caps, Directory())
        held = {(head.queue, head.line.id) for head in tight(self.heads, rooms, self.there, caps_of)}
        counts = {key: jobs for key, jobs in self.jobs.items() if key in held}
        return demanded(self.heads, counts, rooms, self.there, caps_of, NOW)


def figures(found: Sequence[Demanded]) -> list[tuple[int, int, int]]:
    return [(each.activated, each.takeable, each.cores) for each in found]


def test_without_caps() -> None:
    """Everything that waits is demand, by queue and resource type, with its cores and the longest wait."""
    found = Waiting().add(3).add(2, 8, resource_type="MCORE").add(4).demanded(NO_CAPS, {})
    assert figures(found) == [(7, 7, 7), (2, 2, 16)]
    assert [each.oldest_wait_s for each in found] == [60, 60]


def test_caps_hold_back() -> None:
    """What a cap leaves no room for is no demand; the room is there once at each queue, and for all that share it."""
    rooms = {Capped(frozenset({ALICE}), 10): 3, Capped("phys", 4): 4}
    assert figures(Waiting().add(5).demanded(CAPS, rooms)) == [(5, 3, 3)]
    assert figures(Waiting().add(5).add(5, resource_type="X").demanded(CAPS, rooms)) == [(5, 3, 3), (5, 0, 0)]
    assert figures(Waiting().add(5).add(5, queue="B").demanded(CAPS, rooms)) == [(5, 3, 3), (5, 3, 3)]
    assert figures(Waiting().add(9, 2, "phys").demanded(CAPS, {**rooms, Capped(frozenset({ALICE}), 10): 10})) == [(9, 2, 4)]
    assert figures(Waiting().add(5).demanded(CAPS, {Capped(frozenset({ALICE}), 10): -2})) == [(5, 0, 0)]


def test_long_lines() -> None:
    """Where no cap is in the way the counters say how many there are; a line that one may hold back is counted so far only."""
    long = Waiting().add(100_000, 2)
    (found,) = long.demanded(CAPS, {Capped(frozenset({ALICE}), 10): 200_000})
    assert (found.activated, found.takeable, found.cores, found.approximate) == (100_000, 100_000, 200_000, False)
    (found,) = long.demanded(CAPS, {Capped(frozenset({ALICE}), 10): 10})
    assert (found.activated, found.approximate) == (100_000, True)


@ensureDeferred
async def test_published(stage: Stage) -> None:
    """Jobs by queue, resource type, label and state, and the demand for pilots; what is not activated is none."""
    await stage.job(S.RUNNING, coreCount=8, resource_type="MCORE", computingSite=QUEUE)
    await stage.jobs(*(a_job(jobStatus=S.ACTIVATED) for _ in range(3)), a_job(jobStatus=S.DEFINED))
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
