"""What a service manager asks of a running daemon, beside that it works: to read its files again, and to stop in time."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.logger import Logger

from pandad import log
from pandad.api.farewell import Farewell
from pandad.api.tokens.discovery import RETRY_S, KeySource
from pandad.api.tokens.room import Tokens
from pandad.api.x509.tlswatch import TlsWatch
from pandad.config import Config, ConfigError
from pandad.daemons.lease import Leases
from pandad.daemons.loop import Loop
from pandad.daemons.reload import Step
from pandad.spec.errors import Unavailable
from pandad.taskbuffer.store import Store

CLOSE_LIMIT_S = 1.0  # for each last word to the database, when all else is over

_log = Logger()


class KeyLoops(MultiService):
    """A loop for each token issuer that keeps its keys fresh; `follow` after the issuers may have changed."""

    def __init__(self, reactor: Any, tokens: Tokens) -> None:
        super().__init__()
        self._reactor, self._tokens = reactor, tokens
        self._loops: dict[KeySource, Loop] = {}

    def startService(self) -> None:
        """See IService."""
        super().startService()
        self.follow()

    def follow(self) -> None:
        """Have loops for the issuers that are accepted now, and for no others."""
        for source in self._tokens.sources:
            if source not in self._loops:
                loop = self._loops[source] = Loop(self._reactor, f"keys of {source.address}", RETRY_S, source.run_once)
                source.wake = loop.wake
                loop.setServiceParent(self)
        for source in self._loops.keys() - set(self._tokens.sources):
            self._loops.pop(source).disownServiceParent()


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


def reload_certificates(watch: TlsWatch, loop: Loop) -> Step:
    """The step that reads the TLS files again."""

    async def certificates() -> str | None:
        return await loop.run_now() or watch.problem or None

    return certificates


def reload_tokens(tokens: Tokens, loops: KeyLoops) -> Step:
    """The step that reads the auth_config files again."""

    async def token_issuers() -> str | None:
        problem = await tokens.reload()
        loops.follow()
        return problem

    return token_issuers


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
