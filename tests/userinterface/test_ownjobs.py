"""One's own jobs, listed from the real store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import ALICE, ANCHOR
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.caller import Caller, Identity
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import history, ownjobs
from pandad.taskbuffer.ownjobs import Page, Wish
from pandad.userinterface.jobs import Jobs

S = JobStatus
ALICE_CALLER = Caller(ALICE)
BOB = Identity(ANCHOR, "/DC=org/DC=test/CN=bob")


async def listed(stage: Stage, caller: Caller = ALICE_CALLER, **wish: object) -> Page:
    return await Jobs(stage.store).listed(caller, Wish(**wish))  # type: ignore[arg-type]


def ids(page: Page) -> list[int]:
    return [job.PandaID for job in page.jobs]


@ensureDeferred
async def test_whose(stage: Stage) -> None:
    """The caller's own alone, the newest first, those of the other identities of his account too."""
    mine, his = await stage.job(), await stage.job(owner=BOB)
    newer = await stage.job(S.ACTIVATED)
    assert ids(await listed(stage)) == [newer, mine]
    assert ids(await listed(stage, replace(ALICE_CALLER, others=frozenset({BOB})))) == [newer, his, mine]
    assert ids(await listed(stage, Caller(BOB))) == [his]


@ensureDeferred
async def test_which(stage: Stage) -> None:
    """By state, queue and task, and all of them together."""
    first = await stage.job(S.ACTIVATED, computingSite="Q1", jediTaskID=5)
    second = await stage.job(S.ACTIVATED, computingSite="Q2", jediTaskID=6)
    third = await stage.job(S.DEFINED)
    assert ids(await listed(stage, states=[S.ACTIVATED])) == [second, first]
    assert ids(await listed(stage, states=[S.ACTIVATED, S.DEFINED])) == [third, second, first]
    assert ids(await listed(stage, queue="Q1")) == [first]
    assert ids(await listed(stage, task=6)) == [second]
    assert ids(await listed(stage, states=[S.ACTIVATED], queue="Q2", task=5)) == []


@ensureDeferred
async def test_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page gives each job once, however few of them one look goes through."""
    made = [await stage.job(S.ACTIVATED if number % 3 else S.DEFINED) for number in range(7)]
    monkeypatch.setattr(ownjobs, "WINDOW", 2)
    for states, wanted in (([], made), ([S.DEFINED], made[::3])):
        found: list[int] = []
        page = await listed(stage, most=2, states=states)
        while page.next is not None:
            found += ids(page)
            page = await listed(stage, most=2, before=page.next, states=states)
        assert found + ids(page) == wanted[::-1]


@ensureDeferred
async def test_ended_jobs_stay(stage: Stage) -> None:
    """A job that has moved to the archive is listed as before."""
    live, ended = await stage.job(), await stage.job(S.CANCELLED)
    await stage.store.transact("t", history.make_months)
    assert await stage.store.transact("t", history.archive, 0, 10) == 1
    assert ids(await listed(stage)) == [ended, live]
    assert (await listed(stage, states=[S.CANCELLED])).jobs[0].jobStatus == S.CANCELLED
