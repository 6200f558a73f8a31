"""What is answered about this server, its queues and its health."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from pandad.api.replyschema import Free

QueueDescription = dict[str, Free]
"""By the keys of its source (CRIC, schedconfig)."""

EndpointDescription = dict[str, Free]
"""Likewise."""


class _Wanted(TypedDict):
    activated: int
    takeable: int
    held_by_caps: int
    cores: int
    oldest_wait_s: int
    approximate: bool


class _Asked(TypedDict):
    window_s: int
    asked: int
    served: int
    unserved: int
    refused: dict[str, int]
    last: datetime | None


class QueueDemand(TypedDict):
    """``demand``: by resource type, what pilots could take now. ``pilots``: what they asked for lately."""

    queue: str
    demand: dict[str, _Wanted]
    running: int
    starting: int
    pilots: _Asked


class _Check(TypedDict):
    ok: bool
    problem: NotRequired[str]


class Health(TypedDict):
    """By the name of each check; ``notes``: what spoils nothing."""

    ok: bool
    checks: dict[str, _Check]
    notes: list[str]


class AuthConfig(TypedDict):
    """For clients that get tokens by the device flow."""

    audience: str
    client_id: str
    client_secret: str
    oidc_config_url: str
    vo: str
    jwt_profile: NotRequired[str]
