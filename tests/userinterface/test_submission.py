"""What is a repeat and what is a second submission; and that a repeat has no effect but its answer."""

from __future__ import annotations

from typing import Any

import pytest
from factories import a_caller, a_file
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad import metrics
from pandad.config import DatabaseConfig, UserInterfaceConfig
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest, Conflict
from pandad.spec.job import JobSpec
from pandad.taskbuffer.store import Store
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.submission import REQUEST_ID_LENGTH, Receipt, cannot_be_meant_twice, mark_of

from .wishes import ALICE_CALLER, S, a_spec

WINDOW_S = 600


def fixed(**but: Any) -> JobSpec:
    """A job that writes a file of a fixed name."""
    return a_spec(**{"Files": [a_file(lfn="out.root")], **but})


def loose(**but: Any) -> JobSpec:
    """A job that may run as often as one likes."""
    return a_spec(**{"Files": [a_file(lfn="out.$PANDAID.root"), a_file(lfn="in.root", type="input")], **but})


async def submit(stage: Stage, *specs: JobSpec, request_id: str | None = None, caller: Caller = ALICE_CALLER,
                 window_s: int = WINDOW_S) -> Receipt:
    return await Jobs(stage.store, UserInterfaceConfig(submit_repeat_window_s=window_s)).submit(caller, specs, request_id)


def ids(receipt: Receipt) -> list[int | None]:
    return [job.PandaID for job in receipt.jobs]


async def stored(stage: Stage) -> int:
    return int((await stage.sql("SELECT count(*) FROM job"))[0][0])


async def passed(stage: Stage, time_s: float) -> None:
    """As if every submission had been made so much earlier."""
    await stage.sql("UPDATE submission SET at = at - make_interval(secs => %(s)s) RETURNING 1", s=time_s)


@pytest.mark.parametrize(
    ("files", "fixed_name"),
    [
        ([], False),
        ([a_file(type="input")], False),
        ([a_file()], True),
        ([a_file(type="log")], True),
        ([a_file(lfn="$PANDAID.root")], False),
        ([a_file(lfn="x.$JOBSETID")], False),
        ([a_file(lfn="$PANDAID.root"), a_file(type="log", lfn="log")], True),
    ],
)
def test_what_cannot_be_meant_twice(files: list[Any], fixed_name: bool) -> None:
    """A job that writes an output or log of a fixed name: a second run would write over it."""
    assert cannot_be_meant_twice(a_spec(Files=files)) == fixed_name


def test_marks() -> None:
    """A mark is made for a request_id, or where a repeat cannot be meant; it changes with the jobs, their files, their order."""
    assert mark_of([loose()], None, WINDOW_S) is None and mark_of([fixed()], None, 0) is None
    assert mark_of([loose()], "x", 0) is not None
    variants = [[fixed()], [fixed(), loose()], [loose(), fixed()], [fixed(jobName="n")], [fixed(Files=[a_file(lfn="o")])]]
    digests = [mark.digest for specs in variants for mark in (mark_of(specs, None, WINDOW_S), mark_of(specs, None, 1)) if mark]
    assert len(digests) == 10 and len(set(digests)) == 5


def test_too_long_an_id() -> None:
    """A request_id has a limit, which the refusal tells."""
    with pytest.raises(BadRequest, match="request_id: has 201 characters; send at most 200"):
        mark_of([a_spec()], "x" * (REQUEST_ID_LENGTH + 1), WINDOW_S)


@pytest.mark.parametrize("request_id", [None, "mine"])
@ensureDeferred
async def test_a_lost_answer(stage: Stage, request_id: str | None) -> None:
    """The same jobs again get the same answer, to the last attribute, and a message; not even a number is used."""
    first = await submit(stage, fixed(), loose(), request_id=request_id)
    before = await stage.dump()
    for _ in range(2):
        again = await submit(stage, fixed(), loose(), request_id=request_id)
        assert again.jobs == first.jobs and again.repeated is not None and "a repeat" in again.message
    assert (first.repeated, first.message) == (None, "")
    assert await stage.dump() == before
    other = await submit(stage, loose())
    assert [job.jobDefinitionID for job in (*first.jobs, *other.jobs)] == [1, 1, 2]


@ensureDeferred
async def test_loops_of_equal_jobs(stage: Stage) -> None:
    """Equal jobs that may run as often as one likes are new jobs each time."""
    assert len({ids(await submit(stage, loose()))[0] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"caller": a_caller("bob")},
        {"request_id": "an id"},
        {"window_s": 0},
    ],
)
@ensureDeferred
async def test_others_are_not_repeats(stage: Stage, other: dict[str, Any]) -> None:
    """Somebody else's jobs, those under an id of their own, and all where the configuration says so, are new ones."""
    first, second = await submit(stage, fixed()), await submit(stage, fixed(), **other)
    assert second.repeated is None and ids(first) != ids(second)


@pytest.mark.parametrize(("after_s", "repeats"), [(WINDOW_S - 30, True), (WINDOW_S + 30, False)])
@ensureDeferred
async def test_the_window(stage: Stage, after_s: float, repeats: bool) -> None:
    """After the window the same jobs are new ones; from then on the window counts anew, for these."""
    first = await submit(stage, fixed())
    await passed(stage, after_s)
    second = await submit(stage, fixed())
    assert (second.repeated is not None) == repeats
    assert ids(await submit(stage, fixed())) == ids(second) and (ids(first) == ids(second)) == repeats


@pytest.mark.parametrize(("became", "repeats"), [(S.RUNNING, True), (S.FINISHED, True), (S.FAILED, False), (S.CANCELLED, False)])
@ensureDeferred
async def test_another_try(stage: Stage, became: Any, repeats: bool) -> None:
    """Who submits again what has failed, or what he killed, means it, however soon; under the same request_id he does not."""
    for request_id in (None, "mine"):
        await submit(stage, fixed(), request_id=request_id)
        await stage.sql("""UPDATE job SET jobstatus = %(s)s::job_status, endtime = now(), holdersubject = 'x', computingsite = 'Q'
                           RETURNING 1""", s=became)
        again = await submit(stage, fixed(), request_id=request_id)
        assert (again.repeated is not None) == (repeats or request_id is not None)


@ensureDeferred
async def test_one_id_for_two_things(stage: Stage) -> None:
    """A request_id that comes with other jobs is refused, and says when it was used; after its day it is free again."""
    await submit(stage, fixed(), request_id="mine")
    with pytest.raises(Conflict, match="request_id: mine was sent with other jobs at"):
        await submit(stage, loose(), request_id="mine")
    assert await stored(stage) == 1
    await passed(stage, 86400)
    assert (await submit(stage, loose(), request_id="mine")).repeated is None
    assert (await submit(stage, loose(), request_id="mine")).repeated is not None


@pytest.mark.parametrize("request_id", [None, "mine"])
@ensureDeferred
async def test_two_processes_at_once(stage: Stage, database: DatabaseConfig, request_id: str | None) -> None:
    """The same submission through two processes at the same time is stored once, and both answer with the same numbers."""
    other = Stage(Store(reactor, database))
    for round_ in range(5):
        name = f"{request_id} {round_}" if request_id else None
        calls = [submit(where, fixed(jobName=str(round_)), request_id=name) for where in (stage, other) * 4]
        receipts = await gatherResults([Deferred.fromCoroutine(call) for call in calls])
        assert len({tuple(ids(receipt)) for receipt in receipts}) == 1
        assert [receipt.repeated is None for receipt in receipts].count(True) == 1
    assert await stored(stage) == 5
    await other.store.close()


@ensureDeferred
async def test_a_refused_submission_leaves_its_id_free(stage: Stage) -> None:
    """What was refused was not submitted: corrected, it may come under the same id."""
    with pytest.raises(BadRequest):
        await submit(stage, fixed(transformation=None), request_id="mine")
    assert (await submit(stage, fixed(), request_id="mine")).repeated is None


@ensureDeferred
async def test_old_rows_go(stage: Stage) -> None:
    """Submissions older than a day are removed as new ones come: the table holds no more than a day's, and a few."""
    for number in range(25):
        await submit(stage, a_spec(), request_id=str(number))
    await passed(stage, 2 * 86400)
    for number in range(3):
        await submit(stage, a_spec(), request_id=f"new {number}")
    assert await stage.sql("SELECT count(*) FROM submission") == [(3,)]


@ensureDeferred
async def test_submissions_that_come_together(stage: Stage) -> None:
    """What several people submit at a time shares transactions; each has its own jobs, owner and serial, in the order of its
    submissions."""
    jobs, bob = Jobs(stage.store), a_caller("bob")
    first = jobs.submit(ALICE_CALLER, [fixed()], "one")
    asked = [jobs.submit(caller, [loose(jobName=f"{n}")] * (1 + n % 2)) for n, caller in enumerate((ALICE_CALLER, bob) * 10)]
    before = metrics.TRANSACTIONS.values["submit",]
    found = await gatherResults([Deferred.fromCoroutine(call) for call in (first, *asked)])
    assert metrics.TRANSACTIONS.values["submit",] - before <= 3
    assert [len(receipt.jobs) for receipt in found] == [1, *(1, 2) * 10]
    for name, receipts in (("alice", [found[0], *found[1::2]]), ("bob", found[2::2])):
        assert [r.jobs[0].jobDefinitionID for r in receipts] == list(range(1, len(receipts) + 1)), name
        text = "SELECT array_agg(pandaid ORDER BY pandaid) FROM job WHERE ownersubject LIKE %(s)s"
        owned = await stage.sql(text, s=f"%{name}")
        assert owned == [(sorted(i or 0 for r in receipts for i in ids(r)),)]
    assert len({r.jobs[0].jobsetID for r in found}) == len(found)


@ensureDeferred
async def test_a_refused_submission_spoils_no_other(stage: Stage) -> None:
    """Of submissions that share a round, the one that is refused hears it, and the others are stored."""
    jobs = Jobs(stage.store)
    await jobs.submit(ALICE_CALLER, [fixed()], "one")
    calls = [jobs.submit(ALICE_CALLER, [loose()], request_id) for request_id in ("two", "one", "three", None)]
    two, refused, *others = [Deferred.fromCoroutine(call) for call in calls]
    with pytest.raises(Conflict):
        await refused
    assert [len((await call).jobs) for call in (two, *others)] == [1, 1, 1] and await stored(stage) == 4
