"""Where jobs would go if they were submitted now, and why not elsewhere; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandad.spec.caller import Caller
from pandad.spec.criterion import Never
from pandad.spec.errors import BadRequest
from pandad.spec.job import JobSpec
from pandad.spec.line import Line, line_for
from pandad.taskbuffer import facts
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import lastpilots
from pandad.userinterface.funnel import funnel, nearest, step_of
from pandad.userinterface.identity import identity_of
from pandad.userinterface.jobs import prepare
from pandad.userinterface.standing import IAdvice, Sources

MOST = 100  # jobs in one call
ASKED_MOST = 10  # kinds of pilots that are looked at


class DryRun:
    """Asks the real rules."""

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store, self._sources = store, sources

    async def where(self, caller: Caller, specs: Sequence[JobSpec]) -> list[dict[str, Any]]:
        """Per job: jobName, queue (None: none takes it now), summary, next_step, never, queues (verdicts), funnel, nearest and,
        of the queue that it would go to, the last pilots.

        :raise BadRequest, Forbidden: as its submission would be.
        """
        owner = identity_of(caller)
        if not specs or len(specs) > MOST:
            raise BadRequest("jobs", f"has {len(specs)} jobs; ask for 1 to {MOST} in one call")
        for place, job in enumerate(specs):
            prepare(job, place, caller)
        advice = await self._sources.advisor.consider(specs)
        never = await self._sources.suitability.never(specs)
        chosen = sorted({each.chosen.name for each in advice if each.chosen is not None})
        asked = await self._store.read("dry_run", _asked, chosen)
        return [_answer(job, line_for(job, owner), each, no, asked, caller)
                for job, each, no in zip(specs, advice, never, strict=True)]


async def _asked(txn: Transaction, queues: Sequence[str]) -> dict[str, list[Any]]:
    return {queue: await facts.asked(txn, queue, ASKED_MOST) for queue in queues}


def _answer(job: JobSpec, line: Line, advice: IAdvice, never: Never | None, asked: dict[str, list[Any]],
            caller: Caller) -> dict[str, Any]:
    verdicts = [verdict.stored for verdict in advice.verdicts]
    found: dict[str, Any] = {"jobName": job.jobName, "queue": None, "never": never, "queues": verdicts,
                             "funnel": funnel(verdicts), "nearest": nearest(verdicts)[:ASKED_MOST], "pilots": []}
    if advice.chosen is None:
        refusing = nearest(verdicts)
        step = step_of(refusing[0]) if refusing else "have the operator add a queue with `pandad queue add FILE`"
        return {**found, "summary": never.sentence if never else f"no queue takes it now: {found['funnel']['text']}",
                "next_step": step}
    queue = advice.chosen.name
    tried = lastpilots.tried(line, queue, asked[queue])
    return {**found, "queue": queue, "summary": f"goes to {queue}: {advice.reason}{_pilots(tried)}", "next_step": "submit it",
            "pilots": lastpilots.rows(tried, caller)}


def _pilots(tried: Sequence[lastpilots.Tried]) -> str:
    if not tried:
        return "; no pilot has asked for a job there yet"
    no = lastpilots.main_obstacle(tried)
    return "" if no is None else f"; but it fits none of the last {len(tried)} kinds of pilots there: {lastpilots.words(no)}"
