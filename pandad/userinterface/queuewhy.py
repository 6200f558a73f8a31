"""What is to be known of a queue: what it is for, what it has, who asks there and why nothing is given out, what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandad.spec.caller import Caller
from pandad.spec.capability import Misfit
from pandad.spec.facts import Asked, Ends, Pilots
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue, QueueStatus
from pandad.taskbuffer import demand, facts, places, queuenotes
from pandad.taskbuffer.demand import COUNT_MOST, Head
from pandad.taskbuffer.queuenotes import Noted
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import lastpilots
from pandad.userinterface.funnel import OK
from pandad.userinterface.identity import identity_of
from pandad.userinterface.standing import IAdvice, IAdvisor

WINDOWS_S = (3600, 86400)
DEFINED_MOST = 200  # waiting jobs without a queue that are held against this one
LINES_MOST = 20  # that are shown
ASKED_MOST = 10
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Read:
    noted: Noted
    counts: Mapping[JobStatus, int]
    pilots: Sequence[Pilots]
    ends: Sequence[Ends]
    asked: Sequence[Asked]
    waits: Sequence[tuple[Head, int]]
    defined: Sequence[JobSpec]


class QueueWhy:
    """Says it."""

    def __init__(self, store: Store, advisor: IAdvisor) -> None:
        self._store, self._advisor = store, advisor

    async def queue(self, caller: Caller, name: str) -> dict[str, Any]:
        """Everything on one queue; docs/reference/why.md says what is in it.

        :raise NotFound: there is no such queue.
        """
        identity_of(caller)
        return await self.told(caller, name)

    async def told(self, caller: Caller, name: str) -> dict[str, Any]:
        """The same, also of nobody's asking: the page sees to what of it strangers are shown.

        :raise NotFound: there is no such queue.
        """
        read = await self._store.read("queue_why", _read, name)
        advice = await self._advisor.consider(read.defined) if read.defined else []
        queue, whole = read.noted.queue, lastpilots.may_see_nodes(caller)
        refused = refusals(name, read.defined, advice)
        problems = _problems(read)
        return {
            **read.noted.shown(whole), "summary": _summary(read, problems), "problems": problems, "takes": takes(queue),
            "jobs": {status.value: jobs for status, jobs in read.counts.items()},
            "waits": [_waiting(head, jobs, read.asked) for head, jobs in _longest(read.waits)], "lines": len(read.waits),
            "pilots": [_pilots(each) for each in read.pilots], "asked": [lastpilots.row(each, caller) for each in read.asked],
            "ends": read.ends, "refuses": refused,
            "unplaced": {"looked_at": len(read.defined), "at_least": len(read.defined) == DEFINED_MOST,
                        "would_take": len(read.defined) - sum(each["jobs"] for each in refused)}}


async def _read(txn: Transaction, name: str) -> _Read:
    noted = await queuenotes.find(txn, name)
    pilots = [(await facts.pilots(txn, window_s, name)).get(name, Pilots(window_s)) for window_s in WINDOWS_S]
    ends = [(await facts.ends(txn, window_s, name)).get(name, Ends(window_s)) for window_s in WINDOWS_S]
    heads = await demand.at(txn, name)
    counts = await demand.counts(txn, heads)
    return _Read(noted, (await facts.counts(txn)).get(name, {}), pilots, ends, await facts.asked(txn, name, ASKED_MOST),
                 [(head, counts[name, head.line.id]) for head in heads], await places.first_defined(txn, DEFINED_MOST))


def takes(queue: Queue) -> dict[str, Any]:
    """What a queue is for, by its description's keys; what has no limit is left out."""
    described = {
        "type": queue.type, "capability": queue.slots or "any", "corecount": queue.corecount, "maxrss": queue.maxrss_mb,
        "minrss": queue.minrss_mb, "maxwdir": queue.maxwdir_mb, "maxinputsize": queue.maxinput_mb, "maxtime": queue.maxtime_s,
        "mintime": queue.mintime_s, "cmtconfig": sorted(queue.platforms), "releases": sorted(queue.releases),
        "architectures": [str(each) for each in queue.hardware], "read_from": queue.endpoint_in, "write_to": queue.endpoint_out}
    return {key: value for key, value in described.items() if value}


def refusals(name: str, jobs: Sequence[JobSpec], advice: Sequence[IAdvice]) -> list[dict[str, Any]]:
    """By which criteria this queue refuses those jobs now: criterion, jobs (how many), text and some PandaIDs. Pure."""
    found: dict[str, dict[str, Any]] = {}
    for job, each in zip(jobs, advice, strict=True):
        own = next((v for v in (verdict.stored for verdict in each.verdicts) if v["queue"] == name), None)
        if own is not None and own["verdict"] != OK:
            criterion = own["criterion"]
            row = found.setdefault(criterion, {"criterion": criterion, "jobs": 0, "text": own["text"], "examples": []})
            row["jobs"] += 1
            row["examples"] += [job.PandaID] if len(row["examples"]) < EXAMPLES else []
    return sorted(found.values(), key=lambda row: -row["jobs"])


def _longest(waits: Sequence[tuple[Head, int]]) -> list[tuple[Head, int]]:
    return sorted(waits, key=lambda each: -each[1])[:LINES_MOST]


def _waiting(head: Head, jobs: int, asked: Sequence[Asked]) -> dict[str, Any]:
    """A line of the queue: whose, what it needs, how many, and what keeps the last pilots from it."""
    line = head.line
    needs = {"label": line.label, "resource_type": line.resource_type, "memory_mb": line.memory_mb, "disk_mb": line.disk_mb,
             "walltime_s": line.walltime_s, "cores": line.cores}
    tried = lastpilots.tried(line, head.queue, asked)
    no = lastpilots.main_obstacle(tried)
    return {"user": line.owner_name, "group": line.working_group, "jobs": jobs, "at_least": jobs >= COUNT_MOST,
            "since": head.since, **{key: value for key, value in needs.items() if value},
            "fits_pilots": any(each.no is None for each in tried), **_obstacle(no)}


def _obstacle(no: Misfit | None) -> dict[str, Any]:
    return {"criterion": None, "text": ""} if no is None else {"criterion": no.criterion, "text": lastpilots.words(no)}


def _pilots(pilots: Pilots) -> dict[str, Any]:
    return {"window_s": pilots.window_s, "asked": pilots.asked, "served": pilots.served, "refused": dict(pilots.refused),
            "last": pilots.last}


def _problems(read: _Read) -> list[dict[str, str]]:
    """What an operator would look at first: code, text, next_step."""
    found = []
    hour, ends = read.pilots[0], read.ends[0]
    queue = read.noted.queue
    brake, reason = read.noted.brake, read.noted.reason
    if brake is not None:
        text = f"it is braked since {brake.since:%Y-%m-%d %H:%M}: {brake.why}; it gets {len(brake.probes)} test jobs"
        found.append(("braked", text, "mend what makes its jobs fail; it is released when test jobs run well"))
    if queue.status is not QueueStatus.ONLINE:
        found.append(("queue-closed", f"it is {queue.status}" + (f": {reason}" if reason else ""),
                      f"`pandad queue set {queue.name} status=online` opens it"))
    if not hour.asked and read.waits:
        last = f"the last one at {hour.last:%Y-%m-%d %H:%M}" if hour.last else "none ever did"
        found.append(("no-pilots", f"jobs wait, and no pilot asked within the hour; {last}", "look at the factory of its pilots"))
    tried = [lastpilots.tried(head.line, head.queue, read.asked) for head, _ in read.waits]
    if tried and read.asked and not any(one.no is None for each in tried for one in each):
        no = lastpilots.main_obstacle([one for each in tried for one in each])
        if no is not None:
            found.append(("pilots-misfit", f"no job there fits the pilots that ask: {lastpilots.words(no)}",
                          lastpilots.step_of(no, queue.name)))
    if ends.failed > ends.finished:
        cause = max(ends.causes, key=lambda each: ends.causes[each], default="")
        text = f"{ends.failed} attempts failed within the hour, {ends.finished} finished; most by {cause}"
        found.append(("many-failures", text, "look at the logs of those jobs"))
    return [{"code": code, "text": text, "next_step": step} for code, text, step in found]


def _summary(read: _Read, problems: Sequence[Mapping[str, str]]) -> str:
    queue, counts = read.noted.queue, read.counts
    said = ", ".join(f"{jobs} {status}" for status, jobs in sorted(counts.items())) or "no jobs"
    hour = read.pilots[0]
    asked = f"{hour.asked} calls of pilots within the hour, {hour.served} jobs given out"
    return "; ".join([f"{queue.name} is {queue.status}: {said}; {asked}", *(each["text"] for each in problems)])
