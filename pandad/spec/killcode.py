"""PanDA's kill codes: who may use each, whether it waits for the pilot, and what it leaves on the job.

Numbers, error codes and the shapes of the messages are PanDA's (killJob). A code says why a job is killed; whose jobs somebody
may kill is said in userinterface/authority.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pandad.spec import errorcodes
from pandad.spec.jobstatus import BEFORE_PILOT, IN_SLOT, Event, JobStatus

_KILLED = "killed by {by}"
_EXPIRED = "expired in {status}. status unchanged since {since:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True, slots=True)
class KillCode:
    """One code.

    :param meaning: for refusals and the documentation.
    :param error: the taskBufferErrorCode. :param diag: the taskBufferErrorDiag, with {by}, {status} and {since}.
    :param forced: the job ends at once, even while a pilot has it.
    :param system: a word of the system, or of who runs it: the production role is needed, and a job that never ran is closed.
    :param reaches_users: with it the production role reaches users' jobs too, and it is needed.
    """

    meaning: str
    error: int = errorcodes.TASKBUFFER_KILL
    diag: str = _KILLED
    forced: bool = False
    system: bool = False
    reaches_users: bool = False

    @property
    def needs_production(self) -> bool:
        """Whether only production and admins may use it."""
        return self.system or self.reaches_users

    def text(self, by: str, status: JobStatus, since: datetime) -> str:
        """The taskBufferErrorDiag.

        :param by: who kills, a label. :param since: when the job came into that state.
        """
        return self.diag.format(by=by, status=status, since=since)

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
    2: KillCode("it expired", errorcodes.TASKBUFFER_EXPIRED, _EXPIRED, system=True),
    3: KillCode("aborted from outside", errorcodes.TASKBUFFER_ABORTED, "aborted by ExtIF"),
    4: KillCode("it expired in waiting", errorcodes.TASKBUFFER_EXPIRED, _EXPIRED, system=True),
    7: KillCode("another job retries it", errorcodes.TASKBUFFER_RETRIED, "retried by server", system=True),
    8: KillCode("rebrokerage", errorcodes.TASKBUFFER_REASSIGNED, "reassigned by rebrokerage", system=True),
    9: KillCode("by force", forced=True),
    10: KillCode("fast rebrokerage", errorcodes.TASKBUFFER_FAST_REBROKERAGE, "fast rebrokerage due to Nq/Nr overshoot",
                 system=True),
    50: KillCode("by its task", system=True),
    51: KillCode("its task reassigns it", errorcodes.TASKBUFFER_REASSIGNED, "reassigned by JEDI", system=True),
    52: KillCode("by its task, by force", forced=True, system=True),
    55: KillCode("its task is done", diag=_KILLED + " : its task is done", system=True),
    # No pilot is there any more that could be told.
    60: KillCode("its pilot ended without work", errorcodes.TASKBUFFER_WORKER_DONE, "its worker ended without work",
                 forced=True, system=True),
    91: KillCode("a user's job, by production", reaches_users=True),
    99: KillCode("a user's job, by production, by force", forced=True, reaches_users=True),
}
