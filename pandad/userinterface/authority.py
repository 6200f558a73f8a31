"""Who may end or command whose jobs. Pure. Identities decide, never names; semantics: PanDA's killJob, with fewer gaps."""

from __future__ import annotations

from typing import Protocol

from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.errors import Forbidden
from pandad.spec.ground import DEBUG, KILL, OWN, Ground
from pandad.spec.killcode import KillCode
from pandad.spec.share import PRODUCTION_LABELS
from pandad.spec.task import Task
from pandad.taskbuffer.control import Controlled


class Owned(Protocol):
    """What somebody owns, and a group may manage."""

    @property
    def owner(self) -> Identity: ...
    @property
    def holder(self) -> Identity | None: ...
    @property
    def working_group(self) -> str | None: ...


def grounds(caller: Caller, job: Owned) -> frozenset[Ground]:
    """All grounds on which the caller stands. A limited proxy is in the hands of a job and stands for a pilot only."""
    if caller.identity is None:
        return frozenset()
    holds = frozenset({Ground.HOLDER}) if caller.is_(job.holder) else frozenset()
    if caller.limited:
        return holds
    found = {
        Ground.OWNER: caller.is_(job.owner),
        Ground.GROUP: job.working_group in caller.groups,
        Ground.PRODUCTION: Role.PRODUCTION in caller.roles,
        Ground.ADMIN: Role.ADMIN in caller.roles,
    }
    return holds | {ground for ground, given in found.items() if given}


def may_kill(caller: Caller, job: Controlled, code: KillCode) -> bool:
    """Owner, group managers and admins; production its own kind of work, and users' jobs with the codes for that."""
    found = grounds(caller, job) & KILL
    as_production = job.label in PRODUCTION_LABELS or code.reaches_users
    return bool(found & OWN) or (Ground.PRODUCTION in found and as_production)


def may_debug(caller: Caller, job: Controlled) -> bool:
    """The same, production any job, and the pilot that has it."""
    return bool(grounds(caller, job) & DEBUG)


def may_steer(caller: Caller, task: Task) -> bool:
    """As jobs of that kind may be killed by an ordinary kill."""
    found = grounds(caller, task)
    return bool(found & OWN) or (Ground.PRODUCTION in found and task.label in PRODUCTION_LABELS)


def refuse_code(caller: Caller, number: int | None, code: KillCode) -> None:
    """Some codes are not for everybody.

    :raise Forbidden: the caller has not the role that the code needs.
    """
    if code.needs_production and not caller.has(Role.PRODUCTION):
        raise Forbidden(f"kill code {number} ({code.meaning}) needs the role production or admin; {caller.described}")


def why_not_kill(caller: Caller, job: Controlled) -> str:
    """The sentence for somebody who may not."""
    managers = f", the managers of its group {job.working_group}" if job.working_group else ""
    production = "production" if job.label in PRODUCTION_LABELS else "production with code 91 or 99"
    return f"a job of label {job.label} is killed by its owner{managers}, {production}, or an admin; {caller.described}"


def why_not_steer(caller: Caller, task: Task) -> str:
    """The sentence for somebody who may not."""
    managers = f", the managers of its group {task.working_group}" if task.working_group else ""
    production = ", production" if task.label in PRODUCTION_LABELS else ""
    return f"task {task.id} is steered by its owner{managers}{production}, or an admin; {caller.described}"


def why_not_debug(caller: Caller, job: Controlled) -> str:
    """The sentence for somebody who may not."""
    managers = f", the managers of its group {job.working_group}" if job.working_group else ""
    return f"job {job.panda_id} is debugged by its owner{managers}, production, or an admin; {caller.described}"
