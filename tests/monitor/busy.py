"""A grid that has been at work for a day: queues good and bad, jobs in every state, pilots that asked, and a past to be drawn."""

from __future__ import annotations

from typing import Any

from factories import ALICE, ANCHOR, a_file, a_job
from stages import PATHS, Stage

from pandad.spec.caller import Identity
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus

S = JobStatus
GOOD, BAD, SMALL, TAPE = "CERN_GRID", "UKI_ECLIPSE", "TINY_CLUSTER", "BNL_TAPE"
SECRET = "topsecret"  # in whatever is nobody else's business
BOB = Identity(ANCHOR, "/DC=org/DC=test/CN=bob")

# Every five minutes of a day; every ten.
PAST = f"""
    INSERT INTO queue_end (bucket, queue, started, finished, failed, fast)
    SELECT date_bin('5 min', now(), 'epoch') - n * interval '5 min', q.name, 40, (q.good * (1.2 + sin(n / 20.0)))::int,
           (q.bad * (1.1 + cos(n / 9.0)))::int, 0
    FROM generate_series(0, 287) AS n, (VALUES ('{GOOD}', 40, 2), ('{BAD}', 6, 14), ('{SMALL}', 4, 1)) AS q(name, good, bad)
    ON CONFLICT DO NOTHING;
    INSERT INTO queue_cause (bucket, queue, cause, jobs)
    SELECT date_bin('5 min', now(), 'epoch') - n * interval '5 min', c.queue, c.cause, c.jobs FROM generate_series(0, 287) AS n,
        (VALUES ('{GOOD}', 'transExitCode:1', 1), ('{GOOD}', 'pilot:1150', 1), ('{BAD}', 'pilot:1099', 9),
                ('{BAD}', 'pilot:1137', 3), ('{BAD}', 'jobDispatcher:100', 2), ('{SMALL}', 'pilot:1235', 1))
            AS c(queue, cause, jobs)
    ON CONFLICT DO NOTHING;
    INSERT INTO state_past (queue, bucket, jobstatus, jobs)
    SELECT q.name, date_bin('10 min', now(), 'epoch') - n * interval '10 min', s.state::job_status,
           (q.size * s.part * (1.3 + sin(n / 17.0 + s.part)))::int
    FROM generate_series(1, 143) AS n, (VALUES ('', 9), ('{GOOD}', 6), ('{BAD}', 2), ('{SMALL}', 1)) AS q(name, size),
         (VALUES ('running', 60), ('activated', 90), ('starting', 5), ('holding', 4), ('defined', 20), ('transferring', 9))
             AS s(state, part)
    ON CONFLICT DO NOTHING;
    INSERT INTO pilot_call (bucket, queue, asked, served, heard)
    SELECT date_bin('5 min', now(), 'epoch') - n * interval '5 min', q, 50, 41, 300 FROM generate_series(0, 20) AS n,
        unnest(ARRAY['{GOOD}', '{BAD}']) AS q ON CONFLICT DO NOTHING;
    INSERT INTO pilot_refusal (bucket, queue, criterion, calls)
    SELECT date_bin('5 min', now(), 'epoch') - n * interval '5 min', q, 'memory', 6 FROM generate_series(0, 20) AS n,
        unnest(ARRAY['{GOOD}', '{BAD}']) AS q ON CONFLICT DO NOTHING;
    INSERT INTO pilot_last (queue, asked, heard) SELECT q, now(), now() FROM unnest(ARRAY['{GOOD}', '{BAD}']) AS q
    ON CONFLICT DO NOTHING;
    INSERT INTO pilot_request (queue, process, at, requests)
    SELECT q, 'host:1:x', now(), jsonb_build_array(
        jsonb_build_object('at', now(), 'demands', '{{"memory_mb": 2000, "node": "wn17.example.org", "label": "user"}}'::jsonb,
                           'jobs', 1, 'refusals', '[]'::jsonb))
    FROM unnest(ARRAY['{GOOD}', '{BAD}']) AS q ON CONFLICT DO NOTHING
"""
FAILED = f"""
    UPDATE job SET piloterrorcode = 1099, piloterrordiag = 'Failed to stage in {SECRET}_input.root'
    WHERE computingsite = '{BAD}' AND jobstatus = 'failed'"""
FOUND = f"""
    SELECT max(pandaid) FILTER (WHERE computingsite = '{BAD}' AND jobstatus = 'failed'),
           max(pandaid) FILTER (WHERE computingsite = '{GOOD}' AND jobstatus = 'running'),
           max(pandaid) FILTER (WHERE ownersubject = '{BOB.subject}' AND jobstatus = 'failed') FROM job"""
TASK = 10_000_007
TASKS = f"""
    INSERT INTO task (jeditaskid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo, prodsourcelabel,
                      currentpriority, production, creationhost, parameters, digest, errordialog)
    SELECT {TASK} + n, 'user.alice.{SECRET}.' || n, true, (ARRAY['running', 'done', 'failed', 'broken'])[1 + n]::task_status,
           %(anchor)s, %(subject)s, 'alice', 'test', 'user', 1000, false, 'h', '{{}}', '', '{SECRET}'
    FROM generate_series(0, 3) AS n;
    INSERT INTO task_event (jeditaskid, event, tostatus, actor, who, why)
    SELECT jeditaskid, 'submitted', 'registered', 'user', %(subject)s, '{SECRET}' FROM task;
    INSERT INTO task_dataset (jeditaskid, type, name, container, nfiles, nfilesfinished, nfilesfailed)
    SELECT jeditaskid, 'input', 'user.alice.{SECRET}', 'user.alice.{SECRET}', 100, 63, 9 FROM task;
    UPDATE job SET jeditaskid = {TASK} WHERE computingsite = '{GOOD}';
    INSERT INTO task_job (pandaid, jeditaskid, kind, round) SELECT pandaid, {TASK}, 'run', 1 FROM job WHERE jeditaskid = {TASK}"""
SPREAD = """
    UPDATE job SET statechangetime = statechangetime - make_interval(secs => pandaid * 7 % 7200),
                   creationtime = creationtime - make_interval(secs => 7200 + pandaid * 7 % 7200)
    WHERE jobstatus <> 'defined'"""
EVENTS = """
    UPDATE job_event e SET at = j.statechangetime - make_interval(secs => CASE e.event WHEN 'submitted' THEN 7200
        WHEN 'claimed' THEN 900 WHEN 'started' THEN 850 WHEN 'running' THEN 780 ELSE 0 END)
    FROM job j WHERE j.pandaid = e.pandaid"""


def _files(name: str) -> list[Any]:
    return [a_file(lfn=f"secret_input_{name}.root", type="input", dataset=f"user.{name}.in", fsize=2_500_000_000),
            a_file(lfn=f"secret_output_{name}.root")]


async def fill(stage: Stage, alice: Identity = ALICE, jobs: int = 12) -> dict[str, int]:
    """Make it so. Some PandaIDs: ``never`` waits for a queue that there is not, and is Bob's, as ``bobs``; ``waiting`` waits for
    a pilot; ``failed`` failed at BAD; ``running`` is what it says. All others are Alice's, or every third Bob's."""
    for name, memory in ((GOOD, 16000), (BAD, 8000), (SMALL, 2000), (TAPE, 4000)):
        await stage.queue(nickname=name, atlas_site=name.split("_")[0], maxrss=memory, corecount=8)
    found: dict[str, int] = {}
    for queue in (GOOD, BAD, SMALL):
        for state in (S.RUNNING, S.STARTING, S.HOLDING, S.FINISHED, S.FAILED):
            for number in range(jobs if state is S.RUNNING else max(jobs // 3, 1)):
                await _reached(stage, queue, state, (BOB, "bob") if number % 3 == 0 else (alice, "alice"))
        waiting = [job("alice", jobStatus=S.ACTIVATED, computingSite=queue, minRamCount=2000,
                        workingGroup="phys" if n % 2 else None) for n in range(jobs)]
        found["waiting"] = (await stage.jobs(*waiting, owner=alice))[0]
    found["never"], *_ = await stage.jobs(*[job("bob", minRamCount=64000) for _ in range(3)], owner=BOB)
    for statement in (FAILED, SPREAD, EVENTS, *PAST.split(";\n")):
        await stage.sql(statement + " RETURNING 1")
    for statement in TASKS.split(";\n"):
        await stage.sql(statement + " RETURNING 1", anchor=alice.anchor, subject=alice.subject)
    ((found["failed"], found["running"], found["bobs"]),) = await stage.sql(FOUND)
    return found


def job(name: str, **but: Any) -> JobSpec:
    """Somebody's, with much in it that is nobody else's business."""
    return a_job(**{
        "jobName": f"{name}'s analysis", "prodUserName": name, "jobParameters": f"--{SECRET} parameter", "Files": [
            a_file(lfn=f"{SECRET}_input.root", type="input", dataset=f"user.{name}.in", fsize=2_500_000_000),
            a_file(lfn=f"{SECRET}_output.root")], **but})


async def _reached(stage: Stage, queue: str, state: JobStatus, whose: tuple[Identity, str]) -> None:
    owner, name = whose
    log = f"https://logs.example.org/{SECRET}.log|PR|3.7"
    made = job(name, jobStatus=S.ACTIVATED, computingSite=queue, prodUserID=owner.subject, pilotID=log)
    (panda_id,) = await stage.jobs(made, owner=owner)
    await stage.claim(queue=queue)
    for event, actor in PATHS[state]:
        await stage.event(event, panda_id, actor=actor)
