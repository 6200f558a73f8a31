"""Which activated job a pilot gets: the daemon's own windows and tree of shares, on lists in place of a table."""

from __future__ import annotations

from bisect import insort

from pandad.config import SharesConfig
from pandad.jobdispatcher.fairshare import Shares
from pandad.jobdispatcher.window import Head, Window
from pandad.spec.caller import Identity
from pandad.spec.capability import Capability
from pandad.spec.line import Line

from .sites import Site
from .workload import GROUPS

WINDOW_S = 30.0
COUNT_S = 30.0
PILOT = Identity("/CN=Test CA", "/CN=pilot")


class Turns:
    """Whose turn it is in the whole grid."""

    def __init__(self) -> None:
        self.shares = Shares(SharesConfig(user_cap=0, groups=GROUPS))
        self.cores: dict[Line, int] = {}  # in slots
        self._counted_at = 0.0

    def count(self, now: float) -> None:
        """As the daemon does from time to time."""
        if now - self._counted_at >= COUNT_S:
            self.shares.counted(self.cores)
            self._counted_at = now

    def began(self, line: Line) -> None:
        """A job of the line has a slot."""
        self.cores[line] = self.cores.get(line, 0) + line.cores

    def ended(self, line: Line) -> None:
        """And has left it."""
        self.cores[line] -= line.cores
        if not self.cores[line]:
            del self.cores[line]


class Waiting:
    """The activated jobs of one queue."""

    def __init__(self, site: Site, turns: Turns) -> None:
        self._turns = turns
        self._pilot = Capability(queue=site.queue.name, memory_mb=site.queue.maxrss_mb, cores=site.queue.corecount,
                                 disk_mb=site.queue.maxwdir_mb, remaining_s=site.queue.maxtime_s, holder=PILOT)
        self._heads: dict[Line, list[Head]] = {}
        self._window = Window({}, 0.0, 0.0)
        self._news = False
        self.count = 0

    def add(self, line: Line, priority: int, panda_id: int) -> None:
        """A job is activated."""
        insort(self._heads.setdefault(line, []), (-priority, panda_id))
        self.count += 1
        self._news = True

    def remove(self, line: Line, priority: int, panda_id: int) -> None:
        """A job is taken away again, to go elsewhere."""
        self._heads[line].remove((-priority, panda_id))
        self.count -= 1

    def take(self, now: float) -> int | None:
        """The PandaID of the job that a pilot gets that asks now; None if there is none for it."""
        if not self.count:
            return None
        self._turns.count(now)
        if now >= self._window.good_until:
            self._renew(now)
        picked = self._window.pick(self._pilot, self._turns.shares)
        if not picked and self._news:
            self._renew(now)
            picked = self._window.pick(self._pilot, self._turns.shares)
        if not picked:
            return None
        self.count -= 1
        return picked[0][1]

    def _renew(self, now: float) -> None:
        self._heads = {line: heads for line, heads in self._heads.items() if heads}
        self._window = Window(self._heads, now, now + WINDOW_S)
        self._news = False
