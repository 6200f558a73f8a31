"""Whose turn it is: a tree of shares over group, type of work and user, by the cores that each has now. Pure, but for its counts.

A node's load is its cores divided by its weight. The next job comes from the group with the least load, in it from the type of
work with the least, and there, for analysis, from the user with the least; production is one user, ordered by priority alone.
(PanDA: global shares, ordered by executing against pledged; per-user fairness of its analysis brokerage.)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import inf

from pandad.config import SharesConfig
from pandad.spec.account import People
from pandad.spec.line import Line
from pandad.spec.share import Work, work_of

PLACES_KEPT = 100_000


@dataclass(slots=True, eq=False)
class Node:
    """A group, a type of work in it, a user in that; or a user over all groups, who has a cap."""

    weight: float = 1.0
    cap: float = inf  # cores
    cores: int = 0  # in slots

    @property
    def load(self) -> float:
        """How well served it is: the least goes first."""
        return self.cores / self.weight

    @property
    def room(self) -> float:
        """Cores to the cap."""
        return self.cap - self.cores


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands in the tree.

    :param path: group, type of work, user. :param owner: the user whose jobs they are, over all groups.
    """

    path: tuple[Node, Node, Node]
    owner: Node

    def give(self, cores: int) -> None:
        """So many cores more went to jobs of here."""
        for node in self.path:
            node.cores += cores
        self.owner.cores += cores

    @property
    def room(self) -> float:
        """How many cores more its jobs may have before the user or the group is at a cap."""
        return min(self.path[0].room, self.owner.room)


class Shares:
    """The cores in slots by node of the tree: as last counted in the database, and what was given out here since.

    :param people: whose identities are one user. None: no two are.
    """

    def __init__(self, config: SharesConfig, people: People | None = None) -> None:
        self._config, self._people = config, people or People()
        self._by = self._people.directory  # the places were made by
        self._nodes: dict[Hashable, Node] = {}
        self._places: dict[Line, Place] = {}

    def counted(self, cores: Mapping[Line, int]) -> None:
        """Begin anew with what the database says of each line."""
        before, self._by = self._by, self._people.directory
        others = before is not self._by and before.accounts != self._by.accounts
        if others or len(self._places) > PLACES_KEPT:
            self._nodes.clear()
            self._places.clear()
        for node in self._nodes.values():
            node.cores = 0
        for line, used in cores.items():
            self.place(line).give(used)

    def place(self, line: Line) -> Place:
        """The line's place; the same until the next count at least."""
        place = self._places.get(line)
        if place is None:
            self._places[line] = place = self._made(line)
        return place

    def _made(self, line: Line) -> Place:
        group, work = line.working_group, work_of(line.label)
        owner = self._by.person(line.owner)
        user = owner if work is Work.ANALYSIS else None
        return Place(
            (self._node((group,), self._config.groups.get(group, 1.0), self._config.group_caps.get(group, inf)),
             self._node((group, work), self._config.work.get(work, 1.0)),
             self._node((group, work, user))),
            self._node(owner, cap=self._config.user_cap or inf))

    def _node(self, key: Hashable, weight: float = 1.0, cap: float = inf) -> Node:
        node = self._nodes.get(key)
        if node is None:
            self._nodes[key] = node = Node(weight, cap)
        return node
