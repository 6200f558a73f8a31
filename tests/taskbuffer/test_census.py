"""How things stand in the whole database, as /metrics tells it."""

from __future__ import annotations

from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import census, loops, outbox
from pandad.taskbuffer.outbox import Errand, Step
from pandad.taskbuffer.store import Store, Transaction


@ensureDeferred
async def test_a_quiet_database(store: Store) -> None:
    """Nothing is told of what is not there."""
    found = await store.read("census", census.take)
    assert (found.jobs, found.oldest_s, found.errands, found.errands_s) == ({}, {}, 0, 0)


@ensureDeferred
async def test_how_things_stand(store: Store) -> None:
    """Active jobs by state, each state's oldest; which process runs a loop; what waits to be called outside."""
    stage = Stage(store)
    await stage.queue()
    await stage.job(JobStatus.FINISHED)
    await stage.job(JobStatus.ACTIVATED)
    await stage.later(3600)
    await stage.job(JobStatus.ACTIVATED)
    await store.once("lease", loops.lease, "adder", "host:1", 3600.0)

    async def ask(txn: Transaction) -> None:
        await outbox.ask(txn, [Errand(kind="close dataset", key="a", subject="a", step=Step.CLOSE, payload={})])

    await store.transact("ask", ask)
    found = await store.read("census", census.take)
    assert found.jobs == {"activated": 2}
    assert found.oldest_s.keys() == {"activated"}
    assert 3600 <= found.oldest_s["activated"] < 3700
    assert found.leases == {"adder": "host:1"}
    assert (found.loops_s, found.errands) == ({}, 1)
