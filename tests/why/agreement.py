"""One world: brokered and dispatched by the real rooms, and each job asked why before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from factories import a_caller
from twisted.internet.task import Clock
from whys import Whys

from pandad.brokerage.cycle import Cycle
from pandad.config import BrokerageConfig, DataServiceConfig, SharesConfig
from pandad.dataservice.activator import Activator
from pandad.dataservice.ddm import FileName
from pandad.jobdispatcher.dispatcher import Dispatcher, capability
from pandad.jobdispatcher.requests import AcquireJobs
from pandad.jobdispatcher.traffic import Traffic
from pandad.spec.caller import Caller, Role
from pandad.spec.errors import Forbidden
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.reason import REASONS, Reason
from pandad.spec.site import queue_from_description
from pandad.taskbuffer import jobs, sites
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.submission import Receipt

from .worlds import DISK, a_description, a_request, a_spec, a_submitter, mended, wider

S, R = JobStatus, Reason
READER = a_caller("root", Role.ADMIN)
QUEUES, JOBS, PILOTS = 5, 20, 8
MENDED = 2  # jobs of a world of which the nearest queue is mended
STEPS = 20  # obstacles that one queue can have
CAPS = {Reason.USER_CAP, Reason.GROUP_CAP}
_EMPTY = Statement("why.empty", """
    TRUNCATE job, job_event, job_report, job_decision, decision, submission, queue, line, tally, tally_delta, queue_end,
             queue_cause, task_usage, task_scout, line_end, pilot_call, pilot_refusal, pilot_last, pilot_request CASCADE""")
_ORDER = Statement("why.order", "SELECT pandaid FROM job ORDER BY line, currentpriority DESC, pandaid")
_DUE = Statement("why.due", "UPDATE job SET nextcheck = now()")


class Disagreement(AssertionError):
    """What was said is not what happened."""


@dataclass
class Tally:
    """What was compared. ``cases``: jobs, each with all queues and pilots of its world."""

    cases: int = 0
    placed: int = 0
    flagged: int = 0
    handed: int = 0
    pairs: int = 0  # of jobs and pilots
    mended: int = 0
    widened: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class World:
    """Queues, jobs and pilots from one seed."""

    def __init__(self, store: Store, seed: int, tally: Tally) -> None:
        self._store, self._random, self._tally = store, Random(seed), tally
        caps = self._random.random() < 0.4
        shares = SharesConfig(user_cap=6 if caps else 0, group_caps={"exo": 2} if caps else {})
        self._clock = Clock()
        # With a limit on what waits at a queue each job changes what the next one is told: then they are brokered one by one.
        self._alone = self._random.random() < 0.2
        self._config = BrokerageConfig(
            weight=self._random.choice(["generic", "analysis", "production"]), waiting_limit=2 if self._alone else 0,
            batch=1 if self._alone else 1000, scouts=self._random.choice([0, 2]) if self._alone else 0)
        self._whys = Whys(store, shares, self._config)
        self._traffic = Traffic(store, self._clock, "why")
        self._dispatcher = Dispatcher(store, self._clock, shares)
        count = 0 if self._random.random() < 0.05 else self._random.randint(2, QUEUES)
        self._descriptions = [a_description(self._random, number) for number in range(count)]
        for name in ("in0", "in1"):
            self._whys.ddm.put(DISK, FileName("user.alice", name), b"five!")

    async def run(self) -> None:
        """All of it.

        :raise Disagreement: names the job, what was said and what happened.
        """
        await self._store.once("why_empty", _run, _EMPTY)
        for description in self._descriptions:
            await self._put(description)
        ids = await self._submit()
        await self._broker(ids)
        await self._mend(ids)
        await self._round("activator")
        await self._dispatch(ids)
        await self._reasons(ids)
        self._tally.cases += len(ids)

    async def _put(self, description: Mapping[str, Any]) -> None:
        await self._store.transact("why_queue", sites.put, queue_from_description(description), "why")

    async def _submit(self) -> list[int]:
        """Jobs; those that are flagged are those that no queue takes even when it is online and has nothing to do."""
        interface = Jobs(self._store, suitability=self._whys.sources.suitability)
        receipts: list[Receipt] = [
            await interface.submit(a_submitter(self._random), [a_spec(self._random, QUEUES) for _ in range(JOBS // 4)])
            for _ in range(4)]
        specs = [job for receipt in receipts for job in receipt.jobs]
        flagged = {panda_id for receipt in receipts for panda_id in receipt.never}
        self._tally.flagged += len(flagged)
        for description in self._descriptions:
            await self._put({**description, "status": "online"})
        unlimited = Whys(self._store, brokerage=BrokerageConfig(waiting_limit=0))
        advice = await unlimited.sources.advisor.consider(specs)
        for job, each in zip(specs, advice, strict=True):
            lacks_data = any(v.stored.get("criterion") == "non_local" for v in each.verdicts)
            if (each.chosen is None) != (job.PandaID in flagged) and not lacks_data:
                raise Disagreement(f"job {job.PandaID} flagged {job.PandaID in flagged}, and {each.reason}: {job}")
        for description in self._descriptions:
            await self._put(description)
        return [job.PandaID or 0 for job in specs]

    async def _broker(self, ids: Sequence[int]) -> None:
        """Each job goes where `why` says that it can go, and to none only if it says that none can take it."""
        await self._store.once("why_due", _run, _DUE)
        in_order = [row[0] for row in await self._store.once("why_order", _many, _ORDER)]
        for some in ([i] for i in in_order) if self._alone else [list(ids)]:
            said = {i: await self._why(i, now=True) for i in some}
            await self._round("brokerage")
            for panda_id in some:
                await self._brokered(panda_id, said[panda_id])

    async def _brokered(self, panda_id: int, said: Mapping[str, Any]) -> None:
        job, stored = await self._look(panda_id), await self._why(panda_id)
        able = {v["queue"]: v["weight"] for v in said["queues"] if v["verdict"] == "ok"}
        if job.jobStatus is S.ASSIGNED and job.computingSite not in able:
            raise Disagreement(f"job {panda_id} went to {job.computingSite}, and these could take it: {able}")
        if self._alone and able and able.get(job.computingSite or "") != max(able.values()):
            raise Disagreement(f"job {panda_id} went to {job.computingSite}, and the best of these was to get it: {able}")
        if job.jobStatus is S.DEFINED and able:
            raise Disagreement(f"job {panda_id} went nowhere, and these could take it: {able}")
        if _refusals(said) != _refusals(stored):
            raise Disagreement(f"job {panda_id} was decided by {stored['queues']}, and why said {said['queues']}")
        self._tally.placed += job.jobStatus is S.ASSIGNED
        self._sensible(stored)

    async def _mend(self, ids: Sequence[int]) -> None:
        """With obstacle after obstacle out of the way of a job that went nowhere, as `why` names them, a queue takes it."""
        homeless = [i for i in ids if (await self._look(i)).jobStatus is S.DEFINED]
        for panda_id in homeless[:MENDED]:
            seen: list[str] = []
            while (verdict := _nearest(await self._why(panda_id, now=True))) is not None:
                if verdict["criterion"] in ("pinned", "notincluded", "excluded", "non_local", "cap", "scout"):
                    break
                seen.append(f"{verdict['queue']}: {verdict['criterion']}")
                if len(seen) > STEPS:
                    raise Disagreement(f"job {panda_id} is not taken whatever is done: {seen}")
                await self._mend_one(verdict)
            else:
                await self._store.once("why_due", _run, _DUE)
                for _ in ids:
                    await self._round("brokerage")
                job = await self._look(panda_id)
                if job.jobStatus is S.DEFINED and self._descriptions:
                    raise Disagreement(f"job {panda_id} could go somewhere after {seen}, and did not")
                self._tally.mended += 1

    async def _mend_one(self, verdict: Mapping[str, Any]) -> None:
        place = next(n for n, d in enumerate(self._descriptions) if d["nickname"] == verdict["queue"])
        self._descriptions[place] = mended(self._descriptions[place], verdict)
        await self._put(self._descriptions[place])

    async def _dispatch(self, ids: Sequence[int]) -> None:
        """A pilot that may take any number gets those jobs that `why` says fit it, and no others."""
        for _ in range(PILOTS):
            caller, request = a_request(self._random, QUEUES)
            try:
                missed = await self._ask(ids, caller, request)
            except Forbidden:
                continue
            if missed is not None:
                await self._widen(ids, caller, request, *missed)

    async def _ask(self, ids: Sequence[int], caller: Caller, request: AcquireJobs) -> tuple[int, Mapping[str, Any]] | None:
        """Compare what is said of this pilot with what it gets; a job that it did not get, with the reason."""
        self._clock.advance(60)
        self._traffic.asked(capability(caller, request), 0, lambda pilot: [])
        await self._traffic.run_once()
        there = [await self._look(i) for i in ids]
        waiting = [job.PandaID or 0 for job in there if (job.jobStatus, job.computingSite) == (S.ACTIVATED, request.site_name)]
        said = {i: await self._why(i) for i in waiting}
        got = {job.PandaID for job in await self._dispatcher.acquire(caller, request)}
        missed: list[tuple[int, Mapping[str, Any]]] = []
        for panda_id in waiting:
            self._sensible(said[panda_id])
            about = max(said[panda_id]["pilots"], key=lambda each: each["at"])
            self._tally.pairs += 1
            capped = panda_id not in got and about["fits"] and (await self._why(panda_id))["reason"] in CAPS
            if (panda_id in got) != about["fits"] and not capped:
                raise Disagreement(f"job {panda_id} got {panda_id in got} by {request}, and why says {about}")
            if panda_id in got and said[panda_id]["reason"] in CAPS:
                raise Disagreement(f"job {panda_id} went out, and a cap was to hold it back: {said[panda_id]['caps']}")
            if not about["fits"]:
                missed.append((panda_id, about))
        if not got <= set(waiting):
            raise Disagreement(f"{got - set(waiting)} were not known to wait at {request.site_name}")
        self._tally.handed += len(got)
        return self._random.choice(missed) if missed else None

    async def _widen(self, ids: Sequence[int], caller: Caller, request: AcquireJobs, panda_id: int,
                     verdict: Mapping[str, Any]) -> None:
        """The job that it did not get goes to the same pilot when what `why` names is mended, one thing after the other."""
        for _ in range(STEPS):
            mend = wider(caller, request, verdict)
            if mend is None:
                return
            caller, request = mend
            await self._ask(ids, caller, request)
            if (await self._look(panda_id)).jobStatus is not S.ACTIVATED:
                self._tally.widened += 1
                return
            said = await self._why(panda_id)
            verdict = max(said["pilots"], key=lambda each: each["at"])
            if verdict["fits"]:
                if said["reason"] not in CAPS:
                    raise Disagreement(f"job {panda_id} fits {request}, and did not go: {said['summary']}")
                return
        raise Disagreement(f"job {panda_id} does not go, whatever a pilot has: {verdict}")

    async def _reasons(self, ids: Sequence[int]) -> None:
        """In whatever state it came to, each job has a reason that belongs there, a sentence and a next step."""
        for panda_id in ids:
            self._sensible(await self._why(panda_id))

    def _sensible(self, said: Mapping[str, Any]) -> None:
        if said["jobStatus"] not in REASONS[said["reason"]].states:
            raise Disagreement(f"job {said['PandaID']} is {said['jobStatus']} by {said['reason']}")
        words = f"{said['summary']} {said['next_step']}"
        if "unknown" in words or "None" in words or not said["next_step"]:
            raise Disagreement(words)
        self._tally.reasons[said["reason"]] += 1

    async def _round(self, name: str) -> None:
        data = self._whys.ddm
        if name == "brokerage":
            await Cycle(self._store, self._config, self._clock, data).run_once()
        else:
            await Activator(self._store, data, DataServiceConfig(), self._clock).run_once()

    async def _why(self, panda_id: int, now: bool = False) -> dict[str, Any]:
        self._whys.clock.advance(60)  # nothing is remembered from before
        return await self._whys.explain.job(READER, panda_id, now)

    async def _look(self, panda_id: int) -> JobSpec:
        (found,) = await self._store.read("why_look", jobs.find, [panda_id])
        assert found is not None
        return found


def _refusals(said: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """By queue what it refuses by; weights are as of a job's turn."""
    return {v["queue"]: (v["verdict"], v.get("criterion"), v.get("have"), v.get("need")) for v in said["queues"]}


def _nearest(said: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Of the queues that refuse the job, the nearest; None if one takes it, or there is none."""
    if said["funnel"]["able"] or not said["nearest"]:
        return None
    own = [v for v in said["nearest"] if v["criterion"] != "pinned"]
    nearest: Mapping[str, Any] = (own or said["nearest"])[0]
    return nearest


async def _run(txn: Transaction, statement: Statement) -> None:
    await txn.run(statement)


async def _many(txn: Transaction, statement: Statement) -> list[Any]:
    return await txn.many(statement)


async def compare(store: Store, cases: int, seed: int, stopped: Callable[[], bool] = lambda: False) -> Tally:
    """Worlds until there were so many cases, or somebody wants the end.

    :raise Disagreement: with the number of the world, from which it can be made again.
    """
    tally, number = Tally(), 0
    while tally.cases < cases and not stopped():
        try:
            await World(store, seed * 1_000_003 + number, tally).run()
        except Disagreement as problem:
            raise Disagreement(f"world {number} of seed {seed}: {problem}") from problem
        number += 1
    return tally
