"""How long a client may take: to say what it wants, and to take what it is told. Who is slower is hung up on."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

FIRST_WORD_S = 30  # after connecting; the handshake of TLS is part of it
HEAD_S = 10  # from its first byte to its last
BODY_GRACE_S = 10
LEAST_BYTES_PER_S = 1024  # of a body after the grace, and of a reply
LOOK_S = 5  # how often a body is looked at
STALL_S = 60  # between two looks at a reply that is not taken
LATE_S = 1  # a reactor that is so late may have the bytes lying there


class Arrival:
    """Watches one request that did not come in one piece.

    :param received_bytes: of the body so far; None while the head is not complete.
    :param give_up: called once, if it comes too slowly, with what did.
    """

    def __init__(self, clock: IReactorTime, received_bytes: Callable[[], int | None], give_up: Callable[[str], object]) -> None:
        self._clock, self._received_bytes, self._give_up = clock, received_bytes, give_up
        self._body_from_s: float | None = None
        self._look_in(HEAD_S)

    def head_is_in(self) -> None:
        """From now on the body is watched."""
        self._body_from_s = self._clock.seconds()

    def end(self) -> None:
        """It is all here, or will never be."""
        if self._call.active():
            self._call.cancel()

    def _look_in(self, delay_s: float) -> None:
        self._due_s = self._clock.seconds() + delay_s
        self._call: IDelayedCall = self._clock.callLater(delay_s, self._look)

    def _look(self) -> None:
        if self._clock.seconds() - self._due_s > LATE_S:
            self._look_in(LOOK_S)
        elif (problem := self._problem()) is not None:
            self._give_up(problem)
        else:
            self._look_in(LOOK_S)

    def _problem(self) -> str | None:
        received = self._received_bytes()
        if received is None or self._body_from_s is None:
            return f"its head took more than {HEAD_S} s"
        owed = (self._clock.seconds() - self._body_from_s - BODY_GRACE_S) * LEAST_BYTES_PER_S
        return f"its body comes with less than {LEAST_BYTES_PER_S} bytes/s" if received < owed else None


class Stall:
    """Watches a reply that the other end does not take at once.

    :param taken_bytes: of all that was ever written.
    :param waits: whether anything is left to be taken.
    :param give_up: called once, when less than LEAST_BYTES_PER_S were taken since the last look.
    """

    def __init__(
        self, clock: IReactorTime, taken_bytes: Callable[[], int], waits: Callable[[], bool], give_up: Callable[[], object],
    ) -> None:
        self._clock, self._taken_bytes, self._waits, self._give_up = clock, taken_bytes, waits, give_up
        self._before = 0
        self._call: IDelayedCall | None = None

    def watch(self) -> None:
        """From now on, if it is not watched yet."""
        if self._call is None:
            self._before = self._taken_bytes()
            self._call = self._clock.callLater(STALL_S, self._look)

    def end(self) -> None:
        """The connection is gone."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._call = None
        if not self._waits():
            return
        if self._taken_bytes() - self._before < STALL_S * LEAST_BYTES_PER_S:
            self._give_up()
        else:
            self.watch()
