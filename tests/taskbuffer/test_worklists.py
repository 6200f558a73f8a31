"""What the loops find to do: all that is due, the most urgent first, bounded."""

from __future__ import annotations

from collections.abc import Sequence

from factories import a_file, a_job, claimed, happened, stored
from pytest_twisted import ensureDeferred

from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import jobs, moves, worklists
from pandad.taskbuffer.store import Store, Transaction

from .observing import run

S, E = JobStatus, Event


async def due_in(txn: Transaction, ids: Sequence[int], seconds: Sequence[float]) -> None:
    """Plan the next look at each job, from now; negative is overdue."""
    await run(
        txn,
        """UPDATE job SET nextcheck = now() + make_interval(secs => s)
                      FROM unnest(%(ids)s::bigint[], %(s)s::float[]) AS u(id, s) WHERE pandaid = id""",
        ids=list(ids),
        s=list(seconds),
    )


@ensureDeferred
async def test_heads(store: Store) -> None:
    """Defined jobs that are due, by line: of each the most urgent, then the oldest; with what brokerage reads of them. A line
    of which none is due is told as such, and one goes on behind any line."""

    async def body(txn: Transaction) -> None:
        a, b, c, later, _, other = await stored(
            txn,
            [
                a_job(currentPriority=1, Files=[a_file()]),
                a_job(currentPriority=9),
                a_job(currentPriority=9),
                a_job(currentPriority=99),
                a_job(jobStatus=S.ASSIGNED, currentPriority=99),
                a_job(minRamCount=1),
            ],
        )
        await due_in(txn, [later], [60])
        heads = await worklists.heads(txn, 10, 10)
        there, alone = sorted(heads.values(), key=len, reverse=True)
        assert ([j.PandaID for j in there], [j.PandaID for j in alone]) == ([b, c, a], [other])
        (whole,) = await jobs.find(txn, [a])
        assert whole is not None
        found = there[-1]
        assert {n: getattr(found, n) for n in worklists.BROKERED_BY} == {n: getattr(whole, n) for n in worklists.BROKERED_BY}
        assert [(f.lfn, f.type, f.scope) for f in found.Files] == [(f.lfn, f.type, f.scope) for f in whole.Files]
        first, second = sorted(heads)
        assert await worklists.heads(txn, 1, 10) == {first: heads[first]}
        assert await worklists.heads(txn, 10, 10, first) == {second: heads[second]}
        await due_in(txn, [j.PandaID or 0 for j in heads[second]], [60] * len(heads[second]))
        assert await worklists.heads(txn, 10, 10, first) == {second: []}

    await store.transact("body", body)


@ensureDeferred
async def test_behind(store: Store) -> None:
    """Whoever has the first jobs of a line finds the next ones of it behind them."""

    async def body(txn: Transaction) -> None:
        ids = await stored(txn, [a_job(currentPriority=priority) for priority in (9, 9, 9, 1, 1)])
        ((line, there),) = (await worklists.heads(txn, 1, 2)).items()
        assert [j.PandaID for j in there] == ids[:2]
        next_ = (await worklists.behind(txn, {line: there[-1]}, 2))[line]
        assert [j.PandaID for j in next_] == ids[2:4]
        (last,) = (await worklists.behind(txn, {line: next_[-1]}, 2))[line]
        assert last.PandaID == ids[4]
        assert await worklists.behind(txn, {line: last}, 2) == {}

    await store.transact("body", body)


@ensureDeferred
async def test_input_due(store: Store) -> None:
    """Placed jobs whose input is due, the longest overdue first."""

    async def body(txn: Transaction) -> None:
        kinds = [S.ASSIGNED, S.WAITING, S.ASSIGNED, S.WAITING, S.DEFINED]
        ids = await stored(txn, [a_job(jobStatus=s) for s in kinds])
        await due_in(txn, ids, [-10, -20, -30, 60, -99])
        assert [j.PandaID for j in await worklists.input_due(txn, 10, 100)] == [ids[2], ids[1], ids[0]]
        assert [j.PandaID for j in await worklists.input_due(txn, 1, 100)] == [ids[2]]

    await store.transact("body", body)


@ensureDeferred
async def test_files_of_input_due(store: Store) -> None:
    """So many jobs as have so many files together, and one at least."""

    async def body(txn: Transaction) -> None:
        ids = await stored(txn, [a_job(jobStatus=S.ASSIGNED, Files=[a_file(lfn=f"{n}") for n in range(3)]) for _ in range(3)])
        for most, found in [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3)]:
            assert [j.PandaID for j in await worklists.input_due(txn, 10, most)] == ids[:found], most

    await store.transact("body", body)


@ensureDeferred
async def test_output_due(store: Store) -> None:
    """Held jobs whose pilot has reported come with its word, its text and the age of the report; recovering ones do not come."""

    async def body(txn: Transaction) -> None:
        early, late, recovering, later = await claimed(txn, 4)
        for panda_id, word in ((early, S.FINISHED), (late, S.FAILED), (later, S.FAILED)):
            change = moves.Change(panda_id, {"reportedstatus": word}, report=f"report {word}")
            await moves.move(txn, E.REPORTED, [change], actor=Actor.PILOT, who="x")
        await happened(txn, E.RECOVERING, [recovering])
        await due_in(txn, [early, late, recovering, later], [-1, -2, -3, 60])
        await run(txn, "UPDATE job_report SET at = now() - interval '90 s'")
        found = await worklists.output_due(txn, 10)
        assert [(r.job.PandaID, r.outcome, r.report, r.age_s) for r in found] == [
            (late, S.FAILED, "report failed", 90.0),
            (early, S.FINISHED, "report finished", 90.0),
        ]
        assert [r.job.PandaID for r in await worklists.output_due(txn, 1)] == [late]

    await store.transact("body", body)


@ensureDeferred
async def test_report_of_this_attempt(store: Store) -> None:
    """What is checked is the report of the current attempt, not one of an earlier one."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await run(
            txn,
            "INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport) VALUES (%(id)s, 0, 'failed', 'old')",
            id=panda_id,
        )
        change = moves.Change(panda_id, {"reportedstatus": S.FINISHED}, report="new")
        await moves.move(txn, E.REPORTED, [change], actor=Actor.PILOT, who="x")
        assert [r.report for r in await worklists.output_due(txn, 10)] == ["new"]

    await store.transact("body", body)


@ensureDeferred
async def test_report_without_a_text(store: Store) -> None:
    """A final report whose pilot sent no output report is on the list too: nobody else would ever end that job."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await happened(txn, E.REPORTED, [panda_id], reportedstatus=S.FAILED)
        assert [(r.job.PandaID, r.report) for r in await worklists.output_due(txn, 10)] == [(panda_id, "")]

    await store.transact("body", body)


@ensureDeferred
async def test_age_of_a_report(store: Store) -> None:
    """A report grows older only while somebody lives."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await happened(txn, E.REPORTED, [panda_id])
        await run(txn, "UPDATE job_report SET at = now() - interval '100 s'")
        await run(txn, "INSERT INTO outage VALUES (now() - interval '1 h', now() - interval '70 s')")
        assert [r.age_s for r in await worklists.output_due(txn, 10)] == [70.0]

    await store.transact("body", body)
