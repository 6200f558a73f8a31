"""The words that a pilot gets in answer to an update (protocol: back channel of updateJob)."""

from __future__ import annotations

NOTHING = "NULL"  # carry on; a JSON null would crash the pilot
KILL = "tobekilled"  # stop the payload and report the job as failed
ALREADY_DONE = "alreadydone"  # the job had ended before; the pilot only notes it
