"""What is counted is added up."""

from __future__ import annotations

import pytest
from factories import QUEUE, a_job
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.daemons import tally
from pandad.daemons.tally import Tally
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import facts
from pandad.taskbuffer.store import Store


@ensureDeferred
async def test_a_backlog_is_worked_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round takes so much; it says whether there may be more, and at the end all is in the totals, and nothing else."""
    monkeypatch.setattr(tally, "BATCH", 3)
    stage = Stage(store)
    for cores in range(1, 6):
        await stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED, coreCount=cores))
    loop = Tally(store)
    assert [await loop.run_once() for _ in range(3)] == [True, False, False]
    assert await stage.sql("SELECT jobs, cores FROM tally") == [(5, 15)]
    assert await stage.sql("SELECT count(*)::int FROM tally_delta") == [(0,)]
    assert len(await stage.claim(count=5)) == 5
    while await loop.run_once():
        pass
    assert await stage.sql("SELECT jobstatus, jobs FROM tally") == [("sent", 5)]
    assert await store.read("counts", facts.counts) == {QUEUE: {JobStatus.SENT: 5}}
