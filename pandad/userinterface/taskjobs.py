"""The jobs of tasks are submitted as anybody's are, in the name of the task's owner."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.spec.caller import Caller, Role
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor
from pandad.spec.task import Task
from pandad.taskbuffer.store import Transaction
from pandad.userinterface import submission
from pandad.userinterface.jobs import prepare
from pandad.userinterface.submission import Wish


async def submit(txn: Transaction, task: Task, specs: Sequence[JobSpec]) -> list[int]:
    """Store them; their PandaIDs, in order.

    :raise BadRequest, Forbidden: as a submission of them would be.
    """
    caller = stand_in(task)
    for place, job in enumerate(specs):
        prepare(job, place, caller)
    (receipt,) = await submission.store(txn, [Wish(specs, task.owner, None)], Actor.TASK)
    return [job.PandaID or 0 for job in receipt.jobs]


def stand_in(task: Task) -> Caller:
    """Its owner, with what it might do when it submitted the task."""
    return Caller(task.owner, frozenset({Role.PRODUCTION} if task.production else ()), host=task.host)
