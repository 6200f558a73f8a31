"""Keeps TLS up to date: new files are used without a restart, and what ends soon is told long before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pandad import metrics
from pandad.api.x509.expiry import Ending, endings
from pandad.api.x509.tls import GridContextFactory, TlsConfigError

WARNING_PERIOD_S = 24 * 3600
LATE_PERIODS = 3  # of the reload: a certificate that was replaced a moment before its key mends itself with the next


class TlsWatch:
    """One look at all files each round.

    :param clock: for what happens how often. :param now: the wall clock, aware: certificates end by it.
    :param period_s: how often a round runs.
    """

    log = Logger()

    def __init__(
        self, clock: IReactorTime, now: Callable[[], datetime], tls: GridContextFactory, period_s: float, warn_days: int
    ) -> None:
        self._clock, self._now, self._tls, self._period_s, self._warn_days = clock, now, tls, period_s, warn_days
        self._good_at, self.problem = clock.seconds(), ""
        self._warned_at: float | None = None

    async def run_once(self) -> bool:
        """Read everything anew. If that fails, what was read before stays in force, and the log says so."""
        try:
            self._tls.reload()
            found = list(endings(self._tls.files, self._warn_days))
        except TlsConfigError as error:
            self.problem = str(error)
            metrics.TLS_RELOADS.add("not done")
            self.log.error("the TLS files cannot be read again, those of before stay in force: {problem}", problem=self.problem)
            return False
        self._good_at, self.problem = self._clock.seconds(), ""
        metrics.TLS_RELOADS.add("done")
        self._measure(found)
        if self._warned_at is None or self._clock.seconds() - self._warned_at >= WARNING_PERIOD_S:
            self._warn(found)
        return False

    def complaint(self) -> str | None:
        """What is wrong for so long that it will not mend itself, None if nothing."""
        late_s = self._clock.seconds() - self._good_at
        if not self.problem or late_s < LATE_PERIODS * self._period_s:
            return None
        return f"the TLS files could not be read again for {late_s:.0f} s: {self.problem}"

    def _measure(self, found: list[Ending]) -> None:
        now = self._now()
        for kind in ("host", "ca", "crl"):
            days = [ending.days_left(now) for ending in found if ending.kind == kind]
            if days:
                metrics.DAYS_LEFT.is_now(partial(min, days), kind)

    def _warn(self, found: list[Ending]) -> None:
        warnings = [warning for ending in found if (warning := ending.warning(self._now()))]
        for warning in warnings:
            self.log.warn("{warning}", warning=warning)
        self._warned_at = self._clock.seconds() if warnings else None
