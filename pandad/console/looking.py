"""Verbs that change nothing."""

from __future__ import annotations

import os
from typing import Any

import orjson

from pandad import __version__, metrics, reasons
from pandad.console.language import Arg, most, one_of, panda_id, text
from pandad.console.policy import LOOK
from pandad.console.verb import VERBS, Answer, Bench, Call, rows, verb
from pandad.spec.errors import NotFound
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.tables import facts as lines_of
from pandad.tables import table
from pandad.taskbuffer import audit, facts, jobs, loops, sites
from pandad.userinterface import explain

DAYS = 30  # of the audit
WINDOW_S = 3600  # of the pilots
_PRESSURE = (metrics.CALLS_WAITING, metrics.CALLS_OLDEST, metrics.REACTOR_LAG, metrics.LOAD_LEVEL)

_QUEUE = Arg("queue", text, "name of a queue", named=True, needed=False)
_ID = Arg("panda_id", panda_id, "PandaID of a job")
_MOST = Arg("most", most, "how many at most", named=True, needed=False, default=50)


@verb("help", LOOK, Arg("verb", text, "a verb", needed=False), Arg("second", text, "its second word", needed=False))
async def show_help(bench: Bench, call: Call, verb: str | None, second: str | None) -> Answer:
    """What can be said here, or what one verb is for."""
    if verb is None:
        shown = [(each.usage, each.policy.rank.plural, each.doc) for each in VERBS.values()]
        return rows(("verb", "for", "what it does"), shown, "")
    name = " ".join(filter(None, (verb, second)))
    found = [each for each in VERBS.values() if each.name == name or each.name.startswith(f"{name} ")]
    if not found:
        raise NotFound("verb", name)
    said = [f"{each.usage}\n  {each.doc} For {each.policy.rank.plural}, over {', '.join(sorted(each.policy.ways))}."
            + "".join(f"\n  {arg.shown}: {arg.doc}" for arg in each.args) for each in found]
    return Answer([{"usage": each.usage, "doc": each.doc, "for": each.policy.rank.plural} for each in found], "\n".join(said))


@verb("status", LOOK)
async def status(bench: Bench, call: Call) -> Answer:
    """This process: version, process id, whether it is ready and why not, how hard it is pressed."""
    complaints = list(await bench.complaints())
    gauges = {each.name: each.values.get((), 0.0) for each in _PRESSURE}
    data = {"version": __version__, "pid": os.getpid(), "holder": bench.holder, "ready": not complaints, "complaints": complaints,
            **gauges}
    said = "; ".join(complaints) or "ready"
    return Answer(data, lines_of([("pandad", __version__), ("process", bench.holder), ("ready", said),
                                                  *((name, f"{value:g}") for name, value in gauges.items())]))


@verb("jobs", LOOK, _QUEUE)
async def count_jobs(bench: Bench, call: Call, queue: str | None) -> Answer:
    """How many jobs there are at each queue, by state."""
    found = await bench.store.read("console_jobs", facts.counts)
    wanted = {name: states for name, states in sorted(found.items()) if queue in (None, name)}
    states = [state for state in JobStatus if any(each.get(state) for each in wanted.values())]
    shown = [(name, *(each.get(state, 0) for state in states)) for name, each in wanted.items()]
    return rows(("queue", *states), shown, "there are no jobs at any queue" if queue is None else f"there are no jobs at {queue}")


@verb("job", LOOK, _ID)
async def show_job(bench: Bench, call: Call, panda_id: int) -> Answer:
    """A job: what it is, and its history."""
    (job,) = await bench.store.read("console_job", jobs.find, [panda_id])
    if job is None:
        raise NotFound("job", panda_id)
    history = await bench.store.read("console_timeline", explain.timeline, panda_id)
    shown = {name: getattr(job, name) for name in (
        "PandaID", "jobName", "jobStatus", "computingSite", "attemptNr", "prodUserName", "prodSourceLabel", "transformation",
        "currentPriority", "coreCount", "minRamCount", "modificationHost", "creationTime", "startTime", "endTime")}
    columns = ("at", "event", "from", "to", "attemptNr", "who", "why")
    past = table(columns, [[each[name] for name in columns] for each in history])
    return Answer({**shown, "history": history}, f"{lines_of(shown.items())}\n\n{past}")


@verb("why", LOOK, _ID, Arg("now", one_of(["yes"]), "the verdicts of this moment, not those of the last decision", named=True,
                            needed=False))
async def why(bench: Bench, call: Call, panda_id: int, now: str | None) -> Answer:
    """Why a job is where it is, and what would change that."""
    found = _plain(await bench.reasons.job(call.caller, panda_id, now is not None))
    return Answer(found, reasons.of_job(found))


@verb("queue why", LOOK, Arg("queue", text, "name of a queue"))
async def queue_why(bench: Bench, call: Call, queue: str) -> Answer:
    """What is up with a queue: who asks there, what waits, what it refuses."""
    found = _plain(await bench.queues.queue(call.caller, queue))
    return Answer(found, reasons.of_queue(found))


def _plain(found: object) -> Any:
    """As the API sends it."""
    return orjson.loads(orjson.dumps(found, default=str, option=orjson.OPT_NON_STR_KEYS))


@verb("queues", LOOK, Arg("status", one_of([*QueueStatus]), "only queues that are so", named=True, needed=False))
async def list_queues(bench: Bench, call: Call, status: str | None) -> Answer:
    """The queues, and whether they take work."""
    found = [queue for queue in await bench.store.read("console_queues", sites.find_all) if status in (None, queue.status)]
    shown = [(queue.name, queue.site, queue.status.value, queue.corecount, queue.maxrss_mb or None) for queue in found]
    return rows(("queue", "site", "status", "cores", "memory_mb"), shown, "there are no such queues")


@verb("pilots", LOOK, _QUEUE)
async def pilots(bench: Bench, call: Call, queue: str | None) -> Answer:
    """What pilots did at each queue in the last hour: calls for jobs, jobs they got, words on jobs, and why they got none."""
    found = await bench.store.read("console_pilots", facts.pilots, WINDOW_S)
    shown = [(name or "(unknown)", each.asked, each.served, each.heard, each.last, each.last_heard,
              [f"{criterion} {calls}" for criterion, calls in sorted(each.refused.items(), key=lambda pair: -pair[1])])
             for name, each in sorted(found.items()) if queue in (None, name)]
    return rows(("queue", "asked", "got", "heard", "asked last", "heard last", "got none for"), shown,
                "no pilot ever came" if queue is None else f"no pilot ever came to {queue}")


@verb("loops", LOOK)
async def list_loops(bench: Bench, call: Call) -> Answer:
    """The timed loops: how they fare in this process, and which process of all runs those that run in one only."""
    held = {each.name: each for each in await bench.store.read("console_loops", loops.find_all)}
    shown = []
    for loop in bench.loops:
        state = held.get(loop.loop_name)
        holder = "each process" if state is None else "this process" if state.holder == bench.holder else state.holder
        shown.append((loop.loop_name, loop.period_s, round(loop.idle_s, 1), round(loop.busy_s, 1), loop.failures, holder,
                      state.runs if state else None, loop.last_error or (state.error if state else None)))
    return rows(("loop", "every s", "good s ago", "busy s", "failures", "run by", "runs", "error"), shown, "there are no loops")


@verb("pool", LOOK)
async def pool(bench: Bench, call: Call) -> Answer:
    """The connections to the database: how many are open and in use, and who waits for one."""
    return rows(("for", "most", "in use", "idle", "calls waiting"), bench.store.connections(), "")


@verb("metrics", LOOK, Arg("beginning", text, "only those whose names begin so", needed=False))
async def show_metrics(bench: Bench, call: Call, beginning: str | None) -> Answer:
    """The counters, timings and gauges of this process."""
    shown = [(each.name, ", ".join(labels), sum(value) if isinstance(value, list) else value, _seconds(each, labels))
             for each in metrics.ALL if each.name.startswith(beginning or "") for labels, value in sorted(each.values.items())]
    return rows(("name", "of", "value", "seconds"), shown, "nothing of that name was counted")


def _seconds(series: object, labels: metrics.Labels) -> float | None:
    return round(series.seconds[labels], 6) if isinstance(series, (metrics.Timing, metrics.Histogram)) else None


@verb("sessions", LOOK)
async def sessions(bench: Bench, call: Call) -> Answer:
    """Who is at this console."""
    now = bench.seconds()
    shown = [(peer.who, peer.detail, peer.way.value, peer.host, peer.rank.name.lower(), round(now - since))
             for peer, since in bench.sessions.values()]
    return rows(("who", "proved by", "way", "from", "rank", "for s"), shown, "nobody")


@verb("audit", LOOK, _MOST, Arg("who", text, "only what is somebody's, by a part of the name", named=True, needed=False))
async def show_audit(bench: Bench, call: Call, most: int, who: str | None) -> Answer:
    """What persons did in the last 30 days, the newest first: what was said on consoles, too."""
    found = await bench.store.read("console_audit", audit.show, who, None, None, DAYS, most)
    return rows(("at", "who", "from", "act", "target", "why"), [(e.at, e.who, e.host, e.act, e.target, e.why) for e in found],
                "nothing")
