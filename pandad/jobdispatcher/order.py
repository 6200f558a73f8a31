"""How many jobs go before one at its queue: the order of the dispatcher, worked out as for pilots that take everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from twisted.internet.interfaces import IReactorTime

from pandad.config import SharesConfig
from pandad.jobdispatcher.fairshare import Shares
from pandad.jobdispatcher.window import Standing, tree_of
from pandad.spec.account import People
from pandad.spec.line import Line
from pandad.taskbuffer import claims, lines
from pandad.taskbuffer.claims import READ_LEAST, READ_MOST, Waiting
from pandad.taskbuffer.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Turn:
    """When a job's turn comes.

    :param before: jobs of its queue that go before it. :param at_least: there may be more, only the heads of lines were read.
    :param lines: in which jobs wait at the queue. :param capped: whether its owner or group has no room now.
    :param share: from the top, who shares with whom: (name, cores in slots, weight) of its group, type of work and user.
    """

    before: int
    at_least: bool
    lines: int
    capped: bool
    share: Sequence[tuple[str, int, float]]


class Order:
    """Answers from what waits now, and from cores in slots that are counted as often as for pilots."""

    def __init__(self, store: Store, clock: IReactorTime, config: SharesConfig, people: People | None = None) -> None:
        self._store, self._clock, self._config, self._people = store, clock, config, people
        self._used: Mapping[Line, int] = {}
        self._until = -inf

    async def turn(self, queue: str, line: Line, panda_id: int) -> Turn:
        """Of an activated job.

        :raise StoreUnavailable: try later.
        """
        if self._clock.seconds() >= self._until:
            self._used = await self._store.read("order_shares", _usage)
            self._until = self._clock.seconds() + self._config.refresh_s
        heads, known = await self._store.read("order", _heads, queue)
        shares = Shares(self._config, self._people)
        shares.counted(self._used)
        place = shares.place(line)
        names = (line.working_group or "no group", line.label, line.owner_name or line.owner.subject)
        share = [(name, node.cores, node.weight) for name, node in zip(names, place.path, strict=True)]
        capped = place.room < line.cores
        before, at_least = _before(heads, known, shares, panda_id)
        return Turn(before, at_least, len({head.line for head in heads}), capped, share)


async def _usage(txn: Transaction) -> Mapping[Line, int]:
    used = await claims.usage(txn)
    return {line: used[line.id] for line in await lines.find(txn, list(used))}


async def _heads(txn: Transaction, queue: str) -> tuple[list[Waiting], dict[int, Line]]:
    heads = await claims.waiting(txn, [queue])
    return heads, {line.id: line for line in await lines.find(txn, list({head.line for head in heads}))}


def _before(heads: Sequence[Waiting], known: Mapping[int, Line], shares: Shares, panda_id: int) -> tuple[int, bool]:
    """Take job after job until it is this one's turn. A line that was not read to its end, and is used up, ends certainty."""
    by_line: dict[int, list[tuple[int, int]]] = {}
    for head in heads:
        by_line.setdefault(head.line, []).append((-head.priority, head.panda_id))
    per_line = max(READ_LEAST, READ_MOST // max(len(by_line), 1))
    cut = {line for line, count in Counter(head.line for head in heads).items() if count >= per_line}
    tree = tree_of([Standing(known[line], shares.place(known[line]), sorted(those))
                    for line, those in by_line.items() if line in known])
    before, at_least = 0, False
    while (turn := tree.turn()) is not None:
        if turn.head[1] == panda_id:
            return before, at_least
        before += 1
        turn.standing.heads.pop(0)
        turn.standing.place.give(turn.standing.line.cores)
        at_least = at_least or not turn.standing.heads and turn.standing.line.id in cut
    return before, True
