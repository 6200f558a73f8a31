"""PanDA's kill codes: who may use each, whether it waits for the pilot, and what it leaves on the job.

The numbers are PanDA's (killJob). A code says why a job is killed; whose jobs somebody may kill is said in
userinterface/authority.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.errorcodes import ABORTED, EXPIRED, FAST_REBROKERAGE, KILLED, REASSIGNED, SERVER_RETRY, WORKER_DONE, Fault
from pandad.spec.jobstatus import BEFORE_PILOT, IN_SLOT, Event, JobStatus


@dataclass(frozen=True, slots=True)
class KillCode:
    """One code.

    :param meaning: for refusals and the documentation.
    :param fault: what stands on the job. :param by: who it says does it; None: the caller, by name.
    :param forced: the job ends at once, even while a pilot has it.
    :param system: a word of the system, or of who runs it: the production role is needed, and a job that never ran is closed.
    :param reaches_users: with it the production role reaches users' jobs too, and it is needed.
    """

    meaning: str
    fault: Fault = KILLED
    by: str | None = None
    forced: bool = False
    system: bool = False
    reaches_users: bool = False

    @property
    def needs_production(self) -> bool:
        """Whether only production and admins may use it."""
        return self.system or self.reaches_users

    def values(self, who: str, state: JobStatus, changed: datetime) -> dict[str, object]:
        """The pair (taskBufferErrorCode, taskBufferErrorDiag) that stands on the job.

        :param who: who kills, a label. :param changed: when the job came into that state.
        """
        return self.fault.values(who=self.by or who, state=state, changed=changed)

    def event(self, status: JobStatus) -> Event | None:
        """What happens at once to a live job; None if its pilot must be told first."""
        if self.system and status in BEFORE_PILOT:
            return Event.CLOSED
        if self.forced:
            return Event.FORCE_KILLED
        return None if status in IN_SLOT else Event.KILLED


ORDINARY = KillCode("an ordinary kill")

KILL_CODES: Mapping[int | None, KillCode] = {
    None: ORDINARY,
    2: KillCode("it expired", EXPIRED, system=True),
    3: KillCode("aborted from outside", ABORTED),
    4: KillCode("it expired in waiting", EXPIRED, system=True),
    7: KillCode("another job retries it", SERVER_RETRY, system=True),
    8: KillCode("rebrokerage", REASSIGNED, "rebrokerage", system=True),
    9: KillCode("by force", forced=True),
    10: KillCode("fast rebrokerage", FAST_REBROKERAGE, system=True),
    50: KillCode("by its task", system=True),
    51: KillCode("its task reassigns it", REASSIGNED, "JEDI", system=True),
    52: KillCode("by its task, by force", forced=True, system=True),
    55: KillCode("its task is done", system=True),
    # No pilot is there any more that could be told.
    60: KillCode("its pilot ended without work", WORKER_DONE, forced=True, system=True),
    91: KillCode("a user's job, by production", reaches_users=True),
    99: KillCode("a user's job, by production, by force", forced=True, reaches_users=True),
}
