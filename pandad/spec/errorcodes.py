"""PanDA's error codes, by the component that sets them, with the shape of the message that goes with each."""

from __future__ import annotations

# taskBufferErrorCode
TASKBUFFER_KILL = 100       # "killed by <user>"
TASKBUFFER_EXPIRED = 102    # "expired in <state>. status unchanged since <t>"
TASKBUFFER_ABORTED = 103    # "aborted by ExtIF"
TASKBUFFER_REASSIGNED = 105  # "reassigned by JEDI", "reassigned by rebrokerage"
# A job that was retried in place is its own next attempt, so these stand in its history; on it only if another takes its place.
TASKBUFFER_RETRIED = 106        # by the server: "retried by server"
TASKBUFFER_PILOT_RETRIED = 107  # because the pilot asks for it
TASKBUFFER_FAST_REBROKERAGE = 130  # "fast rebrokerage due to Nq/Nr overshoot"
TASKBUFFER_WORKER_DONE = 300  # its worker ended

# jobDispatcherErrorCode
DISPATCHER_LOST_HEARTBEAT = 100  # "lost heartbeat : <modificationTime>"
DISPATCHER_RECOVERY_FAILED = 101  # "job recovery failed for N hours"

# ddmErrorCode
DDM_SETUPPER = 100
DDM_ADDER = 200
DDM_RSE = 206
