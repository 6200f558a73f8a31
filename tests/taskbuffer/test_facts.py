"""What brokerage and people read: how attempts end at a queue, what tasks use, what could be taken, what pilots asked for."""

from __future__ import annotations

from typing import Any

from factories import ALICE, QUEUE, a_job, a_pilot, claim, claimed, happened, stored
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.facts import UNKNOWN_QUEUE, Asked, Demand, Eaten, Ends, Pilots, Refusal, Usage
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.retry import Action as Then
from pandad.spec.retry import RetryPolicy, RetryRule
from pandad.taskbuffer import facts, moves, pilotcalls, retries, tallies
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.pilotcalls import Calls, Request
from pandad.taskbuffer.retries import Failed
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction

from .observing import run

S, E = JobStatus, Event
TASK = 10_000_001
HOUR_S = 3600
BEGAN = Statement("test", "UPDATE job SET starttime = now() - make_interval(secs => %(ago_s)s) WHERE pandaid = ANY (%(ids)s)")
ELSEWHERE = RetryRule(name="elsewhere", source="pilot", codes=(1099,), action=Then.AVOID_SITE)
POLICY = RetryPolicy(attempts=3, most_attempts=3, rules=(ELSEWHERE,))


async def folded(store: Store) -> None:
    """All that was counted is in the totals."""
    await store.once("fold", tallies.fold, 10_000)


async def ends(store: Store, window_s: int = HOUR_S) -> dict[str, Ends]:
    """How attempts ended, with all that has come."""
    await folded(store)
    return await store.read("ends", facts.ends, window_s)


async def _failed(txn: Transaction, /, ids: list[int], code: int, **values: object) -> None:
    """Their pilots report a failure, and the adder sees to it."""
    await happened(txn, E.REPORTED, ids, reportedstatus=S.FAILED, pilotErrorCode=code, **values)
    failed = [Failed(i, E.FAILED, "it failed") for i in ids]
    await retries.settle(txn, POLICY, failed, actor=Actor.DATASERVICE, who="test")


async def _ran(txn: Transaction, /, ids: list[int], walltime_s: int, **values: object) -> None:
    await happened(txn, E.RUNNING, ids)
    await txn.run(BEGAN, ids=ids, ago_s=walltime_s)
    await happened(txn, E.REPORTED, ids, **values)
    await happened(txn, E.COMPLETED, ids)


@ensureDeferred
async def test_starts_and_good_ends(store: Store) -> None:
    """An attempt starts when its payload first runs, however often that is said, and finishes once."""
    ids = await store.transact("jobs", claimed, 3)
    said = [Change(i) for i in ids]
    for _ in range(2):
        await store.transact("run", moves.move, E.RUNNING, said, actor=Actor.PILOT, who="p", also_in={S.RUNNING})
    await store.transact("report", happened, E.REPORTED, ids[:2])
    await store.transact("end", happened, E.COMPLETED, ids[:2])
    assert await ends(store) == {QUEUE: Ends(HOUR_S, started=3, finished=2)}


@ensureDeferred
async def test_a_retried_attempt_is_a_failure_of_its_queue(store: Store) -> None:
    """Whether the job is tried again in place, elsewhere or not at all; by the error that the attempt had."""
    again, away, over = await store.transact("jobs", claimed, 3)
    await store.transact("run", happened, E.RUNNING, [again, away, over])
    await store.transact("fail", _failed, [again], -1150)
    await store.transact("fail", _failed, [away], -1099)
    await store.transact("fail", _failed, [over], 1305)
    stage = Stage(store)
    assert [await stage.status(i) for i in (again, away, over)] == [S.ACTIVATED, S.DEFINED, S.FAILED]
    assert await ends(store) == {QUEUE: Ends(
        HOUR_S, started=3, failed=3, fast=3, causes={"pilot:1150": 1, "pilot:1099": 1, "pilot:1305": 1})}


@ensureDeferred
async def test_what_is_fast(store: Store) -> None:
    """A failure soon after the start that cost no CPU time; none after an hour, nor of a payload that worked, nor a silence."""
    quick, never, slow, worked, silent = await store.transact("jobs", claimed, 5)
    await store.transact("run", happened, E.RUNNING, [quick, slow, worked, silent])
    await store.once("older", run, "UPDATE job SET starttime = now() - interval '1 hour' WHERE pandaid = %(id)s", id=slow)
    await store.transact("fail", _failed, [quick, never, slow], 1305)
    await store.transact("fail", _failed, [worked], 1305, cpuConsumptionTime=61)
    lost = [Failed(silent, E.LOST, "silence", values={"jobDispatcherErrorCode": 100})]
    await store.transact("lost", retries.settle, POLICY, lost, actor=Actor.WATCHER, who="test")
    assert await ends(store) == {QUEUE: Ends(
        HOUR_S, started=4, failed=5, fast=2, causes={"pilot:1305": 4, "jobDispatcher:100": 1})}


@ensureDeferred
async def test_no_fault_of_the_queue(store: Store) -> None:
    """A kill is none, nor is the end of a job that no pilot had."""
    (killed,) = await store.transact("jobs", claimed)
    await store.transact("kill", happened, E.KILLED, [killed])
    (waiting,) = await store.transact("waiting", stored, [a_job(jobStatus=S.ASSIGNED)])
    await store.transact("refuse", happened, E.REFUSED, [waiting])
    assert await ends(store) == {}


@ensureDeferred
async def test_windows(store: Store) -> None:
    """What is older than the window does not count, to within five minutes; after three days it is gone."""
    await store.transact("run", happened, E.RUNNING, await store.transact("jobs", claimed))
    await folded(store)
    older = "UPDATE queue_end SET bucket = bucket - interval '2 hours'"
    await store.once("older", run, older)
    assert await ends(store, HOUR_S) == {} and await ends(store, 3 * HOUR_S) == {QUEUE: Ends(3 * HOUR_S, started=1)}
    await store.once("older", run, older.replace("2 hours", "3 days"))
    await store.once("drop", tallies.drop)
    assert await ends(store, 100 * HOUR_S) == {}


@ensureDeferred
async def test_whose_jobs_failed_fast(store: Store) -> None:
    """By line of jobs alike, with their owner, or their group's task, and how those like them did at other queues."""
    stage = Stage(store)
    kinds: list[dict[str, Any]] = [{}, {"workingGroup": "phys", "jediTaskID": 7}]
    at = (QUEUE, "OTHER", "OTHER")
    ids = await stage.jobs(*(a_job(jobStatus=S.ACTIVATED, computingSite=queue, **kind) for kind in kinds for queue in at))
    assert [len(await stage.claim(queue=queue, count=4)) for queue in at[:2]] == [2, 4]
    await store.transact("run", happened, E.RUNNING, ids)
    await store.transact("fail", _failed, [ids[0], ids[1], ids[3]], 1305)
    await store.transact("report", happened, E.REPORTED, [ids[5]])
    await store.transact("end", happened, E.COMPLETED, [ids[5]])
    await folded(store)
    owner = f"{ALICE.subject} {ALICE.anchor}"
    found = await store.read("eaten", facts.eaten, HOUR_S, [QUEUE, "NONE"])
    assert found == {"NONE": [], QUEUE: [Eaten(owner, 1, 1, 1), Eaten("phys 7", 1, 0, 2)]}
    await store.once("older", run, "UPDATE line_end SET bucket = bucket - interval '4 hours'")
    await store.once("drop", tallies.drop)
    assert await store.read("eaten", facts.eaten, 9 * HOUR_S, [QUEUE]) == {QUEUE: []}


@ensureDeferred
async def test_of_one_queue(store: Store) -> None:
    """Who asks for one queue gets that one alone."""
    stage = Stage(store)
    for name in (QUEUE, "OTHER"):
        await stage.queue(nickname=name)
        await stage.jobs(a_job(jobStatus=S.ACTIVATED, computingSite=name))
        (job,) = await stage.claim(queue=name)
        await stage.event(E.RUNNING, job.PandaID or 0, actor=Actor.PILOT)
    await store.once("put", pilotcalls.put, [calls(), calls("OTHER")], "one")
    assert (await ends(store)).keys() == {QUEUE, "OTHER"}
    assert await store.read("ends", facts.ends, HOUR_S, "OTHER") == {"OTHER": Ends(HOUR_S, started=1)}
    assert (await store.read("pilots", facts.pilots, HOUR_S, "OTHER")).keys() == {"OTHER"}
    assert await store.read("pilots", facts.pilots, HOUR_S, "GONE") == {}


@ensureDeferred
async def test_what_a_task_uses(store: Store) -> None:
    """Of 95 of its 100 finished jobs no more, to within a fifth above; PSS if it was measured, else RSS; of no other task."""
    ids = await store.transact("jobs", claimed, 100, jediTaskID=TASK)
    await store.transact("most", _ran, ids[:90], 1000, maxPSS=2_000_000, maxRSS=9_000_000)
    await store.transact("some", _ran, ids[90:95], 2000, maxRSS=3_000_000)
    await store.transact("few", _ran, ids[95:], 50_000, maxPSS=9_000_000)
    await store.transact("other", _ran, await store.transact("other", claimed, 3, jediTaskID=TASK + 1), 10)
    await store.transact("none", _ran, await store.transact("none", claimed, 1), 10)
    await folded(store)
    found = await store.read("usage", facts.usage, [TASK, TASK + 1, TASK + 2])
    assert found.keys() == {TASK, TASK + 1} and found[TASK].jobs == 100
    assert 2000 <= found[TASK].walltime_s <= 2400 and 2930 <= found[TASK].memory_mb <= 3520
    assert found[TASK + 1] == Usage(3, found[TASK + 1].walltime_s, 0) and 10 <= found[TASK + 1].walltime_s <= 12


@ensureDeferred
async def test_a_failed_attempt_says_nothing_of_its_task(store: Store) -> None:
    """Only what finished was what the task needs."""
    ids = await store.transact("jobs", claimed, 2, jediTaskID=TASK)
    await store.transact("fail", _failed, ids, 1305, maxPSS=1)
    await folded(store)
    assert await store.read("usage", facts.usage, [TASK]) == {}


@ensureDeferred
async def test_demand(store: Store) -> None:
    """What pilots could take now, by queue, type and label, with its cores; and what waits for a queue."""
    big = {"coreCount": 8, "resource_type": "MCORE", "prodSourceLabel": "managed"}
    activated = [a_job(jobStatus=S.ACTIVATED), a_job(jobStatus=S.ACTIVATED, **big), a_job(jobStatus=S.ACTIVATED, **big)]
    await store.transact("jobs", stored, [*activated, a_job(jobStatus=S.ASSIGNED), a_job(**big), a_job(jobStatus=S.PENDING)])
    expected = [Demand(QUEUE, "MCORE", "managed", 2, 16), Demand(QUEUE, "SCORE", "user", 1, 1)]
    assert await store.read("demand", facts.demand) == expected
    assert await store.read("unplaced", facts.unplaced) == [Demand("", "MCORE", "managed", 1, 8)]
    await folded(store)
    assert await store.read("demand", facts.demand) == expected
    await store.transact("take", claim, a_pilot(cores=1))
    assert await store.read("demand", facts.demand) == expected[:1]


def calls(queue: str = QUEUE, **but: Any) -> Calls:
    """Two calls, one of which got a job."""
    values: dict[str, Any] = {"asked": 2, "served": 1, "heard": 0, "refused": {"memory": 1}, "asked_s": 1.0, "heard_s": None}
    return Calls(queue=queue, **{**values, **but})


@ensureDeferred
async def test_pilots_of_all_processes(store: Store) -> None:
    """What several processes counted is added; the last call of all is the last."""
    await Stage(store).queue()
    for process in ("one", "two", "one"):
        await store.once("put", pilotcalls.put, [calls(heard=4, heard_s=30.0)], process)
    found = (await store.read("pilots", facts.pilots, HOUR_S))[QUEUE]
    assert found == Pilots(HOUR_S, 6, 3, {"memory": 3}, found.last, 12, found.last_heard) and found.calls == 18
    assert found.last is not None and found.last_heard is not None and (found.last - found.last_heard).total_seconds() > 20


@ensureDeferred
async def test_pilots_that_stay_away(store: Store) -> None:
    """Calls of long ago are no longer counted, and when the last one was is known still; until the queue is gone."""
    await Stage(store).queue()
    await store.once("put", pilotcalls.put, [calls()], "one")
    await store.once("older", run, "UPDATE pilot_call SET bucket = bucket - interval '4 days'")
    await store.once("older", run, "UPDATE pilot_refusal SET bucket = bucket - interval '4 days'")
    await store.once("drop", tallies.drop)
    found = (await store.read("pilots", facts.pilots, HOUR_S))[QUEUE]
    assert (found.calls, found.refused) == (0, {}) and found.last is not None
    await store.once("gone", run, "DELETE FROM queue")
    await store.once("drop", tallies.drop)
    assert await store.read("pilots", facts.pilots, HOUR_S) == {}


@ensureDeferred
async def test_queues_that_do_not_exist_are_one(store: Store) -> None:
    """Whoever invents names fills no table."""
    await Stage(store).queue()
    await store.once("put", pilotcalls.put, [calls(), *(calls(f"INVENTED{n}") for n in range(500))], "one")
    found = await store.read("pilots", facts.pilots, HOUR_S)
    assert found.keys() == {QUEUE, UNKNOWN_QUEUE} and found[UNKNOWN_QUEUE].asked == 1000
    assert found[UNKNOWN_QUEUE].refused == {"memory": 500}


@ensureDeferred
async def test_the_last_requests(store: Store) -> None:
    """Of all processes, the newest first; of each what it put last."""
    await Stage(store).queue()
    small = Refusal("memory", 2, 1, 5)
    old = Request(age_s=90, demands={"memory_mb": 1}, jobs=0, refusals=[small])
    other, newest = Request(age_s=5, demands={}, jobs=9), Request(age_s=8, demands={}, jobs=1)
    for process, request in (("one", other), ("one", old), ("two", newest)):
        await store.once("put", pilotcalls.put, [calls(requests=[request])], process)
    first, second = await store.read("asked", facts.asked, QUEUE, 10)
    assert first == Asked(first.at, {}, 1) and second == Asked(second.at, {"memory_mb": 1}, 0, (small,))
    assert await store.read("asked", facts.asked, QUEUE, 1) == [first]
    for older, left in (("2 hours", [first]), ("4 days", [])):
        await store.once("older", run, f"UPDATE pilot_request SET at = at - interval '{older}'")
        await store.once("drop", tallies.drop)
        assert await store.read("asked", facts.asked, QUEUE, 10) == left
    assert await store.read("asked", facts.asked, "OTHER", 10) == []
