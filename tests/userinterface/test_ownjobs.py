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
from pandad.taskbuffer.statement import Statement
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


@pytest.fixture
def short_sighted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look goes no further than two live jobs, and two ended ones of each identity."""
    text = ownjobs._PAGE.text.replace(str(ownjobs.WALK), "2").replace(str(ownjobs.WINDOW), "2")
    monkeypatch.setattr(ownjobs, "_PAGE", Statement("t", text))


async def all_pages(stage: Stage, caller: Caller, **wish: object) -> list[int]:
    found: list[int] = []
    page = await listed(stage, caller, **wish)
    while page.next is not None:
        found += ids(page)
        page = await listed(stage, caller, before=page.next, **wish)
    return found + ids(page)


@pytest.mark.usefixtures("short_sighted")
@ensureDeferred
async def test_pages(stage: Stage) -> None:
    """Page after page gives each job once and in order, however short a look is, and whatever lies between them: jobs of others,
    and ended ones, which are elsewhere."""
    made = []
    for number in range(16):
        owner, state = (ALICE, BOB)[number % 5 == 0], (S.CANCELLED, S.CANCELLED, S.DEFINED, S.ACTIVATED)[number % 4]
        made.append((await stage.job(state, owner=owner), owner, state))
    await stage.store.transact("t", history.make_months)
    assert await stage.store.transact("t", history.archive, 0, 100) == 8
    both = replace(ALICE_CALLER, others=frozenset({BOB}))
    for most in (1, 3, 100):
        assert await all_pages(stage, both, most=most) == [job for job, _, _ in made[::-1]]
        assert await all_pages(stage, Caller(BOB), most=most) == [job for job, owner, _ in made[::-1] if owner == BOB]
        for state in (S.CANCELLED, S.DEFINED):
            assert await all_pages(stage, both, most=most, states=[state]) == [job for job, _, s in made[::-1] if s == state]


@ensureDeferred
async def test_ended_jobs_stay(stage: Stage) -> None:
    """A job that has moved to the archive is listed as before."""
    live, ended = await stage.job(), await stage.job(S.CANCELLED)
    await stage.store.transact("t", history.make_months)
    assert await stage.store.transact("t", history.archive, 0, 10) == 1
    assert ids(await listed(stage)) == [ended, live]
    assert (await listed(stage, states=[S.CANCELLED])).jobs[0].jobStatus == S.CANCELLED
