"""PanDA's error codes, by the component that sets them, with the shape of the message that goes with each."""

from __future__ import annotations

# taskBufferErrorCode
TASKBUFFER_KILL = 100       # "killed by <user>"
# A retried job is its own next attempt, so these stand in its history, not on it.
TASKBUFFER_RETRIED = 106        # by the server
TASKBUFFER_PILOT_RETRIED = 107  # because the pilot asks for it

# jobDispatcherErrorCode
DISPATCHER_LOST_HEARTBEAT = 100  # "lost heartbeat : <modificationTime>"
DISPATCHER_RECOVERY_FAILED = 101  # "job recovery failed for N hours"

# ddmErrorCode
DDM_SETUPPER = 100
DDM_ADDER = 200
DDM_RSE = 206
