"""Waiting for what other processes do, with generous patience, while the reactor turns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

T = TypeVar("T")

POLL_S = 0.2
PATIENCE_S = 240.0

reactor: Any = installed


def in_thread(work: Callable[..., T], *args: Any, **named: Any) -> Deferred[T]:
    """The result of something that blocks."""
    return deferToThread(work, *args, **named)


async def until(question: Callable[[], Awaitable[T]], what: str) -> T:
    """The first answer that is true; `what` names it for the failure, which also tells the last answer."""
    deadline = reactor.seconds() + PATIENCE_S
    while not (answer := await question()):
        assert reactor.seconds() < deadline, f"waited in vain for {what}: {answer!r}"
        await deferLater(reactor, POLL_S)
    return answer
