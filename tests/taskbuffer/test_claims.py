"""Handing out: the best first, only what fits, every job once, and nobody waits for a neighbour."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from factories import ALICE, ANCHOR, PILOT, QUEUE, a_file, a_job, a_pilot, claim, happened, stored
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.api.jobdefinition import job_definition
from pandad.config import DatabaseConfig
from pandad.spec.caller import Identity
from pandad.spec.capability import Capability
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import jobs, moves, secrets
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Store, Transaction

from .observing import rows

ACTIVATED, SENT = JobStatus.ACTIVATED, JobStatus.SENT
BOB = Identity(ANCHOR, "/DC=org/DC=test/CN=bob")


def waiting(**but: Any) -> JobSpec:
    """A job that waits for a pilot on QUEUE."""
    return a_job(jobStatus=ACTIVATED, **but)


async def ids_of(txn: Transaction, pilot: Capability) -> list[int]:
    """What that pilot gets."""
    return [job.PandaID or 0 for job in await claim(txn, pilot)]


@ensureDeferred
async def test_highest_priority_first_then_oldest(store: Store) -> None:
    """Jobs go out by priority, and by PandaID among equals, however many are asked for."""

    async def body(txn: Transaction) -> None:
        a, b, c, d, e = await stored(txn, [waiting(currentPriority=p) for p in (10, 50, -5, 50, 10)])
        assert await ids_of(txn, a_pilot(count=3)) == [b, d, a]
        assert await ids_of(txn, a_pilot()) == [e]
        assert await ids_of(txn, a_pilot(count=9)) == [c]
        assert await ids_of(txn, a_pilot(count=9)) == []

    await store.transact("body", body)


@ensureDeferred
async def test_only_activated_jobs_of_the_queue(store: Store) -> None:
    """Jobs of another queue or in another state are not handed out."""

    async def body(txn: Transaction) -> None:
        (ours,) = await stored(txn, [waiting()])
        await stored(txn, [waiting(computingSite="OTHER"), a_job(computingSite=QUEUE), a_job(jobStatus=JobStatus.THROTTLED)])
        assert await ids_of(txn, a_pilot(count=9)) == [ours]

    await store.transact("body", body)


CONDITIONS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # the pilot's word, a job that fits, a job that does not
    ({"memory_mb": 2000}, {"minRamCount": 2000}, {"minRamCount": 2001}),
    ({"disk_mb": 500}, {"maxDiskCount": 500}, {"maxDiskCount": 501}),
    ({"remaining_s": 3600}, {"maxWalltime": 3600}, {"maxWalltime": 3601}),
    ({"remaining_s": 3600}, {"maxWalltime": None}, {"maxWalltime": 3601}),
    ({"cores": 4}, {"coreCount": 4}, {"coreCount": 5}),
    ({"cores": 1}, {"coreCount": None}, {"coreCount": 2}),
    ({"labels": ["user", "panda"]}, {"prodSourceLabel": "panda"}, {"prodSourceLabel": "managed"}),
    ({"resource_type": "MCORE"}, {"resource_type": "MCORE"}, {"resource_type": "SCORE"}),
    ({"task_id": 7}, {"jediTaskID": 7}, {"jediTaskID": None}),
    ({"working_group": "higgs"}, {"workingGroup": "higgs"}, {"workingGroup": None}),
    ({"country_group": "ch"}, {"countryGroup": "ch"}, {"countryGroup": "de"}),
    ({"owner_name": "alice"}, {"prodUserName": "alice"}, {"prodUserName": "bob"}),
]


@pytest.mark.parametrize(("says", "fits", "fits_not"), CONDITIONS, ids=[str(c[0]) for c in CONDITIONS])
@ensureDeferred
async def test_capability_decides(store: Store, says: dict[str, Any], fits: dict[str, Any], fits_not: dict[str, Any]) -> None:
    """A pilot gets a job at its limit and none beyond it; one that says nothing of it gets both."""

    async def body(txn: Transaction) -> None:
        beyond, within = await stored(txn, [waiting(**{**fits_not, "currentPriority": 2000}), waiting(**fits)])
        assert await ids_of(txn, a_pilot(count=2, **says)) == [within]
        await happened(txn, Event.SENT_EXPIRED, [within])
        assert await ids_of(txn, a_pilot(count=2)) == [beyond, within]

    await store.transact("body", body)


@ensureDeferred
async def test_owner_is_an_identity(store: Store) -> None:
    """A pilot for one owner gets that identity's jobs: the same subject under another anchor is somebody else."""

    async def body(txn: Transaction) -> None:
        await stored(txn, [waiting()], BOB)
        await stored(txn, [waiting()], Identity("/CN=Other CA", ALICE.subject))
        (alices,) = await stored(txn, [waiting()], ALICE)
        assert await ids_of(txn, a_pilot(count=9, owners=frozenset({ALICE}))) == [alices]

    await store.transact("body", body)


@ensureDeferred
async def test_no_label_is_no_job(store: Store) -> None:
    """An empty list of labels takes nothing; only None takes everything."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await stored(txn, [waiting()])
        assert await ids_of(txn, a_pilot(labels=[])) == []
        assert await ids_of(txn, a_pilot(labels=None)) == [panda_id]

    await store.transact("body", body)


@ensureDeferred
async def test_claimed_job_is_whole_and_the_pilots(store: Store) -> None:
    """The answer is the job as it now is, with its files and parameters, held by the claimer; the history says on which node."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await stored(txn, [waiting(Files=[a_file(), a_file(type="log", lfn="log.tgz")])])
        (job,) = await claim(txn, a_pilot(node="wn7", computing_element="ce1", scheduler_id="harvester-x"))
        (found,) = await jobs.find(txn, [panda_id])
        assert (
            found is not None
            and job_definition(job) == job_definition(found)
            and job.jobStatus is SENT
            and job.jobParameters == "--in x"
            and [f.type for f in job.Files] == ["output", "log"]
        )
        assert (job.modificationHost, job.computingElement, job.schedulerID) == ("wn7", "ce1", "harvester-x")
        (state,) = await jobs.states(txn, [panda_id])
        assert state is not None and (state.status, state.attempt_nr, state.holder) == (SENT, 1, PILOT)
        event = (await jobs.events(txn, panda_id))[-1]
        assert (event.event, event.was, event.became, event.who, event.why) == (
            Event.CLAIMED,
            ACTIVATED,
            SENT,
            PILOT.subject,
            "on wn7",
        )

    await store.transact("body", body)


@ensureDeferred
async def test_next_attempt_knows_nothing_of_the_last(store: Store) -> None:
    """A job that comes back is handed out with the new attempt number and without what the last pilot said of itself."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await stored(txn, [waiting()])
        await claim(txn, a_pilot())
        await happened(txn, Event.RUNNING, [panda_id], pilotID="p1", batchID="b1")
        await moves.move(txn, Event.RETRIED, [Change(panda_id, {"attemptNr": 2})], actor=Actor.WATCHER, who="w")
        (job,) = await claim(txn, a_pilot(node="wn8"))
        assert (job.PandaID, job.attemptNr) == (panda_id, 2)
        (found,) = await jobs.find(txn, [panda_id])
        assert found is not None and (found.pilotID, found.batchID, found.startTime) == (None, None, None)

    await store.transact("body", body)


@ensureDeferred
async def test_claimer_does_not_wait_for_another(store: Store) -> None:
    """While one claim is still open, the next one gets the next best job at once; what was rolled back is the best again."""
    best, second = await store.transact("insert", stored, [waiting(), waiting()])
    taken: Deferred[list[int]] = Deferred()
    give_up: Deferred[None] = Deferred()

    async def open_claim(txn: Transaction) -> None:
        taken.callback(await ids_of(txn, a_pilot()))
        await give_up
        raise ValueError("a mistake")

    opened = store.transact("open", open_claim)
    assert await taken == [best]
    assert await store.transact("claim", ids_of, a_pilot()) == [second]
    assert await store.transact("claim", ids_of, a_pilot()) == []
    give_up.callback(None)
    with pytest.raises(ValueError, match="a mistake"):
        await opened
    assert await store.transact("claim", ids_of, a_pilot()) == [best]


JOBS, CLAIMERS, STORES = 5000, 64, 4


async def claim_until_empty(store: Store, seed: int) -> list[tuple[int, int]]:
    """(PandaID, attempt) of all that one claimer gets."""
    choose, got = random.Random(seed), []
    while found := await store.transact("claim", claim, a_pilot(count=choose.choice((1, 1, 2, 5)), node=f"n{seed}")):
        got += [(job.PandaID or 0, job.attemptNr) for job in found]
    return got


@ensureDeferred
async def test_every_job_once(database: DatabaseConfig, store: Store) -> None:
    """64 claimers in four processes' stores over 5 000 jobs: each job goes out exactly once, none is left, and the history
    names the one who got it."""
    ids = await store.transact("insert", stored, [waiting(currentPriority=n % 7) for n in range(JOBS)])
    stores = [Store(reactor, database) for _ in range(STORES)]
    shares = await gatherResults([Deferred.fromCoroutine(claim_until_empty(stores[n % STORES], n)) for n in range(CLAIMERS)])
    await gatherResults([Deferred.fromCoroutine(s.close()) for s in stores])
    assert Counter(panda_id for share in shares for panda_id, _ in share) == Counter(ids)
    logged = await store.once("log", rows, "SELECT pandaid, attemptnr, why FROM job_event WHERE event = 'claimed'")
    assert sorted(logged) == sorted((i, attempt, f"on n{n}") for n, share in enumerate(shares) for i, attempt in share)
    assert await store.once("left", rows, "SELECT jobstatus, count(*) FROM job GROUP BY 1") == [("sent", JOBS)]


@ensureDeferred
async def test_secrets_are_named(store: Store) -> None:
    """A claimed job names its owner's secrets, and nobody else's."""

    async def body(txn: Transaction) -> None:
        for owner, name in ((ALICE, "token"), (ALICE, "key"), (BOB, "hers not")):
            await secrets.put(txn, owner, name, b"sealed", 1000)
        await stored(txn, [waiting()])
        (with_secrets,) = await claim(txn, a_pilot())
        await stored(txn, [waiting()], Identity("another anchor", ALICE.subject))
        (without,) = await claim(txn, a_pilot())
        assert (sorted(with_secrets.secrets), without.secrets) == (["key", "token"], [])

    await store.transact("body", body)
