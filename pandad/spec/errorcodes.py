"""PanDA's error codes, by the component that sets them, and the one place where the message of each is made.

A job carries a pair (code, diag) for each component. The numbers are for comparing, and for messages that have no fixed shape; a
`Fault` is a number together with the shape of its message, which monitors and people key on. (PanDA server: ErrorCode.py of
taskbuffer, jobdispatcher, dataservice and brokerage, SupErrors.py. 111 to 126 of the task buffer belong to the event service.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pandad.spec.attribute import attributes_of
from pandad.spec.job import JobSpec

# taskBufferErrorCode
TASKBUFFER_KILL = 100
TASKBUFFER_TRANSFER_TIMEOUT = 101
TASKBUFFER_EXPIRED = 102
TASKBUFFER_ABORTED = 103
TASKBUFFER_INPUT_EXPIRED = 104  # 2009
TASKBUFFER_REASSIGNED = 105
TASKBUFFER_SERVER_RETRY = 106
TASKBUFFER_PILOT_RETRY = 107
TASKBUFFER_LOST_FILE = 110
TASKBUFFER_FAST_REBROKERAGE = 130
TASKBUFFER_CLONE_UNLOCKED = 200
TASKBUFFER_WORKER_DONE = 300
TASKBUFFER_FORBIDDEN = 403  # of replies, not of jobs
TASKBUFFER_NOT_FOUND = 404  # likewise

# jobDispatcherErrorCode
DISPATCHER_LOST_HEARTBEAT = 100
DISPATCHER_RECOVERY_FAILED = 101
DISPATCHER_SENT_WITHOUT_REPLY = 102
DISPATCHER_HOLDING_TIMEOUT = 103
DISPATCHER_TRANSFERRING_TIMEOUT = 104
DISPATCHER_TIMEOUT = 105

# brokerageErrorCode (2009)
BROKERAGE_RELEASE = 100
BROKERAGE_VOMS = 101
BROKERAGE_NO_QUEUE = 102  # pandad's own: of a `defined` job that no queue took when it was looked at last

# ddmErrorCode
DDM_SETUPPER = 100
DDM_GUID = 101
DDM_ADDER = 200
DDM_SUBSCRIPTION = 201
DDM_LOCATION = 203
DDM_MISSING_NUM_EVENTS = 204
DDM_INCONSISTENT_GUID = 205
DDM_RSE = 206

# supErrorCode
SUP_INVALID_BATCH_ID = 1
SUP_WORKER_ALREADY_DONE = 2

_LIMITS = {a.name: a.limit for a in attributes_of(JobSpec)}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    :param source: the component, as its two attributes begin: jobDispatcher, taskBuffer, brokerage, ddm or sup.
    :param shape: the message; names in braces are the parts that vary.
    """

    source: str
    code: int
    shape: str

    def text(self, **parts: object) -> str:
        """The message. Times become UTC without a zone, as PanDA writes them; parts that the shape does not name are left out."""
        return self.shape.format(**{name: _plain(part) for name, part in parts.items()})

    def values(self, **parts: object) -> dict[str, object]:
        """The pair that stands on the job, the message cut to what the attribute holds."""
        code, diag = f"{self.source}ErrorCode", f"{self.source}ErrorDiag"
        return {code: self.code, diag: self.text(**parts)[: _LIMITS[diag]]}


def _plain(part: object) -> object:
    return f"{part:%Y-%m-%d %H:%M:%S}" if isinstance(part, datetime) else part


KILLED = Fault("taskBuffer", TASKBUFFER_KILL, "killed by {who}")
UPSTREAM_FAILED = Fault("taskBuffer", TASKBUFFER_KILL, "killed by Panda server : upstream job failed")
TRANSFER_TIMEOUT = Fault("taskBuffer", TASKBUFFER_TRANSFER_TIMEOUT, "transfer timeout for {files}")
EXPIRED = Fault("taskBuffer", TASKBUFFER_EXPIRED, "expired in {state}. status unchanged since {changed}")
ABORTED = Fault("taskBuffer", TASKBUFFER_ABORTED, "aborted by ExtIF")
INPUT_EXPIRED = Fault("taskBuffer", TASKBUFFER_INPUT_EXPIRED, "expired after waiting for input data for {days} days")
REASSIGNED = Fault("taskBuffer", TASKBUFFER_REASSIGNED, "reassigned by {who}")
SERVER_RETRY = Fault("taskBuffer", TASKBUFFER_SERVER_RETRY, "retried by server")
PILOT_RETRY = Fault("taskBuffer", TASKBUFFER_PILOT_RETRY, "retried by pilot")
FAST_REBROKERAGE = Fault("taskBuffer", TASKBUFFER_FAST_REBROKERAGE, "fast rebrokerage due to Nq/Nr overshoot")
WORKER_DONE = Fault("taskBuffer", TASKBUFFER_WORKER_DONE, "its worker ended without work")

LOST_HEARTBEAT = Fault("jobDispatcher", DISPATCHER_LOST_HEARTBEAT, "lost heartbeat : {heard}")
RECOVERY_FAILED = Fault("jobDispatcher", DISPATCHER_RECOVERY_FAILED, "job recovery failed for {hours} hours")
SENT_WITHOUT_REPLY = Fault(
    "jobDispatcher", DISPATCHER_SENT_WITHOUT_REPLY, "Sent job didn't receive reply from pilot within {limit}")
HOLDING_TIMEOUT = Fault("jobDispatcher", DISPATCHER_HOLDING_TIMEOUT, "timeout in {state} : last heartbeat at {ended}")
TRANSFERRING_TIMEOUT = Fault("jobDispatcher", DISPATCHER_TRANSFERRING_TIMEOUT, "timeout in {state} : last heartbeat at {ended}")
OTHER_TIMEOUT = Fault("jobDispatcher", DISPATCHER_TIMEOUT, "timeout in {state} : last heartbeat at {ended}")

NO_QUEUE = Fault("brokerage", BROKERAGE_NO_QUEUE, "{reason}")
RELEASE_MISSING = Fault("brokerage", BROKERAGE_RELEASE, "{release}/{platform} not found in this cloud")

WORKER_ALREADY_DONE = Fault("sup", SUP_WORKER_ALREADY_DONE, "worker already {state} at {at} with {diag}")
