"""What a service manager asks of a running daemon, beside that it works: to read its files again, and to stop in time."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.logger import Logger

from pandad import log
from pandad.api.farewell import Farewell
from pandad.config import Config, ConfigError
from pandad.daemons.lease import Leases
from pandad.daemons.loop import Loop
from pandad.daemons.reload import Step
from pandad.spec.errors import Unavailable
from pandad.taskbuffer.store import Store

CLOSE_LIMIT_S = 1.0  # for each last word to the database, when all else is over

_log = Logger()


def reload_settings(used: Config, again: Callable[[], Config]) -> Step:
    """The step that reads the configuration file again, of which the log level takes effect at once.

    :param used: what this process was started with.
    """

    async def settings() -> str | None:
        try:
            new = again()
        except ConfigError as error:
            return str(error)
        log.set_level(new.log.level)
        old = replace(used, log=replace(used.log, level=new.log.level))
        changed = [f"[{each.name}]" for each in fields(new) if getattr(new, each.name) != getattr(old, each.name)]
        return f"changes in {', '.join(changed)} need a restart" if changed else None

    return settings


def reload_by(loop: Loop, problem: Callable[[], str]) -> Step:
    """The step that has a loop read its files now.

    :param problem: what was wrong with them, "" if nothing.
    """

    async def read() -> str | None:
        return await loop.run_now() or problem() or None

    return read


def wake(loops: Sequence[Loop], names: Container[str]) -> Step:
    """The step that has some loops look at once."""

    async def woken() -> None:
        for loop in loops:
            if loop.loop_name in names:
                loop.wake()

    return woken


async def end(reactor: Any, stop_s: float, closed: Sequence[Deferred[Any]], rounds: Deferred[Any], farewell: Farewell,
              leases: Leases | None, store: Store) -> None:
    """Wait for all that is under way, but no longer than `stop_s` and twice CLOSE_LIMIT_S; then nothing of this process is left.

    :param closed: ports. :param rounds: of loops, on their way to their end. :param leases: None if none can be held.
    """

    async def end_rounds() -> None:
        """The leases are free as soon as the rounds are over, however long clients stay."""
        try:
            await rounds.addTimeout(stop_s, reactor)
        except WaitTimeout:
            _log.warn("rounds of loops did not end in [server] stop_s; the next to run them does what they left")
        if leases is not None:
            with suppress(Unavailable, WaitTimeout):  # then they run out by themselves
                await Deferred.fromCoroutine(leases.release()).addTimeout(CLOSE_LIMIT_S, reactor)

    ends = [*closed, *(Deferred.fromCoroutine(each) for each in (end_rounds(), farewell.said(stop_s)))]
    for good, result in await DeferredList(ends, consumeErrors=True):
        if not good:
            _log.failure("something did not stop as it should", failure=result)
    if cut := await ends[-1]:
        _log.warn("{n} calls were cut: they took longer than [server] stop_s", n=cut)
    with suppress(WaitTimeout):  # what still runs there ends there, or is rolled back
        await Deferred.fromCoroutine(store.close()).addTimeout(CLOSE_LIMIT_S, reactor)
