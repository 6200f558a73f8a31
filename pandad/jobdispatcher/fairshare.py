"""Whose turn it is: a tree of shares over group, type of work and user, by the cores that each has now. Pure, but for its counts.

A node's load is its cores divided by its weight. The next job comes from the group with the least load, in it from the type of
work with the least, and there, for analysis, from the user with the least; production is one user, ordered by priority alone.
(PanDA: global shares, ordered by executing against pledged; per-user fairness of its analysis brokerage.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from math import inf

from pandad.config import SharesConfig
from pandad.spec.line import Line
from pandad.spec.share import Work, work_of

Node = tuple[Hashable, ...]
Load = tuple[float, float, float]


class Shares:
    """The cores in slots by node of the tree: as last counted in the database, and what was given out here since."""

    def __init__(self, config: SharesConfig) -> None:
        self._config = config
        self._cores: Counter[Node] = Counter()

    def counted(self, cores: Mapping[Line, int]) -> None:
        """Begin anew with what the database says of each line."""
        self._cores.clear()
        for line, used in cores.items():
            self.give(line, used)

    def give(self, line: Line, cores: int) -> None:
        """So many cores more went to jobs of a line."""
        for node in (*self._path(line), ("group cap", line.working_group), ("user cap", line.owner)):
            self._cores[node] += cores

    def load(self, line: Line) -> Load:
        """How well served the line's group, work and user are, to be compared in this order: the least goes first."""
        group, work, user = self._path(line)
        return (self._cores[group] / self._config.groups.get(line.working_group, 1.0),
                self._cores[work] / self._config.work.get(work_of(line.label), 1.0),
                float(self._cores[user]))

    def room(self, line: Line) -> float:
        """How many cores more jobs of this line may have before its user or group is at a cap."""
        group, user = ("group cap", line.working_group), ("user cap", line.owner)
        return min(self._config.group_caps.get(line.working_group, inf) - self._cores[group],
                   (self._config.user_cap or inf) - self._cores[user])

    def _path(self, line: Line) -> tuple[Node, Node, Node]:
        group, work = line.working_group, work_of(line.label)
        return (group,), (group, work), (group, work, line.owner if work is Work.ANALYSIS else None)
