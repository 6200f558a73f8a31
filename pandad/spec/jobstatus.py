"""The life of a job: every state, every event, who may cause it and what it leads to. The one place that names them.

Callers say what happened (an event), never which state they would like. ``taskbuffer.jobs`` turns a row of this table into a
compare-and-set; the database has the same words as an ENUM and a test compares the two. States and their meaning: PanDA
terminology; transitions: PanDA server 2009 and today, with the changes that the rows give a reason for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"            # made by a task, not set up yet
    DEFINED = "defined"            # accepted; waits for brokerage
    WAITING = "waiting"            # an input is not there (yet)
    ASSIGNED = "assigned"          # has a queue; its input is on the way there
    THROTTLED = "throttled"        # held back by a cap
    ACTIVATED = "activated"        # any pilot of the queue that fits may take it
    SENT = "sent"                  # handed to a pilot, no word from it yet
    STARTING = "starting"          # the pilot (or a batch queue) has it
    RUNNING = "running"            # the payload runs
    HOLDING = "holding"            # the payload is over; outputs are being checked and registered
    MERGING = "merging"            # outputs wait for their merge job
    TRANSFERRING = "transferring"  # outputs are on their way to their destination
    FINISHED = "finished"          # ended well: its outputs are registered
    FAILED = "failed"              # ended badly, with an error code
    CANCELLED = "cancelled"        # ended by a person
    CLOSED = "closed"              # ended by the system before it ran


class Actor(StrEnum):
    """Who may cause an event."""

    USER = "user"                # the owner, production or an admin, through userinterface
    TASK = "task"                # jedi, for the jobs of its task
    BROKERAGE = "brokerage"
    DATASERVICE = "dataservice"
    PILOT = "pilot"              # a pilot or Harvester, through jobdispatcher
    WATCHER = "watcher"          # timeouts and caps


class Event(StrEnum):
    """What can happen to a job."""

    SUBMITTED = "submitted"
    PREPARED = "prepared"                # a task's job is ready to be brokered
    BROKERED = "brokered"                # a queue was chosen
    UNBROKERED = "unbrokered"            # its queue was taken away again: broker anew
    REFUSED = "refused"                  # no queue can ever take it, or its description is wrong
    INPUT_MISSING = "input missing"
    INPUT_ARRIVED = "input arrived"      # what was missing is somewhere: broker anew, locality has changed
    INPUT_READY = "input ready"          # all inputs are at the chosen queue
    THROTTLE = "throttle"
    UNTHROTTLE = "unthrottle"
    CLAIMED = "claimed"                  # handed to a pilot
    STARTED = "started"                  # first word of the pilot
    RUNNING = "running"
    RECOVERING = "recovering"            # pilot keeps the outputs and will report later
    REPORTED = "reported"                # the pilot's final report is stored
    TRANSFER_STARTED = "transfer started"
    MERGE_STARTED = "merge started"
    MERGED = "merged"
    COMPLETED = "completed"              # outputs verified and registered
    FAILED = "failed"                    # the report says so, or the outputs are not what it says
    SENT_EXPIRED = "sent lease expired"  # never started: back to the queue with a new attempt
    RETRIED = "retried"                  # a new attempt in place
    RETRIED_ELSEWHERE = "retried elsewhere"  # a new attempt, brokered anew
    LOST = "lost heartbeat"
    TIMED_OUT = "timed out"
    KILLED = "killed"                    # a job that holds no slot, or whose pilot obeyed
    FORCE_KILLED = "killed by force"
    CLOSED = "closed"                    # withdrawn by the system


S, E, A = JobStatus, Event, Actor


@dataclass(frozen=True, slots=True)
class Transition:
    """In which states an event may happen, the state it leads to, and who may cause it."""

    sources: frozenset[JobStatus]
    target: JobStatus
    actors: frozenset[Actor]


def _row(sources: Iterable[JobStatus], target: JobStatus, *actors: Actor) -> Transition:
    return Transition(frozenset(sources), target, frozenset(actors))


FINAL = frozenset({S.FINISHED, S.FAILED, S.CANCELLED, S.CLOSED})
LIVE = frozenset(S) - FINAL
BEFORE_PILOT = frozenset({S.PENDING, S.DEFINED, S.WAITING, S.ASSIGNED, S.THROTTLED, S.ACTIVATED})
IN_SLOT = frozenset({S.SENT, S.STARTING, S.RUNNING})  # a pilot may be working on it
AFTER_PILOT = frozenset({S.HOLDING, S.MERGING, S.TRANSFERRING})

TRANSITIONS: Mapping[Event, Transition] = {
    E.PREPARED: _row({S.PENDING}, S.DEFINED, A.TASK),
    E.BROKERED: _row({S.DEFINED}, S.ASSIGNED, A.BROKERAGE),
    # By the data service: its input does not get there.
    E.UNBROKERED: _row({S.ASSIGNED, S.WAITING, S.ACTIVATED, S.THROTTLED}, S.DEFINED, A.BROKERAGE, A.USER, A.DATASERVICE),
    E.REFUSED: _row({S.DEFINED, S.WAITING, S.ASSIGNED}, S.FAILED, A.BROKERAGE, A.DATASERVICE),
    E.INPUT_MISSING: _row({S.ASSIGNED}, S.WAITING, A.DATASERVICE),
    E.INPUT_ARRIVED: _row({S.WAITING}, S.DEFINED, A.DATASERVICE),
    # From waiting too: what was missing came to the queue that the job was placed at.
    E.INPUT_READY: _row({S.ASSIGNED, S.WAITING}, S.ACTIVATED, A.DATASERVICE),
    E.THROTTLE: _row({S.ACTIVATED}, S.THROTTLED, A.WATCHER),
    E.UNTHROTTLE: _row({S.THROTTLED}, S.ACTIVATED, A.WATCHER),
    E.CLAIMED: _row({S.ACTIVATED}, S.SENT, A.PILOT),
    E.STARTED: _row({S.SENT}, S.STARTING, A.PILOT),
    # A pilot's first word may be "running": the "starting" before it can be lost on the way.
    E.RUNNING: _row({S.SENT, S.STARTING}, S.RUNNING, A.PILOT),
    E.RECOVERING: _row(IN_SLOT, S.HOLDING, A.PILOT),
    # From holding too: a recovered pilot delivers the final report that it owed.
    E.REPORTED: _row(IN_SLOT | {S.HOLDING}, S.HOLDING, A.PILOT),
    E.TRANSFER_STARTED: _row({S.HOLDING, S.MERGING}, S.TRANSFERRING, A.DATASERVICE),
    E.MERGE_STARTED: _row({S.HOLDING}, S.MERGING, A.TASK),
    E.MERGED: _row({S.MERGING}, S.FINISHED, A.TASK),
    E.COMPLETED: _row({S.HOLDING, S.TRANSFERRING}, S.FINISHED, A.DATASERVICE),
    E.FAILED: _row({S.HOLDING, S.TRANSFERRING, S.MERGING}, S.FAILED, A.DATASERVICE, A.TASK),
    # PanDA fails a job whose pilot never spoke; nothing ran, so a new attempt is safe and costs nobody anything.
    E.SENT_EXPIRED: _row({S.SENT}, S.ACTIVATED, A.WATCHER),
    E.RETRIED: _row(IN_SLOT | {S.HOLDING}, S.ACTIVATED, A.WATCHER, A.DATASERVICE),
    E.RETRIED_ELSEWHERE: _row(IN_SLOT | {S.HOLDING}, S.DEFINED, A.WATCHER, A.DATASERVICE),
    E.LOST: _row({S.STARTING, S.RUNNING}, S.FAILED, A.WATCHER),
    # From sent: pilot after pilot got it and never spoke.
    E.TIMED_OUT: _row((LIVE - IN_SLOT) | {S.SENT}, S.FAILED, A.WATCHER),
    # A job in a slot is killed softly: told at the next heartbeat, cancelled when its pilot reports or falls silent.
    E.KILLED: _row(LIVE, S.CANCELLED, A.USER, A.DATASERVICE, A.WATCHER),
    E.FORCE_KILLED: _row(LIVE, S.CANCELLED, A.USER),
    # By a person too: production may say what the system would have said, with its kill codes.
    E.CLOSED: _row(BEFORE_PILOT, S.CLOSED, A.WATCHER, A.TASK, A.USER),
}

RETRIES = frozenset({E.RETRIED, E.RETRIED_ELSEWHERE})
# Back to the queue after a pilot had the job: the next dispatch is another attempt, so that the old pilot is known as such.
NEW_ATTEMPT = frozenset(e for e, row in TRANSITIONS.items() if row.target in BEFORE_PILOT and row.sources - BEFORE_PILOT)

INITIAL: Mapping[Actor, frozenset[JobStatus]] = {
    A.USER: frozenset({S.DEFINED}),
    A.TASK: frozenset({S.PENDING, S.DEFINED}),
}


def may(event: Event, status: JobStatus, actor: Actor) -> bool:
    """Whether `actor` may cause `event` on a job in `status`."""
    row = TRANSITIONS[event]
    return status in row.sources and actor in row.actors
