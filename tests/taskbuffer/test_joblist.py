"""Lists of jobs have what was asked for, the latest first, page after page, nothing twice and nothing left out."""

from __future__ import annotations

from typing import Any

import pytest
from factories import QUEUE
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import joblist
from pandad.taskbuffer.joblist import Found, Wish
from pandad.taskbuffer.store import Store

S = JobStatus


async def listed(store: Store, **wish: Any) -> Found:
    """What is found."""
    states = frozenset(wish.pop("states", ()))
    return await store.read("list", joblist.find, Wish(states=states, **wish))


async def pages(store: Store, **wish: Any) -> list[list[int]]:
    """The PandaIDs, page by page, to the end."""
    found = [await listed(store, **wish)]
    while found[-1].next is not None:
        assert len(found) < 30
        found.append(await listed(store, **wish, after=found[-1].next))
    return [[int(str(row["pandaid"])) for row in each.jobs] for each in found]


async def varied(stage: Stage) -> dict[str, int]:
    """Jobs in some states, of some people."""
    made = {state.value: await stage.job(state) for state in (S.RUNNING, S.HOLDING, S.FINISHED, S.FAILED, S.DEFINED, S.ACTIVATED)}
    made["bob's"] = await stage.job(S.ACTIVATED, prodUserName="bob", workingGroup="phys", jediTaskID=10_000_001)
    await stage.sql("UPDATE job SET piloterrorcode = -1099, transexitcode = '65' WHERE pandaid = %(id)s RETURNING 1",
                    id=made["failed"])
    return made


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"states": [S.RUNNING]}, ["running"]),
        ({"states": [S.RUNNING, S.FAILED]}, ["failed", "running"]),
        ({"states": [S.CANCELLED]}, []),
        ({"queue": QUEUE, "states": [S.HOLDING]}, ["holding"]),
        ({"queue": "OTHER"}, []),
        ({"user": "bob"}, ["bob's"]),
        ({"group": "phys"}, ["bob's"]),
        ({"task": 10_000_001}, ["bob's"]),
        ({"error": ("pilot", 1099)}, ["failed"]),
        ({"error": ("transExitCode", 65)}, ["failed"]),
        ({"error": ("ddm", 1099)}, []),
        ({"label": "managed"}, []),
        ({"resource_type": "SCORE", "states": [S.FINISHED]}, ["finished"]),
    ],
)
@ensureDeferred
async def test_what_is_asked_for(store: Store, wish: dict[str, Any], expected: list[str]) -> None:
    """By state, queue, owner, group, task, error, label and kind of resource."""
    made = await varied(Stage(store))
    assert await pages(store, **wish) == [[made[name] for name in expected]]


@ensureDeferred
async def test_pages(store: Store) -> None:
    """Each begins where the one before ended, though many jobs changed at the same instant."""
    stage = Stage(store)
    await varied(stage)
    await stage.sql("UPDATE job SET statechangetime = now() - make_interval(secs => pandaid % 3) RETURNING 1")
    order = [row[0] for row in await stage.sql("SELECT pandaid FROM job ORDER BY statechangetime DESC, pandaid DESC")]
    found = await pages(store, limit=2)
    assert [panda_id for page in found for panda_id in page] == order and max(map(len, found)) == 2


@ensureDeferred
async def test_what_one_call_does_not_find_the_next_does(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that looked at as many as it may, and found few of them, says where to go on."""
    monkeypatch.setattr(joblist, "READ_MOST", 2)
    stage = Stage(store)
    made = await varied(stage)
    await stage.sql("UPDATE job SET statechangetime = now() - make_interval(secs => pandaid) RETURNING 1")
    found = await pages(store, user="bob")
    assert [panda_id for page in found for panda_id in page] == [made["bob's"]] and len(found) > 2


@ensureDeferred
async def test_a_window(store: Store) -> None:
    """Only what changed its state lately."""
    stage = Stage(store)
    made = await varied(stage)
    await stage.sql("UPDATE job SET statechangetime = now() - interval '2 h' WHERE pandaid <> %(id)s RETURNING 1",
                    id=made["failed"])
    assert await pages(store, window_s=3600.0) == [[made["failed"]]]
