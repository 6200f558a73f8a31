"""What machines that watch over this process ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable

from pandad.api.access import PUBLIC
from pandad.api.load import Urgency
from pandad.api.route import GET, PLAIN, Route
from pandad.spec.caller import Caller
from pandad.spec.errors import Unavailable

Check = Callable[[], str | None | Awaitable[str | None]]


class NotReady(Unavailable):
    """Work sent here now would not be done; each sentence says what is missing."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("not ready: " + "; ".join(sentences))


class Health:
    """Liveness, readiness, numbers.

    :param checks: each gives None if all is well, else a sentence for the operator.
    :param metrics: the numbers in Prometheus' text format.
    :param notes: what else the operator should know: sentences that do not make it not ready.
    """

    def __init__(self, checks: Callable[[], Sequence[Check]], metrics: Callable[[], str],
                 notes: Callable[[], Sequence[str]] = tuple) -> None:
        self._checks, self._notes, self._metrics = checks, notes, metrics

    @Route("/healthz", GET, PLAIN, access=PUBLIC, passive=True, urgency=Urgency.ALWAYS)
    async def healthz(self, caller: Caller) -> str:
        """The process lives and its reactor turns. Says nothing about the database: restarting would not mend that."""
        return "ok\n"

    @Route("/readyz", GET, PLAIN, access=PUBLIC, passive=True, urgency=Urgency.ALWAYS)
    async def readyz(self, caller: Caller) -> str:
        """Whether requests should be sent here.

        :raise NotReady: not now.
        """
        sentences = [sentence for check in self._checks() if (sentence := await asked(check))]
        if sentences:
            raise NotReady(sentences)
        return "".join(f"{line}\n" for line in ("ok", *self._notes()))

    @Route("/metrics", GET, PLAIN, access=PUBLIC, passive=True, urgency=Urgency.ALWAYS)
    async def metrics(self, caller: Caller) -> str:
        """Counters and timings."""
        return self._metrics()


async def asked(check: Check) -> str | None:
    """What it says."""
    answer = check()
    return await answer if isawaitable(answer) else answer
