"""A circuit breaker: a server that does not answer is left alone for a while, and nobody waits for it meanwhile."""

from __future__ import annotations

from enum import IntEnum

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pandad import metrics
from pandad.dataservice.ddm import DDMUnavailable

LONGEST_S = 60.0


class State(IntEnum):
    """The gauge `pandad_rucio_breaker` shows the number."""

    CLOSED = 0
    TRYING = 1
    OPEN = 2


class Breaker:
    """Counts answers that did not come.

    :param subject: what it is about, for messages.
    :param break_after: so many in a row open it. :param first_s: for how long; twice as long each time, up to LONGEST_S.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, subject: str, break_after: int, first_s: float) -> None:
        self._clock, self._subject, self._break_after, self._first_s = clock, subject, break_after, first_s
        self._failures = 0
        self._since_s = self._until_s = 0.0
        self._pause_s, self._reason = first_s, ""
        self._trial = False
        metrics.RUCIO_BREAKER.is_now(lambda: float(self.state))

    @property
    def state(self) -> State:
        if self._failures < self._break_after:
            return State.CLOSED
        return State.TRYING if self._trial else State.OPEN

    def admit(self) -> None:
        """Ask before each call; when it is open and its time is over, one call may try.

        :raise DDMUnavailable: not now.
        """
        if self.state is State.CLOSED:
            return
        if self._trial or self._clock.seconds() < self._until_s:
            metrics.RUCIO_NOT_ASKED.add()
            raise DDMUnavailable(self.complaint() or self._subject)
        self._trial = True

    def succeeded(self) -> None:
        """An answer came."""
        if self.state is not State.CLOSED:
            self.log.info("{subject} answers again", subject=self._subject)
        self._failures, self._trial, self._pause_s = 0, False, self._first_s

    def failed(self, reason: str) -> None:
        """None came."""
        now_s = self._clock.seconds()
        was = self.state
        if not self._failures:
            self._since_s = now_s
        self._failures, self._reason = self._failures + 1, reason
        if was is State.TRYING:
            self._pause_s = min(2 * self._pause_s, LONGEST_S)
        self._trial = False
        if self.state is not State.CLOSED:
            self._until_s = now_s + self._pause_s
        if was is State.CLOSED and self.state is State.OPEN:
            self.log.error("{subject} does not answer: {reason}", subject=self._subject, reason=reason)

    def abandoned(self) -> None:
        """Nobody waits for the answer any more, so nothing is known."""
        self._trial = False

    def complaint(self) -> str | None:
        """What is wrong, None if nothing."""
        if self.state is State.CLOSED:
            return None
        now_s = self._clock.seconds()
        wait_s = max(self._until_s - now_s, 0.0)
        return (f"{self._subject} did not answer for {now_s - self._since_s:.0f} s ({self._reason}); "
                f"it is asked again in {wait_s:.0f} s")
