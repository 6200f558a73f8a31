"""Debug commands and their outputs: asked once, told until the answer came, kept with the job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import md5

from pandad.spec import pilotcommand
from pandad.spec.jobstatus import LIVE, Actor
from pandad.spec.pilotcommand import DEBUG_OFF, NOTHING
from pandad.taskbuffer import control, moves
from pandad.taskbuffer.control import Controlled
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

LONGEST = 64 * 1024  # characters of an output; its end is kept
PATIENCE_TELLINGS = 3  # a pilot that was told so often and sends nothing has nothing to send

_ASK = sql("outputs.ask", """
    INSERT INTO job_debug (pandaid, command, askedby) VALUES (%(panda_id)s, %(command)s, %(who)s)""")

_PENDING = sql("outputs.pending", """
    SELECT id, tellings, seen FROM job_debug WHERE pandaid = %(panda_id)s AND command = %(command)s AND at IS NULL
    ORDER BY id DESC LIMIT 1""")

_TOLD = sql("outputs.told", """
    UPDATE job_debug SET told = coalesce(told, now()), tellings = tellings + 1,
        seen = CASE WHEN told IS NULL THEN %(seen)s::text ELSE seen END
    WHERE id = %(id)s""")

_ANSWERED = sql("outputs.answered", """
    UPDATE job_debug SET at = now(), attemptnr = %(attempt_nr)s, output = %(output)s WHERE id = %(id)s""")

_OF_JOB = sql("outputs.of_job", """
    SELECT command, askedby, asked, told, attemptnr, at, output FROM job_debug_ever WHERE pandaid = %(panda_id)s ORDER BY id""")

_TAIL = sql("outputs.tail", "SELECT stdout FROM job_text_ever WHERE pandaid = %(panda_id)s")


@dataclass(frozen=True, slots=True)
class Output:
    """One command that was asked of a job's pilot; what stands behind `asked` is None until it happens."""

    command: str
    asked_by: str
    asked: datetime
    told: datetime | None
    attempt_nr: int | None
    at: datetime | None
    output: str | None


async def ask(txn: Transaction, panda_id: int, command: str, who: str) -> None:
    """Note that this was asked; telling it is commandToPilot's part."""
    await txn.run(_ASK, panda_id=panda_id, command=command, who=who)


async def of_job(txn: Transaction, panda_id: int) -> list[Output]:
    """All that was asked of the job's pilots, oldest first."""
    return [Output(*row) for row in await txn.many(_OF_JOB, panda_id=panda_id)]


async def tail(txn: Transaction, panda_id: int) -> str | None:
    """The output that the pilot sent last."""
    row = await txn.maybe(_TAIL, panda_id=panda_id)
    return row[0] if row else None


async def exchange(txn: Transaction, panda_id: int, attempt_nr: int | None, stdout: str | None, who: str) -> str:
    """The pilot of a job with a pending debug command has spoken: take its output for the answer, or tell it the command.

    Replies get lost, and the pilot then sends the same update again. So a command is told until an output comes after that, and
    the output that came along with the first telling is not the answer when it comes again.

    :param stdout: None: the pilot sent none, or an empty one, which looks the same on the wire.
    :return: what to answer the pilot.
    """
    job = (await control.lock(txn, [panda_id])).get(panda_id)
    if job is None or (attempt_nr is not None and attempt_nr != job.attempt_nr):
        return NOTHING
    _, command = pilotcommand.parts(job.command)
    row = await txn.maybe(_PENDING, panda_id=panda_id, command=command)
    if row is None:
        return job.command or NOTHING
    number, tellings, seen = row
    if not tellings or not _is_answer(stdout, tellings, seen):
        await txn.run(_TOLD, id=number, seen=_digest(stdout))
        return job.command or NOTHING
    await txn.run(_ANSWERED, id=number, attempt_nr=job.attempt_nr, output=(stdout or "")[-LONGEST:])
    return await _done(txn, job, who)


def _is_answer(stdout: str | None, tellings: int, seen: str | None) -> bool:
    return tellings >= PATIENCE_TELLINGS if stdout is None else tellings > 1 or _digest(stdout) != seen


def _digest(stdout: str | None) -> str | None:
    return md5(stdout.encode(), usedforsecurity=False).hexdigest() if stdout is not None else None


async def _done(txn: Transaction, job: Controlled, who: str) -> str:
    """The pilot goes on with what it did before."""
    debug, command = pilotcommand.parts(job.command)
    change = Change(job.panda_id, {"commandToPilot": pilotcommand.told(debug, None)}, why=command)
    await moves.touch(txn, "debug command answered", [change], LIVE, actor=Actor.PILOT, who=who)
    return pilotcommand.DEBUG if debug else DEBUG_OFF
