"""What a service manager asks of a running daemon, beside that it works: to say that it lives, to read its files again, and to
stop in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from pandad import metrics, systemd
from pandad.api.farewell import Farewell
from pandad.daemons.lease import Leases
from pandad.daemons.loop import Loop
from pandad.daemons.reload import Step
from pandad.daemons.watchdog import SIGNS, Watchdog
from pandad.spec.errors import Unavailable
from pandad.taskbuffer.store import Store

CLOSE_LIMIT_S = 1.0  # for each last word to the database, when all else is over

_log = Logger()


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


def measure(loops: Sequence[Loop], store: Store) -> None:
    """Have /metrics tell how these are."""
    metrics.LOOP_IDLE.read(lambda: {(loop.loop_name,): loop.idle_s for loop in loops})
    metrics.LOOP_FAILURES.read(lambda: {(loop.loop_name,): loop.failures for loop in loops})
    metrics.POOL.read(lambda: {
        (pool, state): n for pool, most, used, idle, _ in store.connections()
        for state, n in (("most", most), ("used", used), ("idle", idle))})
    metrics.POOL_WAITING.read(lambda: {(pool,): waiting for pool, *_, waiting in store.connections()})


def show_life(reactor: Any, loops: Sequence[Loop], parent: MultiService) -> None:
    """Give systemd signs of life, if it wants them."""
    wanted_s = systemd.watchdog_s()
    if wanted_s is not None:
        Loop(reactor, "watchdog", wanted_s / SIGNS, Watchdog(loops, systemd.tell).run_once).setServiceParent(parent)


def number(port: IListeningPort) -> int:
    """Of a TCP port."""
    address = port.getHost()
    assert isinstance(address, (IPv4Address, IPv6Address))
    return address.port


def write_ports(path: Path, tls_port: int, http_port: int) -> None:
    """Say where this process listens. Who waits for this file finds all of it or nothing."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps({"tls_port": tls_port, "http_port": http_port}), "utf-8")
    draft.replace(path)


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
