"""Input is brought to where a job needs it: the whole way, at a Rucio in memory and, with `make test-rucio`, at a real one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from factories import QUEUE, a_caller, a_file, a_job
from pytest_twisted import ensureDeferred
from ruciostand import ENDPOINTS
from rucioworlds import RUCIOS, FakeRucioWorld, RealRucioWorld
from stages import Stage
from twisted.internet.task import Clock
from whys import Whys

from pandad.brokerage.cycle import Cycle
from pandad.brokerageconfig import BrokerageConfig
from pandad.dataservice import upkeep
from pandad.dataservice.activator import Activator
from pandad.dataservice.arrivals import Arrivals
from pandad.dataservice.datasets import Dataset, Rule
from pandad.dataservice.ddm import FileName
from pandad.dataservice.dispatch import Dispatch
from pandad.dataservice.outbox import Outbox
from pandad.dataserviceconfig import DataServiceConfig
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.reason import Reason
from pandad.taskbuffer import placements

World = FakeRucioWorld | RealRucioWorld

HERE, THERE = ENDPOINTS[1], ENDPOINTS[0]  # where the queue reads, and where the data is
ALICE_CALLER = a_caller()
OTHER = "OTHER_DISK"
CONTENT = b"some events"
NAMES = [FileName("user.alice", f"in.{number}") for number in range(3)]
CONFIG = DataServiceConfig(stuck_s=3600)


def an_input(name: FileName, **but: Any) -> FileSpec:
    return a_file(**{"lfn": name.lfn, "scope": name.scope, "type": "input", "destinationSE": None, **but})


class Site:
    """A queue that reads at HERE, and the loops that bring it what it misses."""

    def __init__(self, stage: Stage, world: World, config: DataServiceConfig = CONFIG) -> None:
        self.stage, self.world, self.config = stage, world, config
        handlers = [*upkeep.handlers(world.datasets), Dispatch(stage.store, world.datasets, config)]
        self.activator = Activator(stage.store, world.ddm, config, Clock(), datasets=world.datasets)
        self.outbox = Outbox(stage.store, handlers, config)
        self.arrivals = Arrivals(stage.store, world.ddm, world.datasets, config)

    async def job(self, *names: FileName, **but: Any) -> int:
        """An assigned job with these inputs."""
        return await self.stage.job(JobStatus.ASSIGNED, Files=[an_input(name) for name in names], **but)

    async def look(self) -> None:
        """The activator looks at all jobs, and what it asks for is done."""
        await self.stage.due()
        await self.activator.run_once()
        await self.errands()

    async def errands(self) -> None:
        await self.stage.sql("UPDATE errand SET due = now() RETURNING 1")
        while await self.outbox.run_once():
            pass

    async def poll(self, age_s: float = 0) -> None:
        """All rules are looked at, so long after they were made; then the jobs that were woken."""
        await self.stage.sql("""UPDATE placement SET nextcheck = now(), progressed = progressed - make_interval(secs => %(s)s)
                                RETURNING 1""", s=age_s)
        await self.hear()

    async def hear(self) -> None:
        """Those that are due are looked at, and no others."""
        await self.arrivals.run_once()
        await self.activator.run_once()
        await self.errands()

    async def datasets(self) -> list[Dataset]:
        return [Dataset(*row) for row in await self.stage.sql("SELECT scope, name FROM placement ORDER BY id")]

    async def rules(self) -> list[Rule]:
        """Of all placements."""
        ids = [row[0] for row in await self.stage.sql("SELECT rule FROM placement WHERE rule IS NOT NULL ORDER BY id")]
        return list(await self.world.datasets.rules(ids))

    def arrive(self, *names: FileName, state: str = "A") -> None:
        for name in names:
            self.world.moved(HERE, name, state)


@pytest.fixture(params=RUCIOS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A Rucio with NAMES at THERE."""
    made: World = request.param(request)
    for name in NAMES:
        made.put(THERE, name, CONTENT)
    yield made
    made.close()


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Iterator[FakeRucioWorld]:
    """The one in memory, for what the real one would not do at command."""
    made = FakeRucioWorld(request)
    for name in NAMES:
        made.put(THERE, name, CONTENT)
    yield made
    made.close()


async def site_at(stage: Stage, world: World, **settings: Any) -> Site:
    await stage.queue(astorages={"pr": [HERE], "pw": [HERE]})
    return Site(stage, world, DataServiceConfig(**{"stuck_s": 3600, **settings}))


@ensureDeferred
async def test_the_whole_way(stage: Stage, world: World) -> None:
    """A job stays assigned while a closed dataset of what it misses, with a rule to its endpoint, is made; when the rule is
    complete it is activated, with endpoint, size and checksum on its files."""
    site = await site_at(stage, world)
    world.put(HERE, NAMES[0], CONTENT)
    job = await site.job(*NAMES, jediTaskID=42)
    await site.look()
    seen = await stage.look(job)
    (dataset,) = await site.datasets()
    assert (seen.jobStatus, seen.dispatchDBlock) == (JobStatus.ASSIGNED, dataset.name)
    assert dataset.name.startswith("panda.42.") and dataset.name.endswith(f"_dis00{job}")
    assert {file.name for file in await world.datasets.contents(dataset)} == set(NAMES[1:])
    (rule,) = await site.rules()
    assert (rule.endpoint, rule.ok, rule.replicating) == (HERE, 0, 2)
    assert [e.why for e in await stage.history(job) if e.why] == [f"2 of 3 input files, 22 B, are brought to {HERE}"]
    await site.poll()
    assert await stage.status(job) is JobStatus.ASSIGNED
    site.arrive(*NAMES[1:])
    await site.poll()
    seen = await stage.look(job)
    assert seen.jobStatus is JobStatus.ACTIVATED
    assert {(f.status, f.dispatchDBlockToken, f.fsize, f.checksum) for f in seen.inputs} == {
        ("ready", HERE, len(CONTENT), f"ad:{zlib.adler32(CONTENT):08x}")}
    assert await stage.sql("SELECT status, arrived FROM placement") == [("there", 2)]


@ensureDeferred
async def test_jobs_share_what_is_brought(stage: Stage, world: World) -> None:
    """Each file is brought once, whoever needs it and whenever he came."""
    site = await site_at(stage, world)
    jobs = [await site.job(*NAMES[:2]), await site.job(*NAMES[1:])]
    await site.look()
    jobs.append(await site.job(*NAMES))
    await site.look()
    (dataset,) = await site.datasets()
    assert {file.name for file in await world.datasets.contents(dataset)} == set(NAMES)
    assert len(await site.rules()) == 1
    assert {(await stage.look(job)).dispatchDBlock for job in jobs} == {dataset.name}
    site.arrive(*NAMES)
    await site.poll()
    assert [await stage.status(job) for job in jobs] == [JobStatus.ACTIVATED] * 3
    late = await site.job(*NAMES)
    await site.look()
    assert (await stage.status(late), len(await site.datasets())) == (JobStatus.ACTIVATED, 1)


@ensureDeferred
async def test_who_has_all_goes_before_the_rest(stage: Stage, world: World) -> None:
    """A job whose files have come does not wait for those of others in the same dataset."""
    site = await site_at(stage, world)
    first, second = await site.job(NAMES[0]), await site.job(NAMES[1])
    await site.look()
    assert len(await site.datasets()) == 1
    site.arrive(NAMES[0])
    await site.poll()
    assert (await stage.status(first), await stage.status(second)) == (JobStatus.ACTIVATED, JobStatus.ASSIGNED)
    site.arrive(NAMES[1])
    await site.poll()
    assert await stage.status(second) is JobStatus.ACTIVATED


@ensureDeferred
async def test_what_is_nowhere_is_waited_for(stage: Stage, world: World) -> None:
    """A job waits for a file that no endpoint has; when one has it, it is brokered anew."""
    site = await site_at(stage, world)
    lost = FileName("user.alice", "in.lost")
    job, pinned = await site.job(NAMES[0], lost), await site.job(lost, relocationFlag=1)
    await site.look()
    seen = await stage.look(job)
    assert (seen.jobStatus, seen.ddmErrorCode) == (JobStatus.WAITING, errorcodes.DDM_SETUPPER)
    assert seen.ddmErrorDiag == "nowhere to be had: user.alice:in.lost"
    assert await site.datasets() == []
    world.put(THERE, lost, CONTENT)
    await site.look()
    assert [(j.jobStatus, j.computingSite) for j in (await stage.look(job), await stage.look(pinned))] == [
        (JobStatus.DEFINED, None), (JobStatus.DEFINED, QUEUE)]
    assert await stage.events(job) == [Event.INPUT_MISSING, Event.INPUT_ARRIVED]


@ensureDeferred
async def test_messages_only_hasten(stage: Stage, world: World) -> None:
    """What Rucio tells has a rule looked at; told twice, too early, or of something unknown it changes nothing."""
    site = await site_at(stage, world)
    job = await site.job(*NAMES)
    await stage.due()
    await site.activator.run_once()
    (dataset,) = await site.datasets()

    async def told(rules: list[str], *datasets: tuple[str, str]) -> int:
        return await stage.store.transact("t", placements.told, rules, datasets)

    assert await told([], (dataset.scope, dataset.name)) == 0  # before there is a rule
    await site.errands()
    await site.hear()
    before = await stage.dump()
    (rule,) = await site.rules()
    assert await told([rule.id]) == 1
    await site.hear()
    assert await told(["0" * 32], ("panda", "unknown")) == 0
    assert await stage.dump() == before
    site.arrive(*NAMES)
    for _ in range(2):
        await told([rule.id], (dataset.scope, dataset.name))
        await site.hear()
    assert await stage.status(job) is JobStatus.ACTIVATED
    before = await stage.dump()
    assert await told([rule.id], (dataset.scope, dataset.name)) == 0
    await site.hear()
    assert await stage.dump() == before


@ensureDeferred
async def test_early_is_not_lost(stage: Stage, world: World) -> None:
    """A rule that is complete when it is made, or before pandad knows its number, is seen at the first look, which is at once."""
    site = await site_at(stage, world)
    job = await site.job(*NAMES)
    await stage.due()
    await site.activator.run_once()
    for name in NAMES:
        world.put(HERE, name, CONTENT)
    await site.errands()
    await site.hear()
    assert await stage.status(job) is JobStatus.ACTIVATED


@ensureDeferred
async def test_files_told_one_by_one(stage: Stage, world: World) -> None:
    """A file that came has its transfer looked at soon, together with those that come meanwhile."""
    site = await site_at(stage, world)
    await site.job(*NAMES)
    await site.look()
    await site.poll()
    for name in NAMES:
        await stage.store.transact("t", placements.told_files, [(HERE, name), (THERE, name)], 5.0)
    ((due_s,),) = await stage.sql("SELECT round(extract(epoch FROM nextcheck - now()))::int FROM placement")
    assert due_s == 5


@ensureDeferred
async def test_a_transfer_that_failed_is_tried_from_elsewhere(stage: Stage, world: World) -> None:
    """What does not get on for stuck_s is taken from another endpoint that has it; its jobs wait for that, and say so."""
    site = await site_at(stage, world)
    world.endpoint(OTHER)
    for name in NAMES:
        world.put(OTHER, name, CONTENT)
    job = await site.job(*NAMES)
    await site.look()
    first = (await site.rules())[0]
    site.arrive(NAMES[0])
    site.arrive(*NAMES[1:], state="U")
    await site.poll(60)
    (note,) = await stage.sql("SELECT status, problem LIKE 'stuck%%' FROM placement")
    assert note == ("moving", True)
    await site.poll(3601)
    (second,) = await site.rules()
    assert second.id != first.id
    assert await stage.sql("SELECT round, source IN ('OTHER_DISK', 'SITE_DISK'), files FROM placement") == [(1, True, 3)]
    why = (await stage.history(job))[-1].why or ""
    assert why.startswith(f"2 of 3 files that are brought to {HERE} have not come for 1.0 h") or "60.0 min" in why, why
    assert "it is taken from" in why
    site.arrive(*NAMES)
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED


@ensureDeferred
async def test_jobs_leave_a_queue_that_input_does_not_get_to(stage: Stage, world: World) -> None:
    """Where there is no other source the jobs are brokered anew, away from that queue, and the rule is taken back; one that is
    pinned has it asked for again."""
    site = await site_at(stage, world)
    job, pinned = await site.job(NAMES[0]), await site.job(NAMES[0], relocationFlag=1)
    await site.look()
    (old,) = await site.rules()
    site.arrive(NAMES[0], state="U")
    await site.poll(3601)
    seen = await stage.look(job)
    assert (seen.jobStatus, seen.computingSite, seen.avoided) == (JobStatus.DEFINED, None, [QUEUE])
    last = (await stage.history(job))[-1]
    assert (last.event, (last.why or "")[:len("left TEST_QUEUE: 1 of 1 files")]) == (
        Event.UNBROKERED, "left TEST_QUEUE: 1 of 1 files")
    assert await stage.status(pinned) is JobStatus.ASSIGNED
    (new,) = await site.rules()
    assert new.id != old.id
    site.arrive(NAMES[0])
    await site.poll()
    assert await stage.status(pinned) is JobStatus.ACTIVATED


@ensureDeferred
async def test_a_queue_that_was_left_is_open_again(stage: Stage, world: World) -> None:
    """After avoid_s, and not before, a job may come back to a queue that its input did not get to; until then it says until when
    it avoids that, and because of what. One that a retry rule made it avoid stays out."""
    site, whys = await site_at(stage, world, avoid_s=7200), Whys(stage.store)
    job = await site.job(NAMES[0], avoided=["FAILED_THERE"])
    await site.look()
    site.arrive(NAMES[0], state="U")
    await site.poll(3601)
    assert (await stage.look(job)).avoided == ["FAILED_THERE", QUEUE]
    brokerage = Cycle(stage.store, BrokerageConfig(nopilot_s=0), Clock(), world.ddm)
    await brokerage.run_once()
    said = await whys.explain.job(ALICE_CALLER, job)
    ((until,),) = await stage.sql("SELECT until FROM avoidance WHERE until - now() BETWEEN interval '119 min' AND interval '2 h'")
    assert (said["reason"], [(each["queue"], each["until"]) for each in said["avoided_until"]]) == (
        Reason.QUEUES_AVOIDED, [(QUEUE, until)])
    assert f"; it avoids {QUEUE} until {until:%Y-%m-%d %H:%M}, for 1 of 1 files that are brought to {HERE}" in said["summary"]
    await site.arrivals.run_once()
    await brokerage.run_once()
    assert (await stage.look(job)).avoided == ["FAILED_THERE", QUEUE]
    await stage.sql("UPDATE avoidance SET until = now() RETURNING 1")
    await site.arrivals.run_once()
    assert (await stage.look(job)).avoided == ["FAILED_THERE"]
    assert (await stage.history(job))[-1].why == f"it may go to {QUEUE} again"
    await brokerage.run_once()  # though its pause is not over
    seen = await stage.look(job)
    assert (seen.jobStatus, seen.computingSite) == (JobStatus.ASSIGNED, QUEUE)
    assert (await whys.explain.job(ALICE_CALLER, job))["avoided_until"] == []


@ensureDeferred
async def test_a_queue_that_is_left_for_good(stage: Stage, fake: FakeRucioWorld) -> None:
    """With avoid_s = 0, as before."""
    site = await site_at(stage, fake, avoid_s=0)
    job = await site.job(NAMES[0])
    await site.look()
    await site.poll(3601)
    assert (await stage.look(job)).avoided == [QUEUE]
    assert await stage.sql("SELECT 1 FROM avoidance") == []


@ensureDeferred
async def test_a_rule_that_somebody_deleted(stage: Stage, fake: FakeRucioWorld) -> None:
    """It is made again."""
    site = await site_at(stage, fake)
    job = await site.job(NAMES[0])
    await site.look()
    fake.server.rucio.rules.clear()
    await site.poll()
    (rule,) = await site.rules()
    assert rule.endpoint == HERE
    assert "its rule is gone" in ((await stage.history(job))[-1].why or "")
    site.arrive(NAMES[0])
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED


@ensureDeferred
async def test_a_source_that_is_lost(stage: Stage, fake: FakeRucioWorld) -> None:
    """When the only copy is gone before it was moved, the job waits and says that it is nowhere."""
    site = await site_at(stage, fake)
    job = await site.job(NAMES[0])
    await site.look()
    fake.moved(THERE, NAMES[0], "B")
    await site.poll(3601)
    seen = await stage.look(job)
    assert (seen.jobStatus, seen.ddmErrorDiag) == (JobStatus.WAITING, "nowhere to be had: user.alice:in.0")
    assert await site.datasets() == []


def poorly(site: Site, config: DataServiceConfig) -> None:
    """In the name of an account without quota."""
    site.outbox = Outbox(site.stage.store, [*upkeep.handlers(site.world.datasets),
                                            Dispatch(site.stage.store, site.world.without_quota(), config)], config)


@ensureDeferred
async def test_no_quota(stage: Stage, world: World) -> None:
    """Where the account has no room a job waits and says so; when there is some it goes on."""
    site, whys = await site_at(stage, world), Whys(stage.store)
    poorly(site, CONFIG)
    job = await site.job(NAMES[0])
    for _ in range(2):
        await site.look()
    said = await whys.explain.job(ALICE_CALLER, job)
    assert (said["jobStatus"], said["reason"], said["owed"][0]["tries"]) == (JobStatus.ASSIGNED, Reason.INPUT_NO_QUOTA, 2)
    assert "Rucio refuses for now: the quota of the account at the endpoint is used up" in said["summary"]
    world.with_quota()
    await site.errands()
    assert (await whys.explain.job(ALICE_CALLER, job))["reason"] == Reason.INPUT_MOVES
    site.arrive(NAMES[0])
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED


@ensureDeferred
async def test_no_quota_for_long(stage: Stage, world: World) -> None:
    """After stuck_s a job goes to another queue; one that is pinned waits on, and fails with code 201 and the reason after
    give_up_s. Nothing is left."""
    site = await site_at(stage, world)
    poorly(site, CONFIG)
    job, pinned = await site.job(NAMES[0]), await site.job(NAMES[0], relocationFlag=1)
    await site.look()
    await site.arrivals.run_once()
    assert await stage.status(job) is JobStatus.ASSIGNED
    await stage.sql("UPDATE placement SET made = made - interval '3601 s' RETURNING 1")
    for _ in range(2):
        await site.arrivals.run_once()
    seen = await stage.look(job)
    assert (seen.jobStatus, seen.avoided, await stage.status(pinned)) == (JobStatus.DEFINED, [QUEUE], JobStatus.ASSIGNED)
    assert (await stage.history(job))[-1].why == (
        f"left {QUEUE}: its input cannot be sent to {HERE}: rule for {(await site.datasets())[0]} at {HERE}: "
        "Rucio refuses for now: the quota of the account at the endpoint is used up")
    await stage.sql("UPDATE errand SET asked = asked - interval '25 h' RETURNING 1")
    await site.errands()
    failed = await stage.look(pinned)
    assert (failed.jobStatus, failed.ddmErrorCode) == (JobStatus.FAILED, errorcodes.DDM_SUBSCRIPTION)
    assert (failed.ddmErrorDiag or "").startswith(f"its input cannot be sent to {HERE}: ")
    assert (await site.datasets(), await stage.sql("SELECT 1 FROM errand")) == ([], [])


@ensureDeferred
async def test_no_quota_and_no_need(stage: Stage, fake: FakeRucioWorld) -> None:
    """What nobody waits for any more, or all have left, is asked for no more, and its dataset goes."""
    site = await site_at(stage, fake)
    poorly(site, CONFIG)
    job = await site.job(NAMES[0])
    await site.look()
    (dataset,) = await site.datasets()
    assert await stage.event(Event.KILLED, job, actor=Actor.USER)
    await site.arrivals.run_once()
    asked = fake.server.web.asked["POST /rules/"]
    fake.with_quota()
    await site.errands()
    assert (await site.datasets(), await stage.sql("SELECT 1 FROM errand")) == ([], [])
    assert fake.server.web.asked["POST /rules/"] == asked and not fake.server.rucio.rules
    assert fake.rucio.dids[dataset.scope, dataset.name].ends_s is not None


@ensureDeferred
async def test_no_scope(stage: Stage, fake: FakeRucioWorld) -> None:
    """Where Rucio has not got the scope of pandad's own datasets no job suffers: they wait until somebody has made it."""
    site = await site_at(stage, fake)
    job = await site.job(NAMES[0])
    fake.rucio.scopes.discard("panda")
    await site.look()
    ((tries, error),) = await stage.sql("SELECT tries, error FROM errand WHERE kind = 'dispatch'")
    assert (tries, "have the scope panda made" in error, await stage.status(job)) == (1, True, JobStatus.ASSIGNED)
    fake.rucio.scopes.add("panda")
    await site.errands()
    assert len(await site.rules()) == 1


@ensureDeferred
async def test_nobody_needs_it_any_more(stage: Stage, fake: FakeRucioWorld) -> None:
    """When all jobs that wait for something were killed, its rule is taken back."""
    site = await site_at(stage, fake)
    job = await site.job(NAMES[0])
    await site.look()
    (rule,) = await site.rules()
    assert await stage.event(Event.KILLED, job, actor=Actor.USER)
    await site.poll()
    assert await site.datasets() == []
    (left,) = await fake.datasets.rules([rule.id])
    assert left.expires_at is not None and await stage.sql("SELECT 1 FROM errand") == []
    assert fake.server.web.asked[f"DELETE /rules/{rule.id}"] == 1


@ensureDeferred
async def test_killed_before_the_rule_was_made(stage: Stage, fake: FakeRucioWorld) -> None:
    """The rule of an errand that was under way is taken back too."""
    site = await site_at(stage, fake)
    job = await site.job(NAMES[0])
    await stage.due()
    await site.activator.run_once()
    assert await stage.event(Event.KILLED, job, actor=Actor.USER)
    await site.errands()
    await site.poll()
    (rule,) = fake.server.rucio.rules
    assert fake.server.web.asked[f"DELETE /rules/{rule}"] == 1


@ensureDeferred
async def test_kept_while_it_is_needed(stage: Stage, fake: FakeRucioWorld) -> None:
    """The rule of what was brought is made to live longer while a job may still read it, also one that came later."""
    site = await site_at(stage, fake)
    first = await site.job(NAMES[0])
    await site.look()
    site.arrive(NAMES[0])
    await site.poll()
    later = await site.job(NAMES[0])
    await site.look()
    assert await stage.event(Event.KILLED, first, actor=Actor.USER)
    (rule,) = await site.rules()
    await site.poll()
    assert fake.server.web.asked[f"PUT /rules/{rule.id}"] == 1
    assert await stage.event(Event.KILLED, later, actor=Actor.USER)
    await site.poll()
    assert fake.server.web.asked[f"PUT /rules/{rule.id}"] == 1
    assert await site.datasets() == []
    assert fake.server.web.asked[f"DELETE /rules/{rule.id}"] == 0


@ensureDeferred
async def test_rucio_away_and_back(stage: Stage, fake: FakeRucioWorld) -> None:
    """While Rucio does not answer nothing is lost and no job fails; when it is back all goes on, with one dataset and rule."""
    site = await site_at(stage, fake)
    job = await site.job(*NAMES)
    await stage.due()
    await site.activator.run_once()
    await fake.server.stop()
    await site.errands()
    assert await stage.sql("SELECT tries FROM errand WHERE kind = 'dispatch'") == [(1,)]
    fake.server.start()
    fake.clock.advance(120)
    await site.errands()
    await fake.server.stop()
    await site.poll()  # and no loop is worse for it
    fake.server.start()
    fake.clock.advance(120)
    site.arrive(*NAMES)
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED
    assert (len(await site.datasets()), len(fake.server.rucio.rules)) == (1, 1)


@ensureDeferred
async def test_why_it_waits(stage: Stage, fake: FakeRucioWorld) -> None:
    """Who asks is told which file, from where, since when, by which rule, how far it is and what is wrong with it."""
    site, whys = await site_at(stage, fake), Whys(stage.store)
    job = await site.job(*NAMES[:2])

    async def why() -> tuple[str, str, list[dict[str, Any]]]:
        said = await whys.explain.job(ALICE_CALLER, job)
        return said["reason"], said["summary"], said["input"]["transfers"]

    await stage.due()
    await site.activator.run_once()
    (dataset,) = await site.datasets()
    reason, summary, (carried,) = await why()
    assert (reason, carried["own"], carried["own_bytes"]) == (Reason.INPUT_WANTED, [str(name) for name in NAMES[:2]], 22)
    assert f"{NAMES[0]} and 1 more, 22 B, to {HERE} since 2" in summary and str(dataset) in summary
    await fake.server.stop()
    await site.errands()
    assert "after 1 tries dataset" in (await why())[1]
    fake.server.start()
    fake.clock.advance(120)
    await site.errands()
    (rule,) = await site.rules()
    site.arrive(NAMES[0])
    await site.poll()
    reason, summary, (carried,) = await why()
    assert (reason, carried["rule"], carried["arrived"]) == (Reason.INPUT_MOVES, rule.id, 1)
    assert f"by rule {rule.id}, 1 of 2 files of which have come" in summary
    site.arrive(NAMES[1], state="U")
    await site.poll()
    reason, summary, _ = await why()
    assert reason == Reason.INPUT_STUCK and summary.endswith("stuck: transfer failed")


@ensureDeferred
async def test_brokerage_counts_what_is_on_its_way(stage: Stage, fake: FakeRucioWorld) -> None:
    """Where too much is being brought already no more is sent, until it has come."""
    site = await site_at(stage, fake)
    await stage.sql("INSERT INTO link (src, dst, distance, source) VALUES (%(src)s, %(dst)s, 1, 'x') RETURNING 1",
                    src=THERE, dst=HERE)
    await site.job(*NAMES[:2])
    await site.look()
    (job,) = await stage.jobs(a_job(Files=[an_input(NAMES[2])]))
    brokerage = Cycle(stage.store, BrokerageConfig(nopilot_s=0, most_backlog_files=1), Clock(), fake.ddm)
    await brokerage.run_once()
    seen = await stage.look(job)
    assert (seen.jobStatus, "2 files wait already" in (seen.brokerageErrorDiag or "")) == (JobStatus.DEFINED, True)
    site.arrive(NAMES[0])
    await site.poll()
    await stage.due()
    await brokerage.run_once()
    assert await stage.status(job) is JobStatus.ASSIGNED


@ensureDeferred
async def test_looked_at_during_an_outage(stage: Stage, fake: FakeRucioWorld) -> None:
    """A job whose input is on its way is not taken from its queue because Rucio does not answer."""
    site = await site_at(stage, fake)
    job = await site.job(*NAMES)
    await site.look()
    await fake.server.stop()
    await stage.due()
    await site.activator.run_once()
    assert await stage.status(job) is JobStatus.ASSIGNED
    fake.server.start()
    fake.clock.advance(120)
    site.arrive(*NAMES)
    await site.look()
    assert (await stage.status(job), await stage.events(job)) == (JobStatus.ACTIVATED, ["input on its way", Event.INPUT_READY])


@pytest.mark.parametrize("kind", ["lost", "hangup"])
@pytest.mark.parametrize("match", ["POST /dids/panda", "POST /dids/attachments", "PUT .*status", "POST /rules/"])
@ensureDeferred
async def test_answers_that_got_lost(stage: Stage, fake: FakeRucioWorld, match: str, kind: str) -> None:
    """Whichever answer is lost on the way, and whether or not it was done, there is one dataset with all files and one rule."""
    from fakes.rucioweb import Fault

    site = await site_at(stage, fake)
    await site.job(*NAMES)
    fake.server.web.faults.append(Fault(kind, match, times=4))
    await site.look()
    await site.errands()
    (dataset,) = await site.datasets()
    assert {file.name for file in await fake.datasets.contents(dataset)} == set(NAMES)
    assert len(fake.server.rucio.rules) == 1 and await stage.sql("SELECT 1 FROM errand") == []
