"""Where jobs would go."""

from __future__ import annotations

import pytest
from factories import QUEUE, a_caller
from pytest_twisted import ensureDeferred
from stages import Stage
from whys import Whys

from pandad.spec.caller import ANONYMOUS
from pandad.spec.errors import BadRequest, Forbidden, NotAuthenticated
from pandad.userinterface.dryrun import MOST
from pandad.userinterface.jobs import Jobs

from .wishes import a_spec

ALICE_CALLER = a_caller("alice")


@ensureDeferred
async def test_where(stage: Stage) -> None:
    """Each job is told its queue, or why there is none and what would change that; nothing is stored."""
    await stage.queue()
    await stage.queue(nickname="SMALL", maxrss=1000)
    before = await stage.dump()
    fits, large = await Whys(stage.store).dry_run.where(ALICE_CALLER, [a_spec(minRamCount=2000), a_spec(minRamCount=9000)])
    assert fits["queue"] == QUEUE and fits["summary"].startswith(f"goes to {QUEUE}: best of 1 queues")
    assert [(v["queue"], v["verdict"]) for v in fits["queues"]] == [("SMALL", "no"), (QUEUE, "ok")]
    assert fits["funnel"]["text"] == "1 of 2 queues: lowmemory 1000 < 2000"
    assert large["queue"] is None and large["never"].queue == QUEUE
    assert large["next_step"].startswith("ask for at most 4000 MB of memory")
    assert await stage.dump() == before


@ensureDeferred
async def test_as_a_submission(stage: Stage) -> None:
    """What could not be submitted cannot be tried either; the number of jobs is bounded."""
    room = Whys(stage.store).dry_run
    for caller, specs, error in ((ANONYMOUS, [a_spec()], NotAuthenticated), (ALICE_CALLER, [], BadRequest),
                                 (ALICE_CALLER, [a_spec()] * (MOST + 1), BadRequest),
                                 (ALICE_CALLER, [a_spec(prodSourceLabel="managed")], Forbidden)):
        with pytest.raises(error):
            await room.where(caller, specs)


@ensureDeferred
async def test_flags_at_submission(stage: Stage) -> None:
    """A job that no registered queue can ever take is stored, and named with the nearest queue and what that lacks; the others,
    and all while a queue that fits is merely closed, are not."""
    await stage.queue(maxrss=4000, status="offline")
    interface = Jobs(stage.store, suitability=Whys(stage.store).sources.suitability)
    receipt = await interface.submit(ALICE_CALLER, [a_spec(minRamCount=2000), a_spec(minRamCount=6000), a_spec(minRamCount=6000)])
    good, *bad = [job.PandaID for job in receipt.jobs]
    assert list(receipt.never) == bad and good
    assert receipt.message == (
        f"stored, but they will wait in vain unless a queue changes: 2 jobs from {bad[0]} on: none of 1 registered queues can "
        f"ever take it; nearest {QUEUE}: lowmemory, the job needs 6000 MB of memory, the queue has 4000")
    said = await Whys(stage.store).explain.job(ALICE_CALLER, bad[0] or 0)
    assert said["PandaID"] == bad[0]


@ensureDeferred
async def test_limits_at_submission(stage: Stage) -> None:
    """Names that are no queue's are told, and a job that is left no queue is flagged; where the others may go is stored."""
    await stage.queue()
    interface = Jobs(stage.store, suitability=Whys(stage.store).sources.suitability)
    wishes = ["GONE", f"{QUEUE},SITE_*", f"*,-{QUEUE}", f"{QUEUE},-OLD"]
    receipt = await interface.submit(ALICE_CALLER, [a_spec(computingSite=wish) for wish in wishes])
    ids = [job.PandaID or 0 for job in receipt.jobs]
    assert list(receipt.never) == [ids[0], ids[2]]
    assert receipt.message.startswith("no registered queue is called GONE or OLD or SITE_*; stored, but they will wait in vain")
    stored = [await stage.look(panda_id) for panda_id in ids]
    assert [(job.computingSite, job.included, job.excluded) for job in stored] == [
        ("GONE", [], []), (None, [QUEUE, "SITE_*"], []), (None, ["*"], [QUEUE]), (None, [QUEUE], ["OLD"])]
    said = await Whys(stage.store).explain.job(ALICE_CALLER, ids[3])
    assert (said["included"], said["excluded"], said["avoided"]) == ([QUEUE], ["OLD"], [])
