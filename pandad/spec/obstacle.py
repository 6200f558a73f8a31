"""What has to pass before a call to the data management system can be made, where that has a name."""

from __future__ import annotations

from enum import StrEnum


class Obstacle(StrEnum):
    """As the database has it."""

    QUOTA = "quota"  # the account has no room at the endpoint
