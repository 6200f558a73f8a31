"""One supervised periodic job: it never dies, never overlaps itself and always stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import uniform

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from pandad import metrics
from pandad.spec.errors import Unavailable

Body = Callable[[], Awaitable[bool]]
"""One round of work. True: there is more to do at once."""

BACKOFF_MAX_S = 300.0
OUTAGE_PAUSE_S = 1.0  # after a round that met an outage; its calls had waited for the end of it already
WAKE_GAP_S = 0.1  # between rounds of a loop that is woken again and again: what arrives meanwhile shares a round
LATE_PERIODS = 3  # without a good run, then the process calls itself not ready


class Loop(Service):
    """Run `body` every `period_s` (jittered), sooner when woken, at once while it says there is more.

    A failing body is logged and tried again after a pause that doubles up to BACKOFF_MAX_S, after an outage (Unavailable) that of
    OUTAGE_PAUSE_S; nothing else happens to the loop.

    :param patience_s: how much longer a round may take that waits for another system, before this process is called not ready.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, name: str, period_s: float, body: Body, patience_s: float = 0.0) -> None:
        self.setName(f"loop {name}")
        self.loop_name, self.period_s, self._patience_s = name, period_s, patience_s
        self.failures = 0  # in a row
        self.last_error: str | None = None
        self._clock, self._body = clock, body
        self._good_at = clock.seconds()
        self._busy_since: float | None = None  # a round is under way
        self._asked: list[Deferred[str | None]] = []
        self._pause: Deferred[None] | None = None
        self._woken = False
        self._out = False  # the last round met an outage
        self._ended: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin; the first round runs at once."""
        super().startService()
        self._good_at = self._clock.seconds()
        self._ended = Deferred.fromCoroutine(self._run())

    def stopService(self) -> Deferred[None] | None:
        """Stop after the round under way, if any; the result fires then."""
        super().stopService()
        self.wake()
        return self._ended

    def wake(self) -> None:
        """Run the next round now; if one is under way, another follows it after WAKE_GAP_S."""
        known, self._woken = self._woken, True
        if self._pause is not None and not (known and self.running):
            self._pause.cancel()

    def run_now(self) -> Deferred[str | None]:
        """Have a whole round run that begins from now on; fires when it is over: None, or why it failed. (The result may be
        cancelled; the round goes on.)"""
        ended: Deferred[str | None] = Deferred()
        self._asked.append(ended)
        self.wake()
        return ended

    @property
    def busy_s(self) -> float:
        """For how long the round under way has run; 0 if none is."""
        return 0.0 if self._busy_since is None else self._clock.seconds() - self._busy_since

    @property
    def idle_s(self) -> float:
        """How long ago the last good round ended."""
        return self._clock.seconds() - self._good_at

    @property
    def has_died(self) -> bool:
        """Whether it should run and never will again: a mistake in this class."""
        return bool(self.running) and self._ended is not None and self._ended.called

    def complaint(self) -> str | None:
        """What is wrong with this loop, None if nothing."""
        idle_s = self._clock.seconds() - self._good_at
        patience_s = self._patience_s if self._busy_since is not None and self.last_error is None else 0.0
        if not self.running or idle_s <= LATE_PERIODS * max(self.period_s, 1.0) + patience_s:
            return None
        return f"loop {self.loop_name} had no good run for {idle_s:.0f} s: {self.last_error or 'its round takes too long'}"

    async def _run(self) -> None:
        while self.running:
            self._woken = False
            asked, self._asked, self._busy_since = self._asked, [], self._clock.seconds()
            more = await self._round()
            self._busy_since = None
            for ended in asked:
                if not ended.called:
                    ended.callback(self.last_error)
            if self.running and not more:
                await self._sleep(WAKE_GAP_S if self._woken and not self.failures and not self._out else self._delay_s())

    async def _round(self) -> bool:
        started = self._clock.seconds()
        try:
            more = await self._body()
        except Unavailable as error:
            # An outage ends at any moment and asking costs nothing: no growing pause, or the loop would sleep on after it.
            self._out, self.last_error = True, str(error)
            self.log.warn("loop {name} could not run: {error}", name=self.loop_name, error=error)
            return False
        except Exception as error:  # a loop that dies silently is the worst that can happen to a hub
            self.failures += 1
            self.last_error = f"{type(error).__name__}: {error}"
            self.log.failure("loop {name} failed, {n} in a row", name=self.loop_name, n=self.failures)
            return False
        self.failures, self.last_error, self._out, self._good_at = 0, None, False, self._clock.seconds()
        metrics.LOOP_ROUNDS.took(self._good_at - started, self.loop_name)
        return more

    def _delay_s(self) -> float:
        if self._out:
            return min(OUTAGE_PAUSE_S, self.period_s)
        longest = max(BACKOFF_MAX_S, self.period_s)
        return float(min(self.period_s * 2 ** min(self.failures, 30), longest)) * uniform(0.8, 1.2)

    async def _sleep(self, delay_s: float) -> None:
        """Wait, and less if woken; the gap of a loop that is woken already is waited in full."""
        self._pause = deferLater(self._clock, delay_s, lambda: None)
        try:
            await self._pause
        except CancelledError:
            pass
        finally:
            self._pause = None
