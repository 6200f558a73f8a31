"""How long a job may stay where it is, one row for each limit: the watcher goes by it, docs/reference/timeouts.md shows it.

The limit of a row is the setting of its name in the configuration's section ``[timeouts]``; a test keeps the two together. Of the
rows of one state that count from the same, one fits a job: it is always clear which limit counts. (PanDA: copyArchive, Watcher,
datasetManager.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pandad.spec import errorcodes
from pandad.spec.errorcodes import Fault
from pandad.spec.jobstatus import Event, JobStatus

ANALYSIS_LABELS = frozenset({"user", "panda"})  # prodSourceLabel


class Since(StrEnum):
    """From when a limit counts: the attribute that holds the time."""

    CHANGED = "stateChangeTime"
    HEARD = "modificationTime"  # the last word of the pilot, or the change of state if that is later


@dataclass(frozen=True, slots=True)
class JobClass:
    """Some of the jobs, by their columns. None: no matter.

    :param analysis: whether the label is a user's; any other label, or none, is production.
    :param lowest, highest: of currentPriority, both included.
    """

    text: str
    analysis: bool | None = None
    lowest: int | None = None
    highest: int | None = None

    def holds(self, label: str | None, priority: int) -> bool:
        """Whether a job with these is one of them."""
        return (
            (self.analysis is None or self.analysis == (label in ANALYSIS_LABELS))
            and (self.lowest is None or priority >= self.lowest)
            and (self.highest is None or priority <= self.highest)
        )


@dataclass(frozen=True, slots=True)
class Timeout:
    """One limit.

    :param event: what happens to a job past it. None: its pilot is told to stop.
    :param fault: what is then written on the job; on a job that goes back to the queue only when it has gone back too often.
    :param spares_paused: not at queues that are paused: their pilots go on and may be unable to say so.
    """

    name: str
    states: frozenset[JobStatus]
    of: JobClass
    since: Since
    event: Event | None
    fault: Fault
    spares_paused: bool = False

    @property
    def setting(self) -> str:
        """The key in the configuration; 0 there means never."""
        return f"{self.name}_s"


_ALL = JobClass("all")
_ANALYSIS = JobClass("analysis", analysis=True)
_PRODUCTION = JobClass("production", analysis=False)
_URGENT_PRODUCTION = JobClass("production, priority over 800", analysis=False, lowest=801)
_OTHER_PRODUCTION = JobClass("production, priority up to 800", analysis=False, highest=800)
_URGENT = JobClass("priority from 800", lowest=800)
_OTHER = JobClass("priority under 800", highest=799)


def _row(name: str, states: Sequence[JobStatus], of: JobClass, since: Since, event: Event | None, fault: Fault, *,
         spares_paused: bool = False) -> Timeout:
    return Timeout(name, frozenset(states), of, since, event, fault, spares_paused)


S, E, F = JobStatus, Event, errorcodes

# The shortest first: jobs in `sent` go back within a minute, however much there is to do for the other rows.
TIMEOUTS: Sequence[Timeout] = (
    _row("sent", [S.SENT], _ALL, Since.CHANGED, E.SENT_EXPIRED, F.SENT_WITHOUT_REPLY),
    _row("heartbeat_analysis", [S.STARTING, S.RUNNING], _ANALYSIS, Since.HEARD, E.LOST, F.LOST_HEARTBEAT),
    _row("heartbeat_production", [S.STARTING, S.RUNNING], _PRODUCTION, Since.HEARD, E.LOST, F.LOST_HEARTBEAT, spares_paused=True),
    _row("holding_analysis", [S.HOLDING], _ANALYSIS, Since.HEARD, E.TIMED_OUT, F.RECOVERY_FAILED),
    _row("holding_urgent", [S.HOLDING], _URGENT_PRODUCTION, Since.HEARD, E.TIMED_OUT, F.RECOVERY_FAILED),
    _row("holding_production", [S.HOLDING], _OTHER_PRODUCTION, Since.HEARD, E.TIMED_OUT, F.RECOVERY_FAILED),
    _row("pending", [S.PENDING], _ALL, Since.CHANGED, E.CLOSED, F.EXPIRED),
    _row("waiting", [S.WAITING], _ALL, Since.CHANGED, E.CLOSED, F.EXPIRED),
    _row("transferring_urgent", [S.TRANSFERRING], _URGENT, Since.CHANGED, E.TIMED_OUT, F.TRANSFER_TIMEOUT),
    _row("transferring", [S.TRANSFERRING], _OTHER, Since.CHANGED, E.TIMED_OUT, F.TRANSFER_TIMEOUT),
    _row("defined", [S.DEFINED, S.ASSIGNED], _ALL, Since.CHANGED, E.CLOSED, F.EXPIRED),
    _row("activated", [S.ACTIVATED], _ALL, Since.CHANGED, E.CLOSED, F.EXPIRED),
    _row("throttled", [S.THROTTLED], _ALL, Since.CHANGED, E.CLOSED, F.EXPIRED),
    _row("merging", [S.MERGING], _ANALYSIS, Since.HEARD, E.TIMED_OUT, F.OTHER_TIMEOUT),
    _row("running", [S.RUNNING], _ALL, Since.CHANGED, None, F.EXPIRED),
)
