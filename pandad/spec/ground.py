"""On what ground somebody may do something with a job that exists. The rules stand here, for those who declare a call, for the
rooms that judge, and for the documentation."""

from __future__ import annotations

from enum import StrEnum


class Ground(StrEnum):
    """What the caller is to the job."""

    OWNER = "owner"                # this identity submitted it, or another one of the same account
    GROUP = "manager of its group"  # of its workingGroup: by [identity.groups], or by /VO/GROUP/Role=production
    HOLDER = "pilot that has it"   # under the identity that took it, or another one of the same account
    PRODUCTION = "production"
    ADMIN = "admin"


OWN = frozenset({Ground.OWNER, Ground.GROUP, Ground.ADMIN})

KILL = OWN | {Ground.PRODUCTION}
"""Production ends its own kind of work, and users' jobs with the kill codes for that."""

STEER = KILL
"""Of tasks: production steers its own kind of work."""

DEBUG = KILL | {Ground.HOLDER}
"""The pilot that has a job may have a limited proxy; everybody else must not."""
