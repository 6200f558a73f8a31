"""Tasks as people handle them, on a database: who may, when it can be, and what comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from factories import a_caller
from pytest_twisted import ensureDeferred
from taskworld import TaskWorld, parameters
from twisted.internet.defer import Deferred, gatherResults

from pandad.config import JediConfig, UserInterfaceConfig
from pandad.jedi.drafts import Drafts
from pandad.spec.caller import Caller, Role
from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, NotFound
from pandad.spec.jobstatus import JobStatus
from pandad.spec.taskstatus import GENERATING, TASK_TRANSITIONS, TaskEvent, TaskStatus
from pandad.taskbuffer.store import Store
from pandad.userinterface.tasks import Tasks
from pandad.userinterface.tasksubmission import Code, TaskReceipt

ALICE, BOB = a_caller("alice"), a_caller("bob")
Verb = Callable[[Tasks, Caller, int], Awaitable[Any]]
VERBS: dict[str, Verb] = {
    "kill": lambda tasks, who, i: tasks.kill(who, i),
    "finish": lambda tasks, who, i: tasks.finish(who, i, False),
    "retry": lambda tasks, who, i: tasks.retry(who, i, {}),
    "retry with": lambda tasks, who, i: tasks.retry(who, i, {"nFiles": 3}),
    "pause": lambda tasks, who, i: tasks.pause(who, i),
    "resume": lambda tasks, who, i: tasks.resume(who, i),
    "reactivate": lambda tasks, who, i: tasks.reactivate(who, i),
    "reload_input": lambda tasks, who, i: tasks.reload_input(who, i),
    "increase_attempts": lambda tasks, who, i: tasks.increase_attempts(who, i, 2),
}


@pytest.fixture
def world(store: Store) -> TaskWorld:
    """Nobody has a task yet."""
    return TaskWorld(store)


async def everything(world: TaskWorld) -> Any:
    """All that is stored of tasks and jobs, and the audit."""
    return [*await world.dump(), *await world.sql(
        """SELECT to_jsonb(t) FROM task t UNION ALL SELECT to_jsonb(f) FROM task_file f
           UNION ALL SELECT to_jsonb(e) FROM task_event e UNION ALL SELECT to_jsonb(a) FROM audit a""")]


@ensureDeferred
async def test_bob_cannot(world: TaskWorld) -> None:
    """What is Alice's only she steers, by any verb: Bob is told so, with who he is; nothing changes. Nor can a job of hers, or
    nobody."""
    task_id = await world.submit(parameters("random"))
    await world.rounds()
    before = await everything(world)
    for act in VERBS.values():
        with pytest.raises(Forbidden, match=rf"task {task_id} is steered by its owner, or an admin; you are .*CN=bob"):
            await act(world.tasks, BOB, task_id)
        with pytest.raises(Forbidden):
            await act(world.tasks, a_caller("alice", limited=True), task_id)
        with pytest.raises(NotAuthenticated):
            await act(world.tasks, Caller(None), task_id)
        with pytest.raises(NotFound, match="there is no task 7"):
            await act(world.tasks, ALICE, 7)
    assert await everything(world) == before


@ensureDeferred
async def test_others_who_may(world: TaskWorld) -> None:
    """Managers of its group, and admins; production its own kind of work."""
    mine = await world.submit(parameters("random", workingGroup="phys"))
    manager = Caller(BOB.identity, groups=frozenset({"phys"}), host="h")
    await world.tasks.pause(manager, mine)
    await world.tasks.resume(a_caller("root", Role.ADMIN), mine)
    with pytest.raises(Forbidden):
        await world.tasks.kill(a_caller("prod", Role.PRODUCTION), mine)
    production = a_caller("prod", Role.PRODUCTION)
    official = await world.submit(parameters("random", prodSourceLabel="managed"), production)
    await world.tasks.kill(a_caller("other", Role.PRODUCTION), official)
    with pytest.raises(Forbidden, match="needs the production role"):
        await world.submit(parameters("random", prodSourceLabel="managed"))


@ensureDeferred
async def test_production_is_remembered(world: TaskWorld) -> None:
    """The jobs of a production task are made by the loop, when nobody is there to show a role."""
    task_id = await world.submit(parameters(prodSourceLabel="managed"), a_caller("prod", Role.PRODUCTION))
    await world.rounds()
    (job,) = await world.jobs_of(task_id)
    assert job.prodSourceLabel == "managed" and job.prodUserName == "prod"


CAN_BE = {
    "kill": TASK_TRANSITIONS[TaskEvent.KILLED].sources, "finish": TASK_TRANSITIONS[TaskEvent.FINISH_ASKED].sources,
    "retry": TASK_TRANSITIONS[TaskEvent.RETRIED].sources | GENERATING,
    "retry with": TASK_TRANSITIONS[TaskEvent.RESUBMITTED].sources, "pause": TASK_TRANSITIONS[TaskEvent.PAUSED].sources,
    "resume": TASK_TRANSITIONS[TaskEvent.RESUMED].sources, "reactivate": TASK_TRANSITIONS[TaskEvent.REACTIVATED].sources,
    "reload_input": TASK_TRANSITIONS[TaskEvent.RELOADED].sources, "increase_attempts": frozenset(TaskStatus)}


@ensureDeferred
async def test_when_it_can_be(world: TaskWorld) -> None:
    """In each state each verb does what it is for, or says in which it does, and then nothing changes."""
    task_id = await world.submit(parameters("random"))
    for status in TaskStatus:
        for verb, act in VERBS.items():
            await world.sql("UPDATE task SET status = %(s)s WHERE jeditaskid = %(id)s RETURNING 1", s=status, id=task_id)
            try:
                await act(world.tasks, ALICE, task_id)
            except Conflict as refused:
                assert f"jediTaskID={task_id} is in the {status} state; this is for tasks that are" in str(refused), verb
                assert await world.task_status(task_id) is status and status not in CAN_BE[verb]
            else:
                assert status in CAN_BE[verb], (verb, status)


@ensureDeferred
async def test_kill(world: TaskWorld) -> None:
    """The task and its jobs: those that wait at once, one that runs when its pilot has heard; then it is aborted, and no more
    jobs come. It stands in the audit, with who did it."""
    task_id = await world.submit(parameters("random", nEvents=2))
    await world.rounds()
    first, second = await world.live_jobs(task_id)
    await world.end_jobs([first], JobStatus.FINISHED)
    said = await world.tasks.kill(ALICE, task_id)
    assert said == f"command=kill is registered for jediTaskID={task_id}: {task_id} is killed, and 1 jobs of it"
    assert await world.status(second.PandaID or 0) is JobStatus.CANCELLED
    await world.rounds()
    assert await world.task_status(task_id) is TaskStatus.ABORTED and await world.dialog(task_id) == "killed by alice"
    assert not await world.live_jobs(task_id)
    acts = await world.sql("SELECT act, target, who FROM audit ORDER BY id")
    subject = ALICE.identity.subject if ALICE.identity else ""
    assert acts == [("kill", f"jobs {second.PandaID}", subject), ("kill task", f"task {task_id}", subject)]


@ensureDeferred
async def test_finish(world: TaskWorld) -> None:
    """Softly: the jobs that are there may end, no others come; else they are killed. It ends by what was processed."""
    for soft, status in ((True, TaskStatus.FINISHED), (False, TaskStatus.FAILED)):
        slow = TaskWorld(world.store, max_jobs=2)
        task_id = await slow.submit(parameters("random", nEvents=4, taskName=f"user.alice.{soft}/"))
        await slow.rounds()
        assert len(await slow.live_jobs(task_id)) == 2
        await slow.tasks.finish(ALICE, task_id, soft)
        await slow.work(task_id)
        assert (await slow.task_status(task_id), len(await slow.jobs_of(task_id))) == (status, 2)


@ensureDeferred
async def test_pause_and_resume(world: TaskWorld) -> None:
    """No more jobs while it is paused; those that are end, and are counted; then it goes on where it was."""
    slow = TaskWorld(world.store, max_jobs=2)
    task_id = await slow.submit(parameters("random", nEvents=4))
    await slow.rounds()
    await slow.tasks.pause(ALICE, task_id)
    await slow.end_jobs(await slow.live_jobs(task_id))
    await slow.rounds()
    assert (await slow.task_status(task_id), await slow.figures(task_id)) == (TaskStatus.PAUSED, (4, 2, 0))
    assert not await slow.live_jobs(task_id)
    await slow.tasks.resume(ALICE, task_id)
    await slow.work(task_id)
    assert (await slow.task_status(task_id), await slow.figures(task_id)) == (TaskStatus.DONE, (4, 4, 0))


@ensureDeferred
async def test_retry(world: TaskWorld) -> None:
    """What failed goes into a job again, the same files together, and writes into a dataset of its own; nothing else does."""
    world.shelf.put("user.ann.input1/", *(f"in.{n}.root" for n in range(6)))
    task_id = await world.submit(parameters("build", buildSpec=None, nFilesPerJob=2, jobParameters=[
        {"type": "template", "param_type": "input", "value": "-i ${IN}", "dataset": "user.ann.input1/"},
        {"type": "template", "param_type": "output", "value": "x.${SN}.root", "dataset": "user.ann.out/", "hidden": True}]))
    await world.rounds()
    bad = (await world.live_jobs(task_id))[1]
    await world.work(task_id, lambda job: JobStatus.FAILED if job.PandaID == bad.PandaID else JobStatus.FINISHED)
    assert await world.figures(task_id) == (6, 4, 2)
    code, said = await world.tasks.retry(ALICE, task_id, {})
    assert code == 0 and said == (f"command=retry is registered for jediTaskID={task_id}: {task_id} is set going, "
                                  "and 2 failed files of it are tried again")
    await world.rounds()
    (again,) = await world.live_jobs(task_id)
    assert again.jobParameters == bad.jobParameters and again.destinationDBlock == f"user.ann.out.{again.jediTaskID}.2"
    assert {f.lfn for f in again.outputs}.isdisjoint(f.lfn for f in bad.outputs)
    await world.work(task_id)
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.DONE, (6, 6, 0))
    assert [f.lfn for f in (await world.catalogue.contents("user.ann.out/", 100)).files] == [
        f"x.{n:06d}.root" for n in (1, 3, 4)]


@ensureDeferred
async def test_retry_with_new_parameters(world: TaskWorld) -> None:
    """They count from then on; what cannot change is named, and nothing is retried."""
    task_id = await world.submit(parameters("random", nEvents=2))
    await world.work(task_id)
    with pytest.raises(BadRequest, match="new_parameters.taskName: cannot change"):
        await world.tasks.retry(ALICE, task_id, {"taskName": "x"})
    code, _ = await world.tasks.retry(ALICE, task_id, {"nEvents": 3, "site": "B"})
    assert code == 3
    await world.rounds()
    (job,) = await world.live_jobs(task_id)
    assert job.computingSite == "B"
    assert (await world.views.view(ALICE, task_id)).task.parameters["nEvents"] == 3


@ensureDeferred
async def test_retry_of_a_running_one(world: TaskWorld) -> None:
    """What has failed until then is tried again at once."""
    task_id = await world.submit(parameters("random", nEvents=2))
    await world.rounds()
    bad, _ = await world.live_jobs(task_id)
    await world.end_jobs([bad], JobStatus.FAILED)
    await world.rounds()
    await world.tasks.retry(ALICE, task_id, {})
    await world.rounds()
    assert len(await world.live_jobs(task_id)) == 2 and await world.figures(task_id) == (2, 0, 0)


@ensureDeferred
async def test_reload(world: TaskWorld) -> None:
    """Files that came since are processed; those that were are not again."""
    world.shelf.put("user.ann.input1/", "a.root")
    task_id = await world.submit(parameters("build", buildSpec=None, nFilesPerJob=1, jobParameters=[
        {"type": "template", "param_type": "input", "value": "-i ${IN}", "dataset": "user.ann.input1/"}]))
    await world.work(task_id)
    world.shelf.put("user.ann.input1/", "a.root", "b.root")
    await world.tasks.reload_input(ALICE, task_id)
    await world.work(task_id)
    assert [job.jobParameters for job in await world.jobs_of(task_id)] == ["-i a.root", "-i b.root"]
    assert await world.task_status(task_id) is TaskStatus.DONE


@ensureDeferred
async def test_more_attempts(world: TaskWorld) -> None:
    """Jobs made from then on have them; a number that cannot be is named."""
    task_id = await world.submit(parameters("random", nEvents=1, maxAttempt=2))
    await world.tasks.increase_attempts(ALICE, task_id, 3)
    with pytest.raises(BadRequest, match="increase: 0 is not from 1 to 100"):
        await world.tasks.increase_attempts(ALICE, task_id, 0)
    await world.rounds()
    (job,) = await world.jobs_of(task_id)
    assert job.maxAttempt == 5


async def again(world: TaskWorld, **but: Any) -> TaskReceipt:
    """prun, once more."""
    return await world.tasks.submit(ALICE, parameters("random", **but), None)


@ensureDeferred
async def test_submitted_twice(world: TaskWorld) -> None:
    """The very same at once is a lost answer, and gets the first one; another task of the same name is told that there is one;
    Bob's is his own. After its end the name sets the same task going again, with what may change."""
    first = await again(world, nEvents=2)
    repeat = await again(world, nEvents=2)
    assert first.message == f"succeeded. new jediTaskID={first.task_id}"
    assert (repeat.code, repeat.task_id) == (Code.NEW, first.task_id) and "a repeat" in repeat.message
    other = await again(world, nEvents=3)
    assert (other.code, other.taken) == (Code.ALIVE, False)
    assert f"jediTaskID={first.task_id} is in the registered state for outDS=user.ann.test3/" in other.message
    assert (await world.tasks.submit(BOB, parameters("random", nEvents=2), None)).task_id != first.task_id
    await world.work(first.task_id or 0)
    more = await again(world, nEvents=3)
    assert (more.code, more.task_id) == (Code.AGAIN, first.task_id) and "reactivation accepted" in more.message
    await world.work(first.task_id or 0)
    assert await world.figures(first.task_id or 0) == (3, 3, 0)
    assert (await again(world, nEvents=3)).message.startswith("a repeat")


@ensureDeferred
async def test_repeats_end(store: Store) -> None:
    """After the window the same is another submission: of a name that has a live task, refused as PanDA refuses it."""
    world = TaskWorld(store)
    first = await again(world)
    await world.sql("UPDATE task SET submitted = now() - interval '1 h' RETURNING 1")
    assert (await again(world)).code is Code.ALIVE
    many = [await again(world, uniqueTaskName=False) for _ in range(2)]
    assert many[0].task_id == many[1].task_id != first.task_id
    await world.sql("UPDATE task SET submitted = now() - interval '1 h' RETURNING 1")
    assert (await again(world, uniqueTaskName=False)).task_id != many[0].task_id


@ensureDeferred
async def test_together(world: TaskWorld) -> None:
    """Two clients of one person at the same moment make one task of one name."""
    receipts = await gatherResults([Deferred.fromCoroutine(again(world)) for _ in range(6)])
    assert len({receipt.task_id for receipt in receipts}) == 1
    assert await world.sql("SELECT count(*) FROM task") == [(1,)]


@ensureDeferred
async def test_too_many(world: TaskWorld) -> None:
    """Somebody's tasks that have not ended are bounded; Bob's are not Alice's."""
    config = JediConfig(max_tasks=2)
    tasks = Tasks(world.store, Drafts(config), config, UserInterfaceConfig())
    codes = [(await tasks.submit(who, parameters(taskName=f"user.a.{n}/"), None)).code
             for who in (ALICE, BOB) for n in range(3)]
    assert codes == [Code.NEW, Code.NEW, Code.TOO_MANY] * 2


ODD: list[tuple[dict[str, Any], str]] = [
    ({"jobParameters": [{"type": "template", "param_type": "input", "value": "${IN}", "dataset": "a", "include": "x{300}"}],
      "noInput": False}, "is no plain regular expression"),
    ({"taskName": "x\ud800"}, "holds what is no JSON"),
    ({"taskName": "user.a.\x1b[2J/"}, r"taskName: holds the control or formatting character U\+001B"),
    ({"site": "A\u202e"}, r"site: holds the control or formatting character U\+202E"),
    ({"cliParams": "x\0"}, "holds a NUL character"),
    ({"cliParams": "x" * (1 << 20)}, "has more than 1048576 bytes"),
    ({"cliParams": 10**30}, "holds what is no JSON"),
    ({"site": "A*,-A*", "includedSite": ["A*"], "excludedSite": ["A*"]}, "rules them out too"),
]


@ensureDeferred
async def test_what_cannot_be_stored(world: TaskWorld) -> None:
    """Is refused when it is submitted, and says why: nothing of it comes up later."""
    for but, said in ODD:
        with pytest.raises(BadRequest, match=said):
            await world.tasks.submit(ALICE, parameters(**but), None)
    with pytest.raises(BadRequest, match="parent_tid: there is no task 5"):
        await world.tasks.submit(ALICE, parameters(), 5)
    assert await world.sql("SELECT count(*) FROM task") == [(0,)]


@ensureDeferred
async def test_whose_tasks_are_listed(world: TaskWorld) -> None:
    """One's own, by all identities of the account; those of everybody only for production, who asks for a user."""
    mine = await world.submit(parameters("random"))
    his = await world.submit(parameters("random"), BOB)
    both = Caller(ALICE.identity, others=frozenset({BOB.identity} if BOB.identity else ()))

    async def listed(who: Caller, **filters: str) -> list[int]:
        return [view.task.id for view in await world.views.mine(who, filters, None, 100)]

    assert await listed(ALICE) == [mine] and await listed(BOB) == [his] and await listed(both) == [his, mine]
    assert await listed(ALICE, userName="bob") == [] == await listed(ALICE, jediTaskID=str(his))
    assert await listed(a_caller("p", Role.PRODUCTION), userName="*") == [his, mine]


@ensureDeferred
async def test_filters(world: TaskWorld) -> None:
    """As pbook and scripts say them; one that there is not is named."""
    first = await world.submit(parameters("random"))
    second = await world.submit(parameters(vo="other", workingGroup="phys"))
    await world.rounds()

    async def listed(**filters: str) -> set[int]:
        return {view.task.id for view in await world.views.mine(ALICE, filters, None, 100)}

    assert await listed(jediTaskID=f"{first}|{second}") == {first, second} == await listed(superStatus="running")
    assert await listed(reqID=str(first)) == {first} == await listed(taskName="user.ann.test3/")
    assert await listed(taskName="user.ann.*") == {first, second} and await listed(taskName="user_ann%") == set()
    assert await listed(vo="other") == {second} == await listed(workingGroup="phys") == await listed(vo="o*", status="running")
    assert await listed(superStatus="submitting") == set() == await listed(status="done")
    assert await listed(prodSourceLabel="user", processingType="panda-client-*") == {first, second}
    for bad in ({"splitRule": "x"}, {"jediTaskID": "x"}):
        with pytest.raises(BadRequest, match=f"filters.{next(iter(bad))}"):
            await listed(**bad)


async def told_of(world: TaskWorld, task_id: int) -> None:
    """What the payload of the one job that is left told, once it is finished: an object, or text as it is; of others nothing."""
    last, = await world.live_jobs(task_id)
    write = "UPDATE job_text SET metadata = %(told)s WHERE pandaid = %(id)s RETURNING 1"
    for told, shown in (('{"events": 5}', {"events": 5}), ("no JSON {", "no JSON {")):
        for job in await world.jobs_of(task_id):
            await world.sql(write, told=told, id=job.PandaID)
        if told.startswith("{"):
            assert await world.views.metadata(BOB, task_id) == {}
            await world.end_jobs([last])
        assert await world.views.metadata(BOB, task_id) == {str(last.PandaID): shown}


@ensureDeferred
async def test_what_is_shown(world: TaskWorld) -> None:
    """Jobs, datasets, files and figures, as they are."""
    world.shelf.put("user.ann.input1/", "a.root", "b.root")
    task_id = await world.submit(parameters("build", buildSpec=None, nFilesPerJob=1, jobParameters=[
        {"type": "template", "param_type": "input", "value": "-i ${IN}", "dataset": "user.ann.input1/"}]))
    await world.rounds()
    first, _ = await world.live_jobs(task_id)
    await world.end_jobs([first], JobStatus.FAILED)
    await world.rounds()
    views = world.views
    assert len(await views.job_ids(ALICE, task_id)) == 2
    assert [job.PandaID for job in await views.descriptions(BOB, task_id, True)] == [first.PandaID]
    details = await views.details(ALICE, task_id)
    assert (details["inDS"], details["statistics"]) == ("user.ann.input1/", "failed*1,running*1")
    (found,) = await views.datasets(ALICE, task_id, [], False)
    assert found["dataset"]["name"] == "user.ann.input1/" and [(f["lfn"], f["status"]) for f in found["files"]] == [
        ("a.root", "failed"), ("b.root", "running")]
    assert [d["files"] for d in await views.datasets(ALICE, task_id, ["log"], True)] == [[]]
    with pytest.raises(NotFound, match="there is no parent of task"):
        await views.parent(ALICE, task_id)
    await told_of(world, task_id)
    with pytest.raises(NotFound, match="there is no task 5"):
        await views.job_ids(ALICE, 5)
