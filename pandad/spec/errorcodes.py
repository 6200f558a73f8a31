"""PanDA's error codes, by the component that sets them, with the shape of the message that goes with each."""

from __future__ import annotations

# taskBufferErrorCode
TASKBUFFER_KILL = 100       # "killed by <user>"
TASKBUFFER_EXPIRE = 102     # "expired in <state>. status unchanged since <t>"

# jobDispatcherErrorCode
DISPATCHER_LOST_HEARTBEAT = 100  # "lost heartbeat : <modificationTime>"
DISPATCHER_RECOVERY_FAILED = 101  # "job recovery failed for N hours"

# brokerageErrorCode
BROKERAGE_NO_QUEUE = 100

# ddmErrorCode
DDM_SETUPPER = 100
DDM_ADDER = 200
DDM_RSE = 206

# supErrorCode
SUP_INVALID_BATCH_ID = 1

# pilotErrorCode
PILOT_PANDA_KILL = 1144  # the pilot obeyed tobekilled
