"""PanDA's error codes, by the component that sets them, with the shape of the message that goes with each."""

from __future__ import annotations

# taskBufferErrorCode
TASKBUFFER_KILL = 100       # "killed by <user>"

# jobDispatcherErrorCode
DISPATCHER_LOST_HEARTBEAT = 100  # "lost heartbeat : <modificationTime>"
DISPATCHER_RECOVERY_FAILED = 101  # "job recovery failed for N hours"

# ddmErrorCode
DDM_SETUPPER = 100
DDM_ADDER = 200
DDM_RSE = 206

# supErrorCode
SUP_INVALID_BATCH_ID = 1     # "invalid batchID <id>: the job is that of <id>"
SUP_WORKER_ALREADY_DONE = 2  # "worker already <status> at <time> with <diag>"
