"""Who may end or command whose jobs. Pure. Identities decide, never names; semantics: PanDA's killJob, with fewer gaps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType

from pandad.spec.caller import Caller, Role
from pandad.spec.errors import Forbidden
from pandad.spec.killcode import KillCode
from pandad.spec.share import PRODUCTION_LABELS
from pandad.taskbuffer.control import Controlled


class Ground(StrEnum):
    """On what ground somebody may do something with a job."""

    OWNER = "owner"
    GROUP = "manager of its group"
    HOLDER = "pilot that has it"
    PRODUCTION = "production"
    ADMIN = "admin"


OWN = frozenset({Ground.OWNER, Ground.GROUP, Ground.ADMIN})


class Authority:
    """Knows the managers of groups.

    :param groups: workingGroup to the DNs that may manage its jobs.
    """

    def __init__(self, groups: Mapping[str, Collection[str]] = MappingProxyType({})) -> None:
        self._groups = groups

    def grounds(self, caller: Caller, job: Controlled) -> frozenset[Ground]:
        """All grounds on which the caller stands. A limited proxy is in the hands of a job and stands for a pilot only."""
        if caller.identity is None:
            return frozenset()
        holds = frozenset({Ground.HOLDER}) if caller.identity == job.holder else frozenset()
        if caller.limited:
            return holds
        found = {
            Ground.OWNER: caller.identity == job.owner,
            Ground.GROUP: caller.identity.subject in self._groups.get(job.working_group or "", ()),
            Ground.PRODUCTION: Role.PRODUCTION in caller.roles,
            Ground.ADMIN: Role.ADMIN in caller.roles,
        }
        return holds | {ground for ground, given in found.items() if given}

    def may_kill(self, caller: Caller, job: Controlled, code: KillCode) -> bool:
        """Owner, group managers and admins; production its own kind of work, and users' jobs with the codes for that."""
        grounds = self.grounds(caller, job)
        as_production = job.label in PRODUCTION_LABELS or code.reaches_users
        return bool(grounds & OWN) or (Ground.PRODUCTION in grounds and as_production)

    def may_debug(self, caller: Caller, job: Controlled) -> bool:
        """The same, production any job, and the pilot that has it."""
        return bool(self.grounds(caller, job))


def refuse_code(caller: Caller, number: int | None, code: KillCode) -> None:
    """Some codes are not for everybody.

    :raise Forbidden: the caller has not the role that the code needs.
    """
    if code.needs_production and not caller.has(Role.PRODUCTION):
        raise Forbidden(f"kill code {number} ({code.meaning}) needs the role production or admin; {who(caller)}")


def why_not_kill(caller: Caller, job: Controlled) -> str:
    """The sentence for somebody who may not."""
    managers = f", the managers of its group {job.working_group}" if job.working_group else ""
    production = "production" if job.label in PRODUCTION_LABELS else "production with code 91 or 99"
    return f"a job of label {job.label} is killed by its owner{managers}, {production}, or an admin; {who(caller)}"


def why_not_debug(caller: Caller, job: Controlled) -> str:
    """The sentence for somebody who may not."""
    managers = f", the managers of its group {job.working_group}" if job.working_group else ""
    return f"job {job.panda_id} is debugged by its owner{managers}, production, or an admin; {who(caller)}"


def who(caller: Caller) -> str:
    """Whom the server takes the caller for."""
    assert caller.identity is not None
    limited = ", with a limited proxy" if caller.limited else ""
    return f"you are {caller.identity.subject} with roles: {', '.join(sorted(caller.roles)) or 'none'}{limited}"
