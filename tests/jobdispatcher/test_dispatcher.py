"""Who is given which jobs."""

from __future__ import annotations

from typing import Any

import pytest
from factories import ALICE, PILOT, QUEUE, a_caller, a_job
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad import metrics
from pandad.config import SharesConfig
from pandad.jobdispatcher.dispatcher import LABELS, MAX_JOBS, Dispatcher, capability, labels_for
from pandad.jobdispatcher.requests import AcquireJobs
from pandad.spec.caller import ANONYMOUS, Role
from pandad.spec.capability import Capability
from pandad.spec.errors import Forbidden, NotAuthenticated
from pandad.spec.jobstatus import JobStatus


def a_dispatcher(stage: Stage, **but: Any) -> Dispatcher:
    return Dispatcher(stage.store, reactor, SharesConfig(**but))


def asked(**but: Any) -> AcquireJobs:
    return AcquireJobs(**{"site_name": QUEUE, "prod_source_label": "user", **but})


def given(**but: Any) -> Capability:
    return capability(PILOT_CALLER, asked(**but))


@pytest.mark.parametrize(
    ("label", "labels"),
    [
        (None, {"managed", "test", "prod_test", "install"}),
        ("", {"managed", "test", "prod_test", "install"}),
        ("managed", {"managed", "test", "prod_test", "install"}),
        ("user", {"user", "panda"}),
        ("test", {"test", "prod_test"}),
        ("ptest", {"ptest"}),
        ("rc_alrb", {"rc_alrb"}),
        ("anything", {"anything"}),
    ],
)
def test_labels(label: str | None, labels: set[str]) -> None:
    """A pilot takes the activities that PanDA gives to its label, and its own only if the label is a special one."""
    assert set(labels_for(label)) == labels


def test_unified_pilots_take_what_any_other_takes() -> None:
    """A unified pilot takes every label that a pilot of another listed label takes."""
    assert set(labels_for("unified")) >= {label for labels in LABELS.values() for label in labels}


def test_a_pilots_word_for_itself() -> None:
    """What a pilot says of itself reaches the claim in whole units, its identity as the holder."""
    said = given(
        memory=4000.7,
        disk_space=100,
        remaining_time=3600,
        core_count=8,
        resource_type="MCORE",
        task_id=7,
        node="wn1",
        working_group="phys",
        country_group="ch",
        computing_element="ce1",
        scheduler_id="harvester-x",
        n_jobs=5,
    )
    assert said == Capability(
        queue=QUEUE,
        count=5,
        memory_mb=4000,
        disk_mb=100,
        remaining_s=3600,
        cores=8,
        labels=("user", "panda"),
        resource_type="MCORE",
        task_id=7,
        working_group="phys",
        country_group="ch",
        owners=None,
        owner_name=None,
        holder=PILOT,
        node="wn1",
        computing_element="ce1",
        scheduler_id="harvester-x",
    )


@pytest.mark.parametrize("nothing", [None, 0, 0.0])
def test_nothing_and_zero_are_no_limit(nothing: Any) -> None:
    """A pilot that says 0, or nothing, of a resource does not limit it."""
    said = given(memory=nothing, disk_space=nothing, remaining_time=nothing, core_count=nothing)
    assert (said.memory_mb, said.disk_mb, said.remaining_s, said.cores) == (None, None, None, None)


@pytest.mark.parametrize(("n_jobs", "count"), [(None, 1), (0, 1), (-3, 1), (1, 1), (7, 7), (MAX_JOBS + 1, MAX_JOBS)])
def test_how_many(n_jobs: int | None, count: int) -> None:
    """One job unless more are asked for, and never more than one call may take."""
    assert given(n_jobs=n_jobs).count == count


def test_nobody_gets_nothing() -> None:
    """Without an identity there is no job."""
    with pytest.raises(NotAuthenticated, match="certificate or token"):
        capability(ANONYMOUS, asked())


@pytest.mark.parametrize("role", [Role.PILOT, Role.PRODUCTION, Role.ADMIN])
@pytest.mark.parametrize("label", [None, "managed", "user", "unified"])
def test_pilots_get_anybodys_jobs(role: Role, label: str | None) -> None:
    """A pilot, production and an admin get jobs of any owner and any label."""
    assert capability(a_caller("pilot", role), asked(prod_source_label=label)).owners is None


@pytest.mark.parametrize("label", [None, "", "managed", "unified", "test", "ptest", "panda"])
def test_people_get_no_others_work(label: str | None) -> None:
    """A caller without a role that asks for more than user jobs is refused, and told which rule it broke."""
    with pytest.raises(Forbidden, match="without a role of a pilot .* you are .*alice"):
        capability(a_caller("alice"), asked(prod_source_label=label))


def test_people_get_their_own_jobs() -> None:
    """A caller without a role gets user jobs, its own only: by identity, not by name."""
    assert capability(a_caller("alice"), asked()).owners == frozenset({ALICE})


@pytest.mark.parametrize("said", ["/DC=org/DC=test/CN=alice", "/DC=org/DC=test/CN=alice/CN=12345", "alice"])
def test_a_pilot_for_one_user(said: str) -> None:
    """A pilot that asks for the jobs of one user, by DN as pilots do or by name, asks for those with that user's label."""
    assert given(prod_user_id=said).owner_name == "alice"


@ensureDeferred
async def test_the_best_jobs_first(stage: Stage) -> None:
    """Jobs come best first, in the caller's hands and with all that the pilot needs; when there are no more, none come."""
    low, high = await stage.jobs(*(a_job(jobStatus=JobStatus.ACTIVATED, currentPriority=p) for p in (1, 2)))
    dispatcher = a_dispatcher(stage)
    (first,) = await dispatcher.acquire(PILOT_CALLER, asked(node="wn1"))
    assert (first.PandaID, first.jobStatus, first.jobParameters) == (high, JobStatus.SENT, "--in x")
    assert [j.PandaID for j in await dispatcher.acquire(PILOT_CALLER, asked(n_jobs=5))] == [low]
    assert await dispatcher.acquire(PILOT_CALLER, asked()) == []
    assert (await stage.look(high)).modificationHost == "wn1"
    assert await stage.sql("SELECT holderanchor, holdersubject FROM job WHERE pandaid = %(id)s", id=high) == [
        (PILOT.anchor, PILOT.subject)
    ]


@ensureDeferred
async def test_only_jobs_that_fit(stage: Stage) -> None:
    """A job of another queue, another label or more memory than the pilot has stays for others."""
    await stage.jobs(
        a_job(jobStatus=JobStatus.ACTIVATED, computingSite="OTHER"),
        a_job(jobStatus=JobStatus.ACTIVATED, minRamCount=5000),
        a_job(jobStatus=JobStatus.ACTIVATED, prodSourceLabel="managed"),
    )
    assert await a_dispatcher(stage).acquire(PILOT_CALLER, asked(memory=4000.0, n_jobs=9)) == []


@ensureDeferred
async def test_people_take_their_own(stage: Stage) -> None:
    """Without the pilot role Bob finds nothing where Alice's job lies, and Alice finds it, whatever their labels say."""
    panda_id = await stage.job(JobStatus.ACTIVATED, prodUserName="bob")
    dispatcher = a_dispatcher(stage)
    assert await dispatcher.acquire(a_caller("bob"), asked()) == []
    assert [j.PandaID for j in await dispatcher.acquire(a_caller("alice"), asked())] == [panda_id]


@ensureDeferred
async def test_a_pilot_for_one_user_takes_that_users(stage: Stage) -> None:
    """A pilot that names a user by DN gets that user's jobs and nobody else's."""
    await stage.job(JobStatus.ACTIVATED, prodUserName="bob")
    panda_id = await stage.job(JobStatus.ACTIVATED)
    taken = await a_dispatcher(stage).acquire(PILOT_CALLER, asked(n_jobs=9, prod_user_id=ALICE.subject))
    assert [j.PandaID for j in taken] == [panda_id]


@ensureDeferred
async def test_statuses(stage: Stage) -> None:
    """States come in the order asked for, with nothing for jobs that do not exist, also twice."""
    panda_id = await stage.job(JobStatus.RUNNING)
    states = await a_dispatcher(stage).statuses([panda_id + 99, panda_id, panda_id])
    assert [s and (s.panda_id, s.status, s.attempt_nr) for s in states] == [None, *[(panda_id, JobStatus.RUNNING, 1)] * 2]


@ensureDeferred
async def test_pilots_that_come_together_share_statements(stage: Stage) -> None:
    """Each gets a job of its own although far fewer statements ran than pilots came, and each job knows its node."""
    await stage.queue()
    wanted = [await stage.job(JobStatus.ACTIVATED) for _ in range(30)]
    dispatcher, before = a_dispatcher(stage), metrics.TRANSACTIONS.values["acquire_jobs",]
    calls = [Deferred.fromCoroutine(dispatcher.acquire(PILOT_CALLER, asked(node=f"wn{n}"))) for n in range(30)]
    found = await gatherResults(calls)
    assert sorted(job.PandaID or 0 for (job,) in found) == wanted
    assert [job.modificationHost for (job,) in found] == [f"wn{n}" for n in range(30)]
    assert metrics.TRANSACTIONS.values["acquire_jobs",] - before <= 3
