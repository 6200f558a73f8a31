"""Signs of life for systemd, from the inside: only while the reactor turns and every loop gets on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from pandad.daemons.loop import Loop

SIGNS = 3  # in the time after which systemd takes this process for dead
STUCK_S = 900.0  # one round: the longest wait for the database, and ends with an error long before


class Watchdog:
    """A loop's body. Without a database loops fail and come again, and so are alive: a restart would not bring it back.

    :param tell: a line to systemd.
    """

    log = Logger()

    def __init__(self, loops: Sequence[Loop], tell: Callable[[str], object]) -> None:
        self._loops, self._tell = loops, tell
        self._silent = False

    async def run_once(self) -> bool:
        """One sign, or none."""
        stuck = [loop.loop_name for loop in self._loops if loop.has_died or loop.busy_s > STUCK_S]
        if not stuck:
            self._tell("WATCHDOG=1")
        elif not self._silent:
            self.log.critical("no sign of life any more, so that systemd starts this process again: stuck are the loops {loops}",
                              loops=", ".join(stuck))
        self._silent = bool(stuck)
        return False
