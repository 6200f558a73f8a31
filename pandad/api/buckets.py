"""How fast somebody does something: a bucket for each, which fills over time."""

from __future__ import annotations

from collections.abc import Hashable

from twisted.internet.interfaces import IReactorTime

REMEMBERED = 10_000  # of whom it is known how full theirs is


class Buckets:
    """Each holds `burst`, and fills with `per_s`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._full_at_s: dict[Hashable, float] = {}  # when it will be full again

    def __len__(self) -> int:
        return len(self._full_at_s)

    def take(self, who: Hashable, per_s: float, burst: int) -> float:
        """Take one out of somebody's bucket: 0; or, if there is none in it, after how many seconds there will be one."""
        now = self._clock.seconds()
        full_at = max(self._full_at_s.get(who, now), now) + 1 / per_s
        short_s = full_at - now - (burst + 0.001) / per_s  # sums of many small steps are not exact
        if short_s > 0:
            return short_s
        self._full_at_s[who] = full_at
        if len(self._full_at_s) > REMEMBERED:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Those that are full; if nearly all are in use, everybody gets a full one."""
        used = {who: full_at for who, full_at in self._full_at_s.items() if full_at > now}
        self._full_at_s = used if len(used) < REMEMBERED // 2 else {}
