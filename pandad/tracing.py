"""Which call this is done for: log lines and SQL name it, so that one id leads from a client's reply to the database's own log.

It goes along with coroutines by itself (contextvars). What is done for several calls in one is named after several.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextvars import ContextVar
from itertools import count
from typing import Protocol
from uuid import uuid4

SHOWN = 4  # calls by whose ids something that was done for many is named

_SANE = re.compile(rb"[0-9A-Za-z](?:[0-9A-Za-z._:-]{0,62}[0-9A-Za-z])?")  # neither ends a comment nor begins one
_START, _NUMBERS = uuid4().hex[:8], count(1)


class Traced(Protocol):
    """A call under way.

    ``request_id``: made of letters, digits and ``._:-``. ``subject``: who calls, once that is known. ``panda_id``: the job
    that it is about, if it is about one.
    """

    @property
    def request_id(self) -> str: ...

    @property
    def subject(self) -> str | None: ...

    @property
    def panda_id(self) -> int | None: ...


current: ContextVar[Traced | None] = ContextVar("current", default=None)


def new_id() -> str:
    """Different from all others, in any process: the beginning says which process, the rest counts."""
    return f"{_START}-{next(_NUMBERS):x}"


def sane(given: bytes | None) -> str | None:
    """An id that a client gave, if it can stand in a log, a header and SQL."""
    return given.decode() if given is not None and _SANE.fullmatch(given) else None


def comment() -> str:
    """For the end of a statement; "" if it is done for no call."""
    call = current.get()
    return "" if call is None else f" /* {call.request_id} */"


class Together:
    """Something done once for several calls: has the ids of the first of them, and how many more there are."""

    subject: str | None = None
    panda_id: int | None = None

    def __init__(self, calls: Sequence[Traced | None]) -> None:
        known = [call.request_id for call in calls[:SHOWN] if call is not None]
        more = len(calls) - len(known)
        self.request_id = ",".join(known) + (f"+{more}" if more else "")


def together(calls: Sequence[Traced | None]) -> Traced | None:
    """One as it is, several as `Together`, none as none."""
    if len(calls) == 1:
        return calls[0]
    return Together(calls) if any(call is not None for call in calls) else None
