"""Reasons as a person reads them: why a job is where it is, where one would go, what is up with a queue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pandad.tables import cell, facts, table

Answer = Mapping[str, Any]
SHOWN = 10  # queues; --json has all


def of_job(why: Answer) -> str:
    """The answer of job/why."""
    head = ("reason", "jobStatus", "since", "waits_for", "decided_at", "again_at")
    about = [*((key.replace("_", " "), why.get(key)) for key in head), ("queue", _queue(why.get("queue"))),
             ("before it", _order(why.get("order"))), ("cap", [_cap(each) for each in why.get("caps") or ()]),
             ("loop", _loop(why.get("loop"))), ("input", _input(why.get("input"))),
             ("if nothing happens", [_limit(each) for each in why.get("limits") or ()])]
    return _parts(
        cell(why.get("summary")) + "\n" + _step(why), facts(about), _attempts(why), _verdicts(why),
        _pilots(why.get("pilots") or ()), _outputs(why.get("output") or ()))


def of_place(found: Answer) -> str:
    """The answer of job/try_brokerage on one job."""
    return _parts(f"{cell(found.get('jobName'))}: {cell(found.get('summary'))}\n{_step(found)}", _verdicts(found),
                  _pilots(found.get("pilots") or ()))


def of_queue(why: Answer) -> str:
    """The answer of queue/why."""
    said = [("status", why.get("status")), ("reason", why.get("reason")), ("until", why.get("until"))]
    takes = [(key, value) for key, value in (why.get("takes") or {}).items()]
    lines = ("user", "group", "jobs", "at_least", "since", "resource_type", "memory_mb", "cores", "walltime_s", "text")
    refuses = ("criterion", "jobs", "text", "examples")
    return _parts(
        cell(why.get("summary")), _under("problems", ("code", "text", "next_step"), why.get("problems") or ()),
        facts([*said, *takes]),
        _under("what its pilots did", ("window_s", "asked", "served", "refused", "last"), why.get("pilots") or ()),
        _pilots(why.get("asked") or ()),
        _under("how attempts ended", ("window_s", "started", "finished", "failed", "fast", "causes"), why.get("ends") or ()),
        _under("what waits there", lines, why.get("waits") or ()),
        _under("what it refuses of the jobs without a queue", refuses, why.get("refuses") or ()))


def log_of(verdicts: Sequence[Answer]) -> str:
    """The verdicts in the grammar of PanDA's brokerage logs."""
    return "\n".join("  " + log_line(verdict) for verdict in verdicts)


def log_line(verdict: Answer) -> str:
    """One queue's verdict, in the same grammar."""
    queue = cell(verdict.get("queue"))
    if verdict.get("verdict") == "ok":
        return f"use site={queue} with weight={verdict.get('weight') or 0:g} criteria=+use"
    return f"skip site={queue} due to {cell(verdict.get('text'))} criteria=-{cell(verdict.get('criterion'))}"


def _parts(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _step(why: Answer) -> str:
    return f"next step: {cell(why['next_step'])}" if why.get("next_step") else ""


def _under(title: str, keys: Sequence[str], rows: Iterable[Answer]) -> str:
    lines = [[_flat(row.get(key)) for key in keys] for row in rows]
    return f"{title}:\n" + table(keys, lines) if lines else ""


def _flat(value: object) -> object:
    if isinstance(value, Mapping):
        return [f"{key}={value}" for key, value in value.items()]
    return value


def _verdicts(why: Answer) -> str:
    """The funnel, then the queues that can take it and the nearest of those that refuse."""
    queues = why.get("queues") or ()
    funnel = why.get("funnel") or {}
    title = f"{funnel.get('able', 0)} of {funnel.get('queues', 0)} queues can take it"
    steps = "".join(f"\n  {cell(each.get('text'))}" for each in funnel.get("criteria") or ())
    keys = ("queue", "verdict", "criterion", "have", "need", "text")
    best = sorted((q for q in queues if q.get("verdict") == "ok"), key=lambda q: -float(q.get("weight") or 0))
    rows = [[q.get(key) for key in keys] for q in (*best, *(why.get("nearest") or ()))][:SHOWN]
    return title + steps + "\n" + table(keys, rows) if queues else ""


def _pilots(pilots: Sequence[Answer]) -> str:
    """What the last pilots asked for, and what became of it."""
    if not pilots:
        return ""
    rows = [[p.get("at"), _flat(p.get("asked")), p.get("jobs"), p.get("text") or _reasons(p)] for p in pilots]
    last = "and this job" if "fits" in pilots[0] else "why"
    return "what its queue's last pilots asked for:\n" + table(("at", "asked", "got", last), rows)


def _reasons(pilot: Answer) -> str:
    return "; ".join(f"{each.get('criterion')}: had {each.get('have')}, needed {each.get('need')}" if each.get("need") is not None
                     else str(each.get("criterion")) for each in pilot.get("reasons") or ())


def _attempts(why: Answer) -> str:
    return _under("attempts", ("attemptNr", "at", "event", "why"), why.get("attempts") or ())


def _outputs(outputs: Sequence[Answer]) -> str:
    return _under("outputs", ("lfn", "status", "endpoint", "bytes"), outputs)


def _queue(queue: Answer | None) -> str | None:
    if not queue:
        return None
    reason = f": {queue['reason']}" if queue.get("reason") else ""
    return f"{queue.get('queue')}, {queue.get('status')}{reason}"


def _order(order: Answer | None) -> str | None:
    """How many go first."""
    if not order:
        return None
    own = _count(order.get("before_in_line"), order.get("at_least_in_line"))
    if "before" not in order:
        return f"{own} jobs"
    share = ", ".join(f"{each['of']} has {each['cores']} cores" for each in order.get("share") or ())
    return f"{_count(order['before'], order.get('at_least'))} jobs, {own} of them alike it; {share}"


def _count(jobs: object, at_least: object) -> str:
    return f"{'at least ' if at_least else ''}{jobs}"


def _cap(cap: Answer) -> str:
    return f"{cap.get('of')} has {cap.get('cores')} of {cap.get('cap')} cores"


def _loop(loop: Answer | None) -> str | None:
    if not loop:
        return None
    error = f"; {loop['failures']} rounds failed since: {loop.get('error')}" if loop.get("failures") else ""
    return f"{loop.get('name')}, last round at {cell(loop.get('finished_at'))}{error}"


def _input(found: Answer | None) -> str | None:
    if not found:
        return None
    if found.get("problem"):
        return str(found["problem"])
    missing = cell(found.get("missing"))
    return f"missing at {found.get('endpoint')}: {missing}" if found.get("missing") else f"all at {found.get('endpoint')}"


def _limit(limit: Answer) -> str:
    return f"{cell(limit.get('then'))} at {cell(limit.get('at'))} ({limit.get('setting')})"
