"""Tasks from their submission to their end, on a database."""

from __future__ import annotations

from pytest_twisted import ensureDeferred
from taskworld import TaskWorld, parameters
from twisted.internet.defer import Deferred, gatherResults

from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import Contents
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer import history
from pandad.taskbuffer.store import Store


@ensureDeferred
async def test_from_submission_to_done(world: TaskWorld) -> None:
    """prun without input: one job, told as prun wants it, and the task is done when it has finished."""
    task_id = await world.submit(sourceURL="http://cache.test:25080")
    assert task_id >= 10_000_000 and await world.task_status(task_id) is TaskStatus.REGISTERED
    await world.rounds()
    assert await world.task_status(task_id) is TaskStatus.RUNNING
    (job,) = await world.jobs_of(task_id)
    assert (job.jediTaskID, job.reqID, job.prodSourceLabel, job.lockedby) == (task_id, task_id, "user", "jedi")
    assert job.transformation == "http://cache.test:25080/trf/user/runGen-00-00-02"
    assert (job.jobParameters or "").startswith('-j "" --sourceURL http://cache.test:25080 -r . -a jobO.')
    assert (job.jobParameters or "").endswith('-p "echo%20hi"')
    assert [f.lfn for f in job.logs] == [f"user.ann.test1.log.{task_id}.000001.log.tgz"]
    assert job.computingSite == "TEST_PQ" and job.is_pinned
    await world.work(task_id)
    assert await world.task_status(task_id) is TaskStatus.DONE
    assert await world.figures(task_id) == (1, 1, 0)


@ensureDeferred
async def test_build_first(world: TaskWorld) -> None:
    """With a build the library is made first; the run jobs come then, and have it among their inputs."""
    world.shelf.put("user.ann.input1/", *(f"in.{n:03d}.root" for n in range(25)), "x.log.tgz")
    task_id = await world.submit(parameters("build"))
    await world.rounds()
    (build,) = await world.jobs_of(task_id)
    assert build.prodSourceLabel == "panda" and (build.transformation or "").endswith("/trf/user/buildGen-00-00-01")
    (lib,) = [f.lfn for f in build.Files if f.type == "output"]
    archive = "sources.e3b7de38-caa3-458d-b6c2-fcb4b02a28dd.tar.gz"
    assert build.jobParameters == f"-i {archive} -o {lib} --sourceURL http://127.0.0.1:1 -r . "
    await world.end_jobs([build])
    await world.rounds()
    runs = await world.live_jobs(task_id)
    assert [len(job.inputs) for job in runs] == [11, 11, 6]
    assert all(f"-l {lib}" in (job.jobParameters or "") for job in runs)
    assert [f.lfn for f in runs[0].inputs][-1] == lib and runs[0].inputs[-1].prodDBlockToken == "local"
    assert "-i \"['in.000.root','in.001.root'" in (runs[0].jobParameters or "")
    assert [("%20101" in job.jobParameters, "%20102" in job.jobParameters) for job in runs[:2] if job.jobParameters] == [
        (True, False), (False, True)]
    await world.work(task_id, lambda job: JobStatus.FAILED if "000003" in (job.jobName or "") else JobStatus.FINISHED)
    assert await world.task_status(task_id) is TaskStatus.FINISHED
    assert await world.figures(task_id) == (25, 20, 5)


@ensureDeferred
async def test_no_more_jobs_at_a_time_than_allowed(store: Store) -> None:
    """Jobs come in portions, as others end; each file is in one of them, once."""
    world = TaskWorld(store, max_jobs=4, portion=3)
    task_id = await world.submit(parameters("random", nEvents=11))
    seen = []
    for _ in range(6):
        await world.rounds(4)
        live = await world.live_jobs(task_id)
        assert len(live) <= 4
        seen += [job.jobName for job in live]
        await world.end_jobs(live)
    await world.rounds()
    assert await world.figures(task_id) == (11, 11, 0) and len(set(seen)) == 11
    told = [job.jobParameters or "" for job in await world.jobs_of(task_id)]
    assert sorted(int(text.split("%20")[2]) for text in told) == list(range(11, 22))
    assert await world.task_status(task_id) is TaskStatus.DONE


@ensureDeferred
async def test_failed_and_closed(world: TaskWorld) -> None:
    """A job that failed takes its files with it; of one that pandad closed the files go into another one."""
    task_id = await world.submit(parameters("random", nEvents=3))
    await world.rounds()
    good, bad, closed = await world.live_jobs(task_id)
    await world.end_jobs([good])
    await world.end_jobs([bad], JobStatus.FAILED)
    await world.end_jobs([closed], JobStatus.CLOSED)
    await world.rounds()
    (again,) = await world.live_jobs(task_id)
    assert (again.jobParameters or "").split("%20")[2] == (closed.jobParameters or "").split("%20")[2]
    await world.work(task_id)
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.FINISHED, (3, 2, 1))
    assert await world.dialog(task_id) == f"2 of 3 files were processed; job {bad.PandaID} is failed"


@ensureDeferred
async def test_nothing_succeeds(world: TaskWorld) -> None:
    """Then the task has failed, and says so with the job's own error."""
    task_id = await world.submit()
    await world.work(task_id, lambda _: JobStatus.FAILED)
    assert await world.task_status(task_id) is TaskStatus.FAILED
    assert (await world.dialog(task_id)).startswith("0 of 1 files were processed; job ")


@ensureDeferred
async def test_a_build_that_fails(world: TaskWorld) -> None:
    """Fails the task, for there is nothing to run; a retry builds again."""
    world.shelf.put("user.ann.input1/", "a.root")
    task_id = await world.submit(parameters("build"))
    await world.work(task_id, lambda _: JobStatus.FAILED)
    assert await world.task_status(task_id) is TaskStatus.FAILED and "its build job" in await world.dialog(task_id)
    await world.tasks.retry(world.alice, task_id, {})
    await world.work(task_id)
    assert await world.task_status(task_id) is TaskStatus.DONE
    assert [job.prodSourceLabel for job in await world.jobs_of(task_id)] == ["panda", "panda", "user"]


@ensureDeferred
async def test_new_sources(world: TaskWorld) -> None:
    """prun --useNewCode under the same name: what failed runs with new sources, of which a new library is built."""
    world.shelf.put("user.ann.input1/", "a.root", "b.root")
    first = parameters("build", nFilesPerJob=1)
    task_id = await world.submit(first)
    await world.work(task_id, lambda job: JobStatus.FAILED if "000002" in (job.jobName or "") else JobStatus.FINISHED)
    assert await world.submit({**first, "fixedSandbox": "sources.new.tar.gz"}) == task_id
    await world.work(task_id)
    old, *_, new, run = await world.jobs_of(task_id)
    assert "-i sources.e3b7" in (old.jobParameters or "") and "-i sources.new.tar.gz" in (new.jobParameters or "")
    assert f"-l {new.outputs[0].lfn} " in (run.jobParameters or "") and "b.root" in (run.jobParameters or "")
    assert await world.task_status(task_id) is TaskStatus.DONE

    plain = await world.submit(fixedSandbox="jobO.new.tar.gz")
    await world.rounds()
    (job,) = await world.jobs_of(plain)
    assert "-a jobO.new.tar.gz" in (job.jobParameters or "")


@ensureDeferred
async def test_input_that_is_not_there(store: Store) -> None:
    """An unknown dataset breaks the task at once, with its name; what is not known now, or empty, is waited for, and not for
    ever."""
    world = TaskWorld(store, input_wait_s=1000)
    unknown = await world.submit(parameters("build", taskName="user.ann.a/"))
    await world.rounds()
    assert await world.task_status(unknown) is TaskStatus.BROKEN
    assert await world.dialog(unknown) == "unknown dataset user.ann.input1/"
    world.shelf.datasets["user.ann.input1/"] = Contents(problem="Rucio is away")
    waiting = await world.submit(parameters("build", taskName="user.ann.b/"))
    await world.rounds()
    assert (await world.task_status(waiting), await world.dialog(waiting)) == (TaskStatus.PENDING, "Rucio is away")
    assert len([e for e in await world.views.history(world.alice, waiting) if e["became"] == "pending"]) == 1
    world.shelf.put("user.ann.input1/", "x.log.tgz")
    await world.rounds()
    assert await world.dialog(waiting) == "of user.ann.input1/ there is no file that the task wants"
    await world.sql("UPDATE task SET submitted = now() - interval '1 h' RETURNING 1")
    await world.rounds()
    assert await world.task_status(waiting) is TaskStatus.BROKEN and not await world.jobs_of(waiting)


@ensureDeferred
async def test_names_and_numbers_that_cannot_be(store: Store) -> None:
    """Input whose files no pilot can be told of, or too much of it, breaks the task and not the loop."""
    world = TaskWorld(store, max_files=3)
    world.shelf.put("user.ann.input1/", "a,b.root")
    comma = await world.submit(parameters("build", taskName="user.ann.a/"))
    await world.rounds()
    assert "'a,b.root'" in await world.dialog(comma)
    many = await world.submit(parameters("random", nEvents=4))
    await world.rounds()
    assert "at most 3 here" in await world.dialog(many)


@ensureDeferred
async def test_which_files(world: TaskWorld) -> None:
    """As many as asked for, after those that are passed over, by name, with these patterns and no others."""
    world.shelf.put("user.ann.input1/", *(f"in.{n}.root" for n in range(9)), "in.9.txt", "in.0.log.tgz")
    item = {"type": "template", "param_type": "input", "value": "-i ${IN}", "dataset": "user.ann.input1/",
            "include": "root$,txt$", "exclude": "in\\.4", "offset": 2}
    task_id = await world.submit(parameters("build", jobParameters=[item], nFiles=5, buildSpec=None, nFilesPerJob=5))
    await world.rounds()
    (job,) = await world.jobs_of(task_id)
    assert job.jobParameters == "-i in.2.root,in.3.root,in.5.root,in.6.root,in.7.root"


@ensureDeferred
async def test_a_task_reads_what_another_wrote(world: TaskWorld) -> None:
    """Without a data management that knows datasets they are what tasks wrote, by the name that prun gave them."""
    first = await world.submit(parameters("random", nEvents=2))
    await world.work(first)
    found = await world.catalogue.contents("user.ann.test3_out.txt/", 100)
    assert [(f.scope, f.lfn, f.size, f.checksum) for f in found.files] == [
        ("user.ann", f"user.ann.{first}._{n:06d}.out.txt", 7, "ad:00000007") for n in (1, 2)]
    assert await world.catalogue.contents("user.ann:user.ann.test3_out.txt", 100) == found
    nobody = await world.catalogue.contents("user.ann.nothing", 100)
    assert nobody.hopeless and "unknown dataset user.ann.nothing" in str(nobody.problem)


@ensureDeferred
async def test_children_wait(world: TaskWorld) -> None:
    """A task with a parent waits for its end, and says so; then it goes on by itself."""
    parent = await world.submit()
    receipt = await world.tasks.submit(world.alice, parameters("random", nEvents=1), parent)
    child = receipt.task_id or 0
    await world.rounds()
    assert await world.dialog(child) == f"waits for its parent, task {parent}, which is running"
    await world.work(parent)
    await world.work(child)
    assert await world.task_status(child) is TaskStatus.DONE
    assert (await world.views.parent(world.alice, child))["jediTaskID"] == parent


@ensureDeferred
async def test_two_loops_at_once(world: TaskWorld) -> None:
    """Rounds of two processes at the same time make no job twice."""
    ids = [await world.submit(parameters("random", nEvents=5, taskName=f"user.ann.t{n}/")) for n in range(4)]
    other = TaskWorld(world.store)
    for _ in range(3):
        await gatherResults([Deferred.fromCoroutine(each.rounds(1)) for each in (world, other, world)])
    for task_id in ids:
        assert len(await world.jobs_of(task_id)) == 5
        await world.work(task_id)
        assert await world.task_status(task_id) is TaskStatus.DONE


@ensureDeferred
async def test_one_bad_task_stops_no_other(world: TaskWorld) -> None:
    """Parameters that a newer pandad does not take any more: the task is broken, and the others go on."""
    bad, good = await world.submit(), await world.submit(parameters("random", nEvents=1))
    await world.sql("UPDATE task SET parameters = '{}' WHERE jeditaskid = %(id)s RETURNING 1", id=bad)
    await world.rounds()
    assert await world.task_status(bad) is TaskStatus.BROKEN and "jobParameters" in await world.dialog(bad)
    assert await world.task_status(good) is TaskStatus.RUNNING


@ensureDeferred
async def test_what_has_no_news_costs_nothing(world: TaskWorld) -> None:
    """A task whose jobs are at work is put off, and nothing is written of it."""
    task_id = await world.submit()
    await world.rounds()
    before = await world.sql("SELECT modificationtime FROM task")
    await world.rounds(2)
    assert await world.sql("SELECT modificationtime FROM task") == before
    assert len(await world.views.history(world.alice, task_id)) == 3


@ensureDeferred
async def test_jobs_that_left_for_the_history(world: TaskWorld) -> None:
    """A loop that was away for long finds there how they ended, and what they wrote."""
    task_id = await world.submit(parameters("random", nEvents=2))
    await world.rounds()
    good, bad = await world.live_jobs(task_id)
    await world.end_jobs([good])
    await world.end_jobs([bad], JobStatus.FAILED)
    await world.store.once("months", history.make_months)
    assert await world.store.once("archive", history.archive, 0, 10) == 2
    await world.rounds()
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.FINISHED, (2, 1, 1))
    assert len((await world.catalogue.contents("user.ann.test3_out.txt/", 100)).files) == 1
