"""What waits at one queue, as last read: the heads of its lines. A hint only: whether a job is still there says the claim."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import islice
from typing import NamedTuple, Protocol

from pandad.jobdispatcher.fairshare import Node, Place, Shares
from pandad.spec.capability import Capability, Misfit, misfit
from pandad.spec.facts import CAP, NOTHING, TAKEN, Refusal
from pandad.spec.line import Line

Head = tuple[int, int]  # (-priority, PandaID): the least goes first
DEPTH = 3  # of the tree of shares: group, type of work, user
LOOKED_AT = 100  # lines, to say why a pilot got nothing


class Turn(NamedTuple):
    """A place in the order, the least first: by the load of the share, then by the best job, which no other turn has."""

    load: float
    head: Head
    standing: Standing


class _Waiting(Protocol):
    def turn(self) -> Turn | None:
        """When its turn is; None if nothing is left that may go out."""


class Standing:
    """A line with the jobs at its head, the best first."""

    def __init__(self, line: Line, place: Place, heads: list[Head]) -> None:
        self.line, self.place, self.heads = line, place, heads

    def turn(self) -> Turn | None:
        """See _Waiting."""
        if not self.heads or self.place.room < self.line.cores:
            return None
        return Turn(0.0, self.heads[0], self)


class Branch:
    """A node of the tree of shares, and what waits below it.

    A turn only comes later, as cores are given out and jobs go, whoever took them. So the order is kept by looking again at who
    is first, and to find the next job costs the depth of the tree, however many lines there are.
    """

    def __init__(self, node: Node, below: Iterable[_Waiting]) -> None:
        self._node = node
        self._turns = [(turn, each) for each in below if (turn := each.turn()) is not None]
        heapify(self._turns)

    def turn(self) -> Turn | None:
        """See _Waiting."""
        turns = self._turns
        while turns:
            before, first = turns[0]
            now = first.turn()
            if now == before:
                return Turn(self._node.load, now.head, now.standing)
            if now is None:
                heappop(turns)
            else:
                heapreplace(turns, (now, first))
        return None


def tree_of(standings: Sequence[Standing], node: Node | None = None, depth: int = 0) -> Branch:
    """The tree of shares with these lines as its leaves; or what is below a node of it, so deep in the tree."""
    if depth == DEPTH:
        return Branch(node or Node(), standings)
    below: dict[Node, list[Standing]] = defaultdict(list)
    for each in standings:
        below[each.place.path[depth]].append(each)
    return Branch(node or Node(), [tree_of(those, child, depth + 1) for child, those in below.items()])


class Window:
    """The jobs at the heads of a queue's lines.

    :param heads: by line, the best first.
    :param read_at: on the clock, s, when the reading began: what was activated before is in it, if it is at a head.
    """

    def __init__(self, heads: dict[Line, list[Head]], read_at: float, good_until: float) -> None:
        self.read_at, self.good_until = read_at, good_until
        self._heads = heads
        self._trees: dict[tuple[object, ...], Branch] = {}

    @classmethod
    def of(cls, jobs: Iterable[tuple[Line, int, int]], read_at: float, good_until: float) -> Window:
        """:param jobs: (line, priority, PandaID) in any order."""
        heads: dict[Line, list[Head]] = {}
        for line, priority, panda_id in jobs:
            heads.setdefault(line, []).append((-priority, panda_id))
        for head in heads.values():
            head.sort()
        return cls(heads, read_at, good_until)

    def pick(self, pilot: Capability, shares: Shares) -> list[tuple[Line, int]]:
        """Jobs for this pilot, up to its count, in their order: (line, PandaID). They are out of the window then."""
        picked: list[tuple[Line, int]] = []
        tree = self._tree_for(pilot, shares)
        while len(picked) < pilot.count and (turn := tree.turn()) is not None:
            turn.standing.heads.pop(0)
            turn.standing.place.give(turn.standing.line.cores)
            picked.append((turn.standing.line, turn.head[1]))
        return picked

    def passed_over(self, pilot: Capability, shares: Shares) -> bool:
        """Whether jobs that fit are here, and only a cap keeps them from this pilot."""
        return any(head and shares.place(line).room < line.cores and misfit(line, pilot) is None
                   for line, head in self._heads.items())

    def refusals(self, pilot: Capability, shares: Shares) -> list[Refusal]:
        """What keeps what is here from this pilot: jobs that fit first, then by how many lines it is. Of each criterion the line
        that is nearest."""
        found: dict[str, list[Misfit]] = defaultdict(list)
        for line in islice((line for line, head in self._heads.items() if head), LOOKED_AT):
            no = misfit(line, pilot) or _kept_back(line, shares)
            found[no.criterion].append(no)
        first = sorted(found.items(), key=lambda alike: (alike[0] not in (CAP, TAKEN), -len(alike[1])))
        nearest = ((min(alike, key=_missing), len(alike)) for _, alike in first)
        return [Refusal(no.criterion, lines, no.have, no.need) for no, lines in nearest] or [Refusal(NOTHING)]

    def others(self, line: Line, count: int) -> list[int]:
        """The next jobs of a line, which stay: in case that picked ones are gone."""
        return [panda_id for _, panda_id in self._heads.get(line, ())[:count]]

    def drop(self, line: Line, ids: Collection[int]) -> None:
        """These jobs are taken."""
        if line in self._heads:
            self._heads[line][:] = [head for head in self._heads[line] if head[1] not in ids]

    def _tree_for(self, pilot: Capability, shares: Shares) -> Branch:
        """The tree of the lines that fit, kept for the next pilot with the same demands."""
        tree = self._trees.get(pilot.demands)
        if tree is None:
            self._trees[pilot.demands] = tree = tree_of([
                Standing(line, shares.place(line), heads) for line, heads in self._heads.items()
                if heads and misfit(line, pilot) is None])
        return tree


def _kept_back(line: Line, shares: Shares) -> Misfit:
    """What keeps jobs that fit from a pilot."""
    room = shares.place(line).room
    return Misfit(CAP, max(room, 0), line.cores) if room < line.cores else Misfit(TAKEN, None, None)


def _missing(no: Misfit) -> float:
    """How far the pilot is from what it needs, where that is a matter of more or less."""
    return no.need - no.have if isinstance(no.need, (int, float)) and isinstance(no.have, (int, float)) else 0.0
