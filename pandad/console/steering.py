"""Verbs that change something."""

from __future__ import annotations

from typing import Any

from pandad import log
from pandad.console.language import Arg, one_of, text
from pandad.console.policy import STEER
from pandad.console.verb import Answer, Bench, Call, rows, verb
from pandad.settings import nearest
from pandad.spec.errors import BadRequest
from pandad.spec.site import Queue, QueueStatus
from pandad.taskbuffer import audit, loops, sites
from pandad.taskbuffer.store import Transaction

_NAME = Arg("queue", text, "name of a queue")
_REASON = Arg("reason", text, "why; it stands in the audit and with the queue", named=True)


@verb("drain", STEER, _NAME, _REASON)
async def drain(bench: Bench, call: Call, queue: str, reason: str) -> Answer:
    """Give a queue no more jobs (brokeroff), whatever its source says; pilots still fetch those that are there."""
    return await _set(bench, call, queue, QueueStatus.BROKEROFF, reason)


@verb("undrain", STEER, _NAME, _REASON)
async def undrain(bench: Bench, call: Call, queue: str, reason: str) -> Answer:
    """Let what a queue's source says of its status count again."""
    return await _set(bench, call, queue, None, reason)


@verb("queue set", STEER, _NAME, Arg("status", one_of([*QueueStatus]), "what it is to be"), _REASON)
async def queue_set(bench: Bench, call: Call, queue: str, status: str, reason: str) -> Answer:
    """Decide whether a queue takes work, whatever its source says, as `pandad queue set` does."""
    return await _set(bench, call, queue, QueueStatus(status), reason)


async def _set(bench: Bench, call: Call, name: str, status: QueueStatus | None, reason: str) -> Answer:
    async def change(txn: Transaction) -> Queue:
        await audit.note(txn, call.by("set queue", f"{name} to {status or 'what its source says'}", reason))
        if status is None:
            return await sites.lift(txn, name)
        return await sites.set_status(txn, name, status, reason, f"{call.peer.who}@{call.peer.host}")

    queue = await bench.store.transact("console_queue_set", change)
    return Answer({"queue": name, "status": queue.status.value}, f"{name} is {queue.status.value}: {reason}")


@verb("loop run", STEER, Arg("loop", text, "name of a loop, as `loops` lists it"))
async def loop_run(bench: Bench, call: Call, loop: str) -> Answer:
    """Run a round of a loop now, and say how it went. A loop that another process holds is not run."""
    known = {each.loop_name: each for each in bench.loops}
    if loop not in known:
        raise BadRequest("loop", f"is {loop!r}; {nearest(loop, known)}")
    began = bench.seconds()
    problem = await known[loop].run_now()
    took_s = round(bench.seconds() - began, 3)
    data: dict[str, Any] = {"loop": loop, "ran": problem is None, "took_s": took_s, "error": problem}
    if problem is not None:
        return Answer(data, f"the round of {loop} failed after {took_s:g} s: {problem}")
    holder = {each.name: each.holder for each in await bench.store.read("console_loops", loops.find_all)}.get(loop, bench.holder)
    if holder != bench.holder:
        return Answer({**data, "ran": False, "holder": holder}, f"{loop} is run by another process, {holder}: say it there")
    return Answer(data, f"a round of {loop} took {took_s:g} s")


@verb("log level", STEER, Arg("level", one_of(log.LEVELS), "the least important to write"),
      Arg("logger", text, "only what this module says, as pandad.api", named=True, needed=False, default=""))
async def log_level(bench: Bench, call: Call, level: str, logger: str) -> Answer:
    """Change what this process logs, until it is restarted or reads its files again."""
    log.set_level(level, logger)
    return Answer({"level": level, "logger": logger or None}, f"from {level} up is written{logger and f' of {logger}'}")


@verb("reload", STEER)
async def reload(bench: Bench, call: Call) -> Answer:
    """Read certificates, auth_config files, queues and the configuration again, as SIGHUP does."""
    problems = await bench.reload.run()
    return rows(("what", "problem"), problems.items(), "all was read again")
