"""Tasks from their submission to their end, on a database."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from pandad.spec.jobstatus import JobStatus
from pandad.spec.taskstatus import TaskStatus

from .taskworld import TaskWorld, parameters


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
