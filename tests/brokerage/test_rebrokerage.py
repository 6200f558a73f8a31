"""Jobs that wait at the wrong queue, on the real store."""

from __future__ import annotations

from typing import Any

from factories import QUEUE, a_file
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Meanwhile, Stage
from twisted.internet.task import Clock

from pandad.brokerage.braking import Braking
from pandad.brokerage.cycle import Cycle
from pandad.brokerage.rebrokerage import Rebrokerage
from pandad.config import BrokerageConfig
from pandad.spec.file import FileName
from pandad.spec.jobstatus import Actor, Event
from pandad.spec.jobstatus import JobStatus as S
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import brakes, decisions, sites

HOUR_S = 3600
DISK, OTHER = "TEST_DISK", "OTHER_DISK"


class Grid:
    """The rooms of brokerage over one store and clock."""

    def __init__(self, stage: Stage, **but: Any) -> None:
        self.stage, self.clock, self.ddm = stage, Clock(), FakeDDM(DISK, OTHER)
        self.config = BrokerageConfig(**but)

    def rebrokerage(self, store: Any = None) -> Rebrokerage:
        return Rebrokerage(store or self.stage.store, self.config, self.clock, self.ddm)

    async def broker(self) -> None:
        await Cycle(self.stage.store, self.config, self.clock, self.ddm).run_once()

    async def waits(self, hours: float) -> None:
        """As if nothing had changed for so long."""
        await self.stage.later(hours * HOUR_S)

    async def at(self, panda_id: int) -> tuple[S, str | None]:
        job = await self.stage.look(panda_id)
        return job.jobStatus, job.computingSite


async def switch(stage: Stage, status: QueueStatus, name: str = QUEUE) -> None:
    await stage.store.transact("test_switch", sites.set_status, name, status, "a test", "test")


@ensureDeferred
async def test_a_queue_that_goes_away(stage: Stage) -> None:
    """Jobs that wait at a queue which has been offline for some time go to another one, with all their history; those in slots,
    and those that are pinned, stay, and the latter say why, once."""
    await stage.queue()
    await stage.queue(nickname="OTHER", astorages={"pr": [OTHER]})
    grid = Grid(stage, rebroker_offline_s=600)
    running = await stage.job(S.RUNNING)
    activated, assigned, waiting = [await stage.job(status) for status in (S.ACTIVATED, S.ASSIGNED, S.WAITING)]
    await stage.sql("UPDATE job SET computingsite = %(q)s WHERE pandaid = %(id)s RETURNING 1", q=QUEUE, id=waiting)
    pinned = await stage.job(S.ACTIVATED, relocationFlag=1)
    await switch(stage, QueueStatus.OFFLINE)
    room = grid.rebrokerage()
    await room.run_once()
    assert await grid.at(activated) == (S.ACTIVATED, QUEUE)
    grid.clock.advance(600)
    for _ in range(3):
        await room.run_once()
    assert [await grid.at(i) for i in (activated, assigned, waiting)] == [(S.DEFINED, None)] * 3
    assert [await grid.at(i) for i in (running, pinned)] == [(S.RUNNING, QUEUE), (S.ACTIVATED, QUEUE)]
    assert [(e.event, e.why) for e in (await stage.history(pinned))[1:]] == [
        ("not moved", f"it is pinned to {QUEUE}, which is offline")]
    last = (await stage.history(activated))[-1]
    assert (last.event, last.actor, last.who, last.why) == (
        Event.UNBROKERED, Actor.BROKERAGE, "rebrokerage", f"left {QUEUE}: it is offline")
    await grid.broker()
    assert [await grid.at(i) for i in (activated, assigned, waiting)] == [(S.ASSIGNED, "OTHER")] * 3


@ensureDeferred
async def test_outputs_follow_the_queue(stage: Stage) -> None:
    """An output that got its endpoint from the queue gets that of the next one; one that its owner chose keeps it; inputs are
    looked for again."""
    await stage.queue()
    files = [a_file(destinationSE=DISK, status="ready"), a_file(lfn="mine", destinationSE="MINE"),
             a_file(type="input", lfn="in", status="ready", dispatchDBlockToken=DISK)]
    panda_id = await stage.job(S.ACTIVATED, Files=files)
    await switch(stage, QueueStatus.OFFLINE)
    await Grid(stage, rebroker_offline_s=0).rebrokerage().run_once()
    found = {f.lfn: (f.destinationSE, f.status, f.dispatchDBlockToken) for f in (await stage.look(panda_id)).Files}
    assert found == {"out.root": (None, "defined", None), "mine": ("MINE", "defined", None), "in": (DISK, "defined", None)}


async def crowded(stage: Stage, **but: Any) -> tuple[Grid, int]:
    """A job at a queue where nothing runs and others wait, beside one that has nothing to do."""
    await stage.queue()
    (panda_id, *_) = [await stage.job(S.ACTIVATED) for _ in range(6)]
    await stage.queue(nickname="OTHER")
    return Grid(stage, **but), panda_id


@ensureDeferred
async def test_who_waited_long_moves_to_a_far_better_queue(stage: Stage) -> None:
    """In one act, with priority and age kept, the reason in figures and a decision; not before the limit."""
    grid, panda_id = await crowded(stage)
    before = await stage.look(panda_id)
    await grid.waits(11)
    await grid.rebrokerage().run_once()
    assert await grid.at(panda_id) == (S.ACTIVATED, QUEUE)
    await grid.waits(1.1)
    await grid.rebrokerage().run_once()
    assert await grid.at(panda_id) == (S.ASSIGNED, "OTHER")
    after = await stage.look(panda_id)
    assert after.currentPriority == before.currentPriority
    *_, left, brokered = await stage.history(panda_id)
    assert left.why == f"left {QUEUE}: the job waited there for 12.1 h, and OTHER weighs 1 against 0.143"
    assert (brokered.event, brokered.who) == (Event.BROKERED, "rebrokerage")
    stored = await stage.store.once("test_decision", decisions.find, panda_id)
    assert stored is not None and stored.chosen == "OTHER"


@ensureDeferred
async def test_only_as_many_move_as_is_better(stage: Stage) -> None:
    """Each job that moves makes the other queue worse: they end where both are alike, and no job goes back at once."""
    grid, _ = await crowded(stage)
    await grid.waits(13)
    room = grid.rebrokerage()
    for _ in range(3):
        await room.run_once()
    ((moved,),) = await stage.sql("SELECT count(*) FROM job WHERE computingsite = 'OTHER'")
    assert moved in (1, 2)


@ensureDeferred
async def test_no_ping_pong(stage: Stage) -> None:
    """However the weights swing, a job returns to no queue that it left within a day, nor moves more often than allowed."""
    grid, panda_id = await crowded(stage, rebroker_moves=2)
    for name in ("OTHER", "THIRD", "FOURTH"):
        await stage.queue(nickname=name)
    been = []
    for _ in range(6):
        await grid.waits(3)
        await stage.sql("UPDATE job SET statechangetime = now() - interval '13 hours' RETURNING 1")
        await grid.rebrokerage().run_once()
        been.append((await stage.look(panda_id)).computingSite)
        await stage.sql("UPDATE job SET computingsite = (SELECT computingsite FROM job WHERE pandaid = %(id)s)"
                        " WHERE pandaid <> %(id)s RETURNING 1", id=panda_id)
    stays = [name for name, before in zip(been, [None, *been], strict=False) if name != before]
    assert len(stays) == len(set(stays)) and len(stays) <= 3
    assert (await stage.events(panda_id)).count(Event.UNBROKERED) <= 2


@ensureDeferred
async def test_input_that_is_elsewhere(stage: Stage) -> None:
    """A job that waits for input moves to the queue that has got it meanwhile; while no queue has it, it stays."""
    await stage.queue()
    await stage.queue(nickname="OTHER", astorages={"pr": [OTHER]})
    grid = Grid(stage)
    panda_id = await stage.job(S.WAITING, Files=[a_file(type="input", lfn="in", fsize=1)])
    await stage.sql("UPDATE job SET computingsite = %(q)s WHERE pandaid = %(id)s RETURNING 1", q=QUEUE, id=panda_id)
    await grid.waits(2)
    await grid.rebrokerage().run_once()
    assert await grid.at(panda_id) == (S.WAITING, QUEUE)
    grid.ddm.put(OTHER, FileName("user.alice", "in"), b"x")
    await grid.rebrokerage().run_once()
    assert await grid.at(panda_id) == (S.ASSIGNED, "OTHER")


@ensureDeferred
async def test_who_is_taken_meanwhile_is_left_alone(stage: Stage) -> None:
    """A pilot that takes the job between the reading and the writing keeps it."""
    grid, _ = await crowded(stage)
    await grid.waits(13)
    taken: list[int] = []

    async def take() -> None:
        taken.extend(job.PandaID or 0 for job in await stage.claim(count=6))

    await grid.rebrokerage(Meanwhile(stage.store, "rebrokerage_write", take)).run_once()
    assert [await grid.at(i) for i in taken] == [(S.SENT, QUEUE)] * 6


ENDS = """INSERT INTO queue_end (queue, bucket, started, finished, failed, fast)
          VALUES (%(q)s, date_trunc('minute', now()), %(s)s, %(f)s, %(x)s, %(x)s) RETURNING 1"""
BY_LINE = """INSERT INTO line_end (queue, bucket, line, started, finished, fast)
             SELECT %(q)s, date_trunc('minute', now()), min(id), %(s)s, %(f)s, %(x)s FROM line RETURNING 1"""


@ensureDeferred
async def test_the_life_of_a_brake(stage: Stage) -> None:
    """A queue that eats jobs is braked: what waits there leaves, pinned jobs too. After the pause it gets a test job; when that
    fails the pause doubles, and when the next one does well the queue is as any other."""
    await stage.queue()
    await stage.queue(nickname="GOOD")
    grid = Grid(stage)
    braking, room = Braking(stage.store, grid.config), grid.rebrokerage()
    eaten, pinned = await stage.job(S.ACTIVATED), await stage.job(S.ACTIVATED, relocationFlag=1)
    await stage.sql(ENDS, q=QUEUE, s=50, f=0, x=49)
    await stage.sql(ENDS, q="GOOD", s=50, f=40, x=1)
    await stage.sql(BY_LINE, q=QUEUE, s=50, f=0, x=49)
    await braking.run_once()
    assert await stage.store.read("test", brakes.find_all) == {}  # all are of one owner, and may be bad
    await stage.sql(BY_LINE, q="GOOD", s=50, f=40, x=1)
    await braking.run_once()
    (brake,) = (await stage.store.read("test", brakes.find_all)).values()
    assert (brake.level, brake.tested, brake.probes) == (0, False, ()) and "49 of 50" in brake.why
    await room.run_once()
    assert [await grid.at(i) for i in (eaten, pinned)] == [(S.DEFINED, None), (S.DEFINED, QUEUE)]
    await grid.broker()
    assert [await grid.at(i) for i in (eaten, pinned)] == [(S.ASSIGNED, "GOOD"), (S.DEFINED, QUEUE)]
    assert "braked since" in ((await stage.look(pinned)).brokerageErrorDiag or "")

    for lives, level in ((False, 1), (True, None)):
        await stage.sql("UPDATE job_event SET at = at - interval '1 hour' RETURNING 1")
        await stage.sql("UPDATE queue_brake SET until = now() RETURNING 1")
        await stage.due()
        await grid.broker()
        assert await grid.at(pinned) == (S.ASSIGNED, QUEUE)
        await room.run_once()
        assert await grid.at(pinned) == (S.ASSIGNED, QUEUE)  # a test job is left where it is
        assert await stage.event(Event.INPUT_READY, pinned, actor=Actor.DATASERVICE)
        await stage.claim()
        assert await stage.event(Event.RUNNING, pinned, actor=Actor.PILOT)
        await braking.run_once()
        assert list(await stage.store.read("test", brakes.find_all)) == [QUEUE]
        if lives:
            await stage.sql("UPDATE job_event SET at = at - interval '11 minutes' WHERE event = 'running' RETURNING 1")
            await stage.sql("UPDATE queue_brake SET until = until - interval '12 minutes' RETURNING 1")
        else:
            assert await stage.event(Event.RETRIED, pinned, actor=Actor.WATCHER)
        await braking.run_once()
        assert [b.level for b in (await stage.store.read("test", brakes.find_all)).values()] == ([] if level is None else [level])
        await room.run_once()
    assert await stage.store.read("test", brakes.released, 60.0) == {QUEUE}
    await braking.run_once()  # what braked it before is not held against it
    assert await stage.store.read("test", brakes.find_all) == {}

    await stage.sql("UPDATE queue_brake SET released = released - interval '1 hour' RETURNING 1")
    await braking.run_once()  # but if it eats jobs again, the pause goes on where it was
    assert [b.level for b in (await stage.store.read("test", brakes.find_all)).values()] == [2]
