"""Run a coroutine in the reactor until it is through or the user wants to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Work = Callable[[Any, Deferred[None]], Coroutine[Deferred[Any], Any, int]]


def in_foreground(work: Work) -> int:
    """Run ``work(reactor, stopped)``; `stopped` fires at Ctrl-C or SIGTERM, and the work then winds up and returns.

    Once in a process: a reactor cannot start again. A second Ctrl-C is ignored, winding up leaves nothing behind.

    :return: what the work returns. :raise: what the work raises.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    outcome: list[Any] = []
    stopped: Deferred[None] = Deferred()

    def stop(number: int, frame: object) -> None:
        if not stopped.called:
            reactor.callFromThread(stopped.callback, None)

    def end(result: Any) -> None:
        outcome.append(result)
        reactor.stop()

    def begin() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)
        Deferred.fromCoroutine(work(reactor, stopped)).addBoth(end)

    reactor.callWhenRunning(begin)
    reactor.run()
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    result: int = outcome[0]
    return result
