"""Advice: what the next round would decide, with nothing stored."""

from __future__ import annotations

from collections.abc import Sequence

from factories import QUEUE, a_file, a_job
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.task import Clock

from pandad.brokerage.advisor import FRESH_S, Advisor
from pandad.brokerage.broker import Decision
from pandad.brokerage.cycle import Cycle
from pandad.config import BrokerageConfig
from pandad.spec.file import FileName
from pandad.taskbuffer import decisions

DISK, FAR = "TEST_DISK", "FAR_DISK"


def shown(advice: Sequence[Decision]) -> list[tuple[str | None, list[tuple[str, str | None]]]]:
    return [(d.chosen.name if d.chosen else None, [(v.queue, v.no.criterion if v.no else None) for v in d.verdicts])
            for d in advice]


def far() -> FakeDDM:
    ddm = FakeDDM(DISK, FAR)
    ddm.put(FAR, FileName("user.alice", "in.root"), b"events")
    return ddm


@ensureDeferred
async def test_advice_is_the_next_decision(stage: Stage) -> None:
    """A job that is considered, and then submitted, goes where the advice said, with the same verdicts; asking stored nothing."""
    await stage.queue()
    await stage.queue(nickname="FAR", astorages={"pr": [FAR]})
    await stage.queue(nickname="SMALL", maxrss=100)
    clock, ddm = Clock(), far()
    job = a_job(minRamCount=2000, Files=[a_file(lfn="in.root", type="input", fsize=6)])
    before = await stage.dump()
    (advice,) = await Advisor(stage.store, BrokerageConfig(), clock, ddm).consider([job])
    assert await stage.dump() == before
    assert shown([advice]) == [("FAR", [("FAR", None), ("SMALL", "lowmemory"), (QUEUE, "non_local")])]
    (panda_id,) = await stage.jobs(job)
    await Cycle(stage.store, BrokerageConfig(), clock, ddm).run_once()
    stored = await stage.store.once("test_decision", decisions.find, panda_id)
    assert stored is not None and stored.chosen == "FAR"
    assert list(stored.verdicts) == [v.stored for v in advice.verdicts]


@ensureDeferred
async def test_jobs_that_are_not_stored_yet(stage: Stage) -> None:
    """Jobs need no PandaID to be considered; those asked about together are spread as a round would."""
    for name in ("A", "B"):
        await stage.queue(nickname=name)
    advisor = Advisor(stage.store, BrokerageConfig(), Clock(), FakeDDM(DISK))
    assert [d.chosen.name for d in await advisor.consider([a_job(), a_job()]) if d.chosen] == ["A", "B"]


@ensureDeferred
async def test_facts_are_fresh(stage: Stage) -> None:
    """What is known of the queues is read again when one comes or is set, else after FRESH_S, not for each question."""
    clock = Clock()
    advisor = Advisor(stage.store, BrokerageConfig(), clock, FakeDDM(DISK))
    assert shown(await advisor.consider([a_job()])) == [(None, [])]
    await stage.queue()
    assert shown(await advisor.consider([a_job()])) == [(QUEUE, [(QUEUE, None)])]
    await stage.sql("DELETE FROM queue RETURNING 1")  # nobody tells
    assert shown(await advisor.consider([a_job()])) == [(QUEUE, [(QUEUE, None)])]
    clock.advance(FRESH_S)
    assert shown(await advisor.consider([a_job()])) == [(None, [])]
