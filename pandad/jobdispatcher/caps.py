"""Caps: activated jobs of a user or group that has all its cores are `throttled`, and come back as soon as it has fewer again.

The matcher keeps to the caps too (see fairshare.py); this makes the wait visible, and keeps such jobs out of the windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from pandad.config import SharesConfig
from pandad.spec.jobstatus import Actor, Event
from pandad.spec.line import Line
from pandad.spec.share import CAP_RELEASE, Capped, caps_of
from pandad.taskbuffer import claims, lines, moves, turns
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Store, Transaction

WHO = "caps"
BATCH = 1000  # jobs that one round holds back or lets go


class Caps:
    """Holds jobs back and lets them go."""

    def __init__(self, store: Store, config: SharesConfig) -> None:
        self._store, self._config = store, config

    async def run_once(self) -> bool:
        """Look at all that have a cap; True if there may be more to move."""
        return await self._store.transact("caps", self._round)

    async def _round(self, txn: Transaction) -> bool:
        held = await turns.lines_with_throttled(txn)
        used = await claims.usage(txn)
        known = {line.id: line for line in await lines.find(txn, list({*used, *held}))}
        cores = self._cores({known[line]: n for line, n in used.items() if line in known})
        full = [capped for capped, n in cores.items() if n >= capped.cores]
        stopped = [await self._hold_back(txn, capped, cores[capped]) for capped in full]
        freed = await self._let_go(txn, [known[line] for line in held if line in known], cores)
        return freed == BATCH or BATCH in stopped

    def _cores(self, used: Mapping[Line, int]) -> Counter[Capped]:
        cores: Counter[Capped] = Counter()
        for line, n in used.items():
            cores.update(dict.fromkeys(self._capped(line), n))
        return cores

    def _capped(self, line: Line) -> Iterable[Capped]:
        return caps_of(line, self._config.user_cap, self._config.group_caps)

    async def _hold_back(self, txn: Transaction, capped: Capped, used: int) -> int:
        found = await (lines.of_group(txn, capped.who) if isinstance(capped.who, str) else lines.of_owner(txn, capped.who))
        why = f"{capped.name} has {used} cores, the cap is {capped.cores}"
        return await _move(txn, Event.THROTTLE, await turns.activated_of(txn, found, BATCH), why)

    async def _let_go(self, txn: Transaction, held: Sequence[Line], cores: Counter[Capped]) -> int:
        """Jobs for which there is room at all their caps, the first in order first."""
        below = {line.id: line for line in held if all(cores[c] < CAP_RELEASE * c.cores for c in self._capped(line))}
        going: list[int] = []
        for panda_id, line_id in await turns.throttled_of(txn, list(below), BATCH):
            line = below[line_id]
            caps = list(self._capped(line))
            if all(cores[c] + line.cores <= c.cores for c in caps):
                cores.update(dict.fromkeys(caps, line.cores))
                going.append(panda_id)
        return await _move(txn, Event.UNTHROTTLE, going, "there is room below the cap again")


async def _move(txn: Transaction, event: Event, ids: Collection[int], why: str) -> int:
    if not ids:
        return 0
    return len(await moves.move(txn, event, [Change(i, why=why) for i in sorted(ids)], actor=Actor.WATCHER, who=WHO))
