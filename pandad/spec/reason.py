"""Why a job is where it is: one stable code per case, for programs to key on. The one place that names them.

docs/reference/why.md is made of this table. A code never changes its meaning; a new case gets a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pandad.spec import errorcodes
from pandad.spec.failure import EXIT_CODE, Failure
from pandad.spec.jobstatus import JobStatus

S = JobStatus


class Reason(StrEnum):
    """The codes."""

    TASK_PREPARES = "task-prepares"
    BROKERAGE_DUE = "brokerage-due"
    BROKERAGE_STALLED = "brokerage-stalled"
    NO_QUEUE = "no-queue"
    PINNED_TO_NOTHING = "pinned-to-nothing"
    PINNED_REFUSED = "pinned-refused"
    NEVER = "no-queue-ever"
    SCOUTS_FIRST = "scouts-first"
    QUEUES_CLOSED = "queues-closed"
    QUEUES_FULL = "queues-full"
    QUEUES_AVOIDED = "queues-avoided"
    NO_QUEUE_NOW = "no-queue-now"
    INPUT_DUE = "input-check-due"
    INPUT_STALLED = "input-check-stalled"
    INPUT_WANTED = "input-sent-for"
    INPUT_NO_QUOTA = "input-no-quota"
    INPUT_MOVES = "input-moves"
    INPUT_STUCK = "input-stuck"
    INPUT_MISSING = "input-missing"
    INPUT_STORAGE_AWAY = "input-storage-away"
    USER_CAP = "user-cap"
    GROUP_CAP = "group-cap"
    CAP_LIFTED = "cap-lifted"
    NO_PILOT = "no-pilot"
    PILOTS_MISFIT = "pilots-misfit"
    BEHIND_OTHERS = "behind-others"
    PILOT_NEXT = "pilot-next"
    PILOT_SILENT = "pilot-silent"
    PILOT_STARTS = "pilot-starts"
    PAYLOAD_RUNS = "payload-runs"
    BEING_KILLED = "being-killed"
    PILOT_RECOVERS = "pilot-recovers"
    OUTPUT_DUE = "output-check-due"
    OUTPUT_STALLED = "output-check-stalled"
    OUTPUT_STORAGE_AWAY = "output-storage-away"
    MERGE = "merge-job"
    OUTPUT_WANTED = "output-sent-for"
    OUTPUT_NO_QUOTA = "output-no-quota"
    OUTPUT_MOVES = "output-moves"
    OUTPUT_STUCK = "output-stuck"
    FINISHED = "finished"
    FAILED_PAYLOAD = "failed-payload"
    FAILED_PILOT = "failed-pilot"
    FAILED_DATA = "failed-data"
    FAILED_BROKERAGE = "failed-brokerage"
    FAILED_LOST = "failed-lost"
    FAILED_SERVER = "failed-server"
    FAILED_BATCH = "failed-batch"
    FAILED_UNTOLD = "failed-untold"
    KILLED = "killed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says.

    :param states: in which a job can have it. :param waits_for: None for a job that has ended.
    :param says: what is so. :param helps: what would change it, where nothing more exact is known of the job.
    """

    states: frozenset[JobStatus]
    waits_for: str | None
    says: str
    helps: str


def _row(states: JobStatus | tuple[JobStatus, ...], waits_for: str | None, says: str, helps: str) -> Meaning:
    return Meaning(frozenset({states} if isinstance(states, JobStatus) else states), waits_for, says, helps)


_WAIT = "nothing to do: it goes on by itself"
_OPERATOR = "tell the operator: `pandad loop` shows what is wrong with it"
_AGAIN = "mend the cause and submit it again"

R = Reason

REASONS: Mapping[Reason, Meaning] = {
    R.TASK_PREPARES: _row(S.PENDING, "its task", "its task has not set it up yet", _WAIT),
    R.BROKERAGE_DUE: _row(S.DEFINED, "brokerage", "the next round of brokerage looks at it", _WAIT),
    R.BROKERAGE_STALLED: _row(S.DEFINED, "brokerage", "brokerage does not run, or its rounds fail", _OPERATOR),
    R.NO_QUEUE: _row(S.DEFINED, "a queue", "no queue is registered", "have the operator add one with `pandad queue add FILE`"),
    R.PINNED_TO_NOTHING: _row(
        S.DEFINED, "its queue", "the queue that it is pinned to is not registered",
        "submit it again with a queue that `pandad queue ls` lists, or without one"),
    R.PINNED_REFUSED: _row(
        S.DEFINED, "its queue", "the queue that it is pinned to refuses it", "submit it again without a queue"),
    R.NEVER: _row(
        S.DEFINED, "a queue that fits", "no registered queue can ever take it, whatever its load and status",
        "change what it needs, or have a queue that offers it"),
    R.SCOUTS_FIRST: _row(S.DEFINED, "scouts of its task", "the first jobs of its task go ahead, to see what they use", _WAIT),
    R.QUEUES_CLOSED: _row(
        S.DEFINED, "a queue that opens", "the queues that fit are not open to it",
        "wait until one is back online; the operator sees why it is not with `pandad queue why QUEUE`"),
    R.QUEUES_FULL: _row(S.DEFINED, "room at a queue", "the queues that fit have as much work as they may", _WAIT),
    R.QUEUES_AVOIDED: _row(
        S.DEFINED, "another queue", "it failed at the queues that fit, and is to avoid them",
        "submit it again if what failed there is mended"),
    R.NO_QUEUE_NOW: _row(
        S.DEFINED, "a queue", "the queues that fit refuse it now, for different reasons", "see the verdict of each queue"),
    R.INPUT_DUE: _row((S.ASSIGNED, S.WAITING), "input", "its input is looked at in the next round", _WAIT),
    R.INPUT_STALLED: _row(
        (S.ASSIGNED, S.WAITING), "input", "the loop that looks at inputs does not run, or fails", _OPERATOR),
    R.INPUT_WANTED: _row(
        S.ASSIGNED, "input", "the transfer of the input that its queue misses is being asked for", _WAIT),
    R.INPUT_NO_QUOTA: _row(
        S.ASSIGNED, "quota", "there is no room for its input where its queue reads",
        "have who runs Rucio raise the quota of pandad's account there, or make room; after [dataservice] stuck_s it goes to "
        "another queue, if it may"),
    R.INPUT_MOVES: _row(S.ASSIGNED, "transfers", "the input that its queue misses is on its way there", _WAIT),
    R.INPUT_STUCK: _row(
        S.ASSIGNED, "transfers", "the transfer of its input does not get on",
        "nothing to do: another source and then another queue is tried; who runs Rucio can look at the rule"),
    R.INPUT_MISSING: _row(
        S.WAITING, "input", "some of its input is not at its queue",
        "bring the missing files to the storage of its queue, or submit it again with files that are there"),
    R.INPUT_STORAGE_AWAY: _row(
        S.WAITING, "storage", "the storage of its queue does not say what it has", "wait until the storage answers"),
    R.USER_CAP: _row(
        (S.THROTTLED, S.ACTIVATED), "its owner's other jobs", "its owner has all the cores that one user may have",
        "wait until jobs of its owner end, or kill some; the cap is [shares] user_cap"),
    R.GROUP_CAP: _row(
        (S.THROTTLED, S.ACTIVATED), "its group's other jobs", "its group has all the cores that it may have",
        "wait until jobs of the group end; the cap is in [shares.group_caps]"),
    R.CAP_LIFTED: _row(S.THROTTLED, "the next round", "there is room below its caps again", _WAIT),
    R.NO_PILOT: _row(
        S.ACTIVATED, "a pilot", "no pilot of its queue has asked for a job for long, or ever",
        "have the operator of the queue look at its pilots, or submit it again without a queue"),
    R.PILOTS_MISFIT: _row(
        S.ACTIVATED, "a pilot that fits", "pilots of its queue ask for jobs, and it fits none of the last",
        "wait for another kind of pilot, or change what the job needs"),
    R.BEHIND_OTHERS: _row(S.ACTIVATED, "its turn", "pilots that fit come, and other jobs go first", _WAIT),
    R.PILOT_NEXT: _row(S.ACTIVATED, "a pilot", "it goes to the next pilot of its queue that fits", _WAIT),
    R.PILOT_SILENT: _row(S.SENT, "its pilot", "a pilot got it and has not spoken yet",
                         "nothing to do: it goes to another pilot if this one stays silent"),
    R.PILOT_STARTS: _row(S.STARTING, "its pilot", "its pilot prepares it", _WAIT),
    R.PAYLOAD_RUNS: _row(S.RUNNING, "its payload", "its payload runs", _WAIT),
    R.BEING_KILLED: _row(
        (S.SENT, S.STARTING, S.RUNNING, S.HOLDING, S.MERGING, S.TRANSFERRING), "its pilot", "it is being ended",
        "nothing to do: its pilot hears of it at the next heartbeat"),
    R.PILOT_RECOVERS: _row(
        S.HOLDING, "its pilot", "its pilot has not delivered the outputs yet and promised to come back", _WAIT),
    R.OUTPUT_DUE: _row(S.HOLDING, "output checks", "its outputs are being checked and registered", _WAIT),
    R.OUTPUT_STALLED: _row(
        S.HOLDING, "output checks", "the loop that checks outputs does not run, or fails", _OPERATOR),
    R.OUTPUT_STORAGE_AWAY: _row(
        S.HOLDING, "storage", "its outputs cannot be checked or registered now",
        "nothing to do: it is tried again for [dataservice] give_up_s"),
    R.MERGE: _row(S.MERGING, "its merge job", "its outputs wait for their merge job", _WAIT),
    R.OUTPUT_WANTED: _row(
        S.TRANSFERRING, "transfers", "the rule that brings its outputs to their destination is being asked for", _WAIT),
    R.OUTPUT_NO_QUOTA: _row(
        S.TRANSFERRING, "quota", "there is no room for its outputs at their destination",
        "have who runs Rucio raise the quota of pandad's account there, or make room; after [dataservice] give_up_s it fails"),
    R.OUTPUT_MOVES: _row(S.TRANSFERRING, "transfers", "its outputs are on their way to their destination", _WAIT),
    R.OUTPUT_STUCK: _row(
        S.TRANSFERRING, "transfers", "the transfer of its outputs does not get on",
        "have who runs Rucio look at the rule; the job waits until its limit"),
    R.FINISHED: _row(S.FINISHED, None, "it is finished", "nothing to do: its outputs are where they should be"),
    R.FAILED_PAYLOAD: _row(S.FAILED, None, "its payload failed", "look into its log, " + _AGAIN),
    R.FAILED_PILOT: _row(S.FAILED, None, "its pilot could not run it through", "look into its log, and submit it again"),
    R.FAILED_DATA: _row(S.FAILED, None, "its data could not be read or registered", _AGAIN),
    R.FAILED_BROKERAGE: _row(S.FAILED, None, "it could not be brokered", _AGAIN),
    R.FAILED_LOST: _row(S.FAILED, None, "its pilot fell silent", "submit it again; if it gets lost again, look at what it does"),
    R.FAILED_SERVER: _row(S.FAILED, None, "the server ended it", _AGAIN),
    R.FAILED_BATCH: _row(S.FAILED, None, "its worker ended before it", "submit it again; ask the site if that happens again"),
    R.FAILED_UNTOLD: _row(S.FAILED, None, "it failed, and no error was reported", "look into its log"),
    R.KILLED: _row(S.CANCELLED, None, "it was killed", "submit it again if it is still wanted"),
    R.EXPIRED: _row(S.CLOSED, None, "it waited longer than it may", "mend what it waited for, and submit it again"),
    R.WITHDRAWN: _row(S.CLOSED, None, "it was withdrawn before it ran", "submit it again if it is still wanted"),
}

_FAILED: Mapping[str, Reason] = {
    EXIT_CODE: R.FAILED_PAYLOAD, "exe": R.FAILED_PAYLOAD, "pilot": R.FAILED_PILOT, "ddm": R.FAILED_DATA,
    "brokerage": R.FAILED_BROKERAGE, "jobDispatcher": R.FAILED_LOST, "taskBuffer": R.FAILED_SERVER, "sup": R.FAILED_BATCH}


def of_failures(failures: list[Failure]) -> Reason:
    """The reason of a failed job: the first of its errors, which is the nearest to the payload."""
    return _FAILED[failures[0].source] if failures else R.FAILED_UNTOLD


def of_closed(code: int) -> Reason:
    """The reason of a closed job, from its taskBufferErrorCode."""
    return R.EXPIRED if code == errorcodes.TASKBUFFER_EXPIRED else R.WITHDRAWN
