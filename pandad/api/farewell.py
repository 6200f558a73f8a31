"""The end of all connections when this process stops: calls under way are answered, and who is here is told to come anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from pandad import metrics
from pandad.api.channel import PandaChannel, channel_of
from pandad.api.door import Door
from pandad.api.site import PandaSite

LOOK_S = 0.02
IDLE_SHARE, IDLE_MOST_S = 0.25, 2.0  # of the time for a stop: so long clients may ask once more on a connection that they have
GOODBYE_S = 0.5  # for the other end to hang up too


class Farewell:
    """Of the connections of all ports. To be said once, after the ports were closed.

    An idle connection is not hung up on at once: its client may have sent a request that is on its way here, and would not know
    whether it took effect. The next request on it is answered, with ``Connection: close``.
    """

    def __init__(self, clock: IReactorTime, sites: Sequence[PandaSite], door: Door) -> None:
        self._clock, self._sites, self._door = clock, sites, door

    async def said(self, limit_s: float) -> int:
        """Return when nobody is here any more; how many calls had to be cut.

        :param limit_s: after this, connections are cut whatever is under way on them.
        """
        began, idle_s = self._clock.seconds(), min(IDLE_MOST_S, IDLE_SHARE * limit_s)
        for site in self._sites:
            site.closing = True
        for channel in self._channels():
            channel.last_call()
        while len(self._door) and self._clock.seconds() - began < limit_s:
            await deferLater(self._clock, LOOK_S)
            late_s = self._clock.seconds() - began - idle_s
            for connection in list(self._door) if late_s > 0 else ():
                _hang_up_if_idle(connection, late_s > GOODBYE_S)
        return self._cut()

    def _channels(self) -> Iterator[PandaChannel]:
        return (channel for connection in list(self._door) if (channel := channel_of(connection.protocol)) is not None)

    def _cut(self) -> int:
        left = list(self._door)
        cut: int = sum(connection.is_busy for connection in left)
        for connection in left:
            connection.abortConnection()
        metrics.CONNECTIONS.add("cut at the stop", n=cut)
        return cut


def _hang_up_if_idle(connection: Any, at_once: bool) -> None:
    channel = channel_of(connection.protocol)
    if connection.is_busy or (channel is not None and channel.is_amid_a_request):
        return
    if channel is None or at_once:
        connection.abortConnection()
    else:
        channel.hang_up()
