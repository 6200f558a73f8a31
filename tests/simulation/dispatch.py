"""Which activated job a pilot gets: the daemon's own windows and tree of shares, on lists in place of a table."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict

from pandad.config import SharesConfig
from pandad.jobdispatcher.fairshare import Node, Shares
from pandad.jobdispatcher.window import Branch, Head, Standing, Window
from pandad.spec.caller import Identity
from pandad.spec.capability import Capability, misfit
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


class Twigs:
    """The lines of one queue by their users, for trees of which only the upper branches are made anew.

    Below a user only the jobs at the heads of lines decide, so what is here stays right until a job is added. A thousand lines
    wait at each queue where jobs are strewn; each pilot that asks would else have them all sorted again.
    """

    def __init__(self, pilot: Capability, shares: Shares) -> None:
        self._pilot, self._shares = pilot, shares
        self._lines: dict[Node, list[Standing]] = defaultdict(list)
        self._branches: dict[Node, Branch] = {}

    def line(self, line: Line, heads: list[Head]) -> None:
        """A line that is new here, with the list of its jobs."""
        if misfit(line, self._pilot) is None:
            place = self._shares.place(line)
            self._lines[place.path[-1]].append(Standing(line, place, heads))

    def added(self, line: Line) -> None:
        """A job is in that list which was not there before."""
        self._branches.pop(self._shares.place(line).path[-1], None)

    def tree(self) -> Branch:
        """Of all that waits now."""
        groups: dict[Node, dict[Node, list[Branch]]] = defaultdict(lambda: defaultdict(list))
        for user, standings in self._lines.items():
            branch = self._branches.get(user)
            if branch is None:
                self._branches[user] = branch = Branch(user, standings)
            group, work, _ = standings[0].place.path
            groups[group][work].append(branch)
        return Branch(Node(), [
            Branch(group, [Branch(work, users) for work, users in works.items()]) for group, works in groups.items()])


class Grown(Window):
    """A window on the jobs of such a tree."""

    def __init__(self, tree: Branch, read_at: float, good_until: float) -> None:
        super().__init__({}, read_at, good_until)
        self._tree = tree

    def _tree_for(self, pilot: Capability, shares: Shares) -> Branch:
        return self._tree


class Waiting:
    """The activated jobs of one queue."""

    def __init__(self, site: Site, turns: Turns) -> None:
        self._turns = turns
        self._pilot = Capability(queue=site.queue.name, memory_mb=site.queue.maxrss_mb, cores=site.queue.corecount,
                                 disk_mb=site.queue.maxwdir_mb, remaining_s=site.queue.maxtime_s, holder=PILOT)
        self._heads: dict[Line, list[Head]] = {}
        self._twigs = Twigs(self._pilot, turns.shares)
        self._window: Window = Window({}, 0.0, 0.0)
        self._news = False
        self.count = 0

    def add(self, line: Line, priority: int, panda_id: int) -> None:
        """A job is activated."""
        if line not in self._heads:
            self._heads[line] = []
            self._twigs.line(line, self._heads[line])
        insort(self._heads[line], (-priority, panda_id))
        self._twigs.added(line)
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
        self._window = Grown(self._twigs.tree(), now, now + WINDOW_S)
        self._news = False
