"""What waits at one queue, as last read: the heads of its lines. A hint only: whether a job is still there says the claim."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace

from pandad.jobdispatcher.fairshare import Load, Shares
from pandad.spec.capability import Capability, misfit
from pandad.spec.line import Line

Head = tuple[int, int]  # (-priority, PandaID): the least goes first


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """A line's place in the order: by the load of its share, then by its best job."""

    load: Load
    head: Head
    line: Line = field(compare=False)


class Window:
    """The jobs at the heads of a queue's lines.

    :param heads: by line, the best first.
    :param read_at: on the clock, s, when the reading began: what was activated before is in it, if it is at a head.
    """

    def __init__(self, heads: dict[Line, list[Head]], read_at: float, good_until: float) -> None:
        self.read_at, self.good_until = read_at, good_until
        self._heads = heads
        self._turns: dict[tuple[object, ...], list[Turn]] = {}

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
        turns = self._turns_for(pilot, shares)
        while turns and len(picked) < pilot.count:
            line = turns[0].line
            if not self._heads[line] or shares.room(line) < line.cores:
                heappop(turns)
            elif (now := self._turn(line, shares)) > turns[0]:
                heapreplace(turns, now)  # its share was served, or its best job is gone; a turn only ever comes later
            else:
                picked.append((line, self._heads[line].pop(0)[1]))
                shares.give(line, line.cores)
        return picked

    def passed_over(self, pilot: Capability, shares: Shares) -> bool:
        """Whether jobs that fit are here, and only a cap keeps them from this pilot."""
        return any(head and shares.room(line) < line.cores and misfit(line, pilot) is None for line, head in self._heads.items())

    def others(self, line: Line, count: int) -> list[int]:
        """The next jobs of a line, which stay: in case that picked ones are gone."""
        return [panda_id for _, panda_id in self._heads.get(line, ())[:count]]

    def drop(self, line: Line, ids: Collection[int]) -> None:
        """These jobs are taken."""
        if line in self._heads:
            self._heads[line] = [head for head in self._heads[line] if head[1] not in ids]

    def _turn(self, line: Line, shares: Shares) -> Turn:
        return Turn(shares.load(line), self._heads[line][0], line)

    def _turns_for(self, pilot: Capability, shares: Shares) -> list[Turn]:
        """A heap of the lines that fit, kept for the next pilot with the same demands."""
        turns = self._turns.get(pilot.demands)
        if turns is None:
            turns = [self._turn(line, shares) for line, head in self._heads.items() if head and misfit(line, pilot) is None]
            heapify(turns)
            self._turns[pilot.demands] = turns
        return turns
