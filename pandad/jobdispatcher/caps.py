"""Caps: activated jobs of a user or group that has all its cores are `throttled`, and come back as soon as it has fewer again.

The matcher keeps to the caps too (see fairshare.py); this makes the wait visible, and keeps such jobs out of the windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from pandad.config import SharesConfig
from pandad.spec.account import People
from pandad.spec.jobstatus import Actor, Event
from pandad.spec.line import Line
from pandad.spec.share import CAP_RELEASE, Capped, CapsOf, caps_by
from pandad.taskbuffer import claims, lines, moves, turns
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Store, Transaction

WHO = "caps"
BATCH = 1000  # jobs that one round holds back or lets go


class Caps:
    """Holds jobs back and lets them go."""

    def __init__(self, store: Store, config: SharesConfig, people: People | None = None) -> None:
        self._store, self._config, self._people = store, config, people or People()

    async def run_once(self) -> bool:
        """Look at all that have a cap; True if there may be more to move."""
        return await self._store.transact("caps", self._round)

    async def _round(self, txn: Transaction) -> bool:
        held = await turns.lines_with_throttled(txn)
        used = await claims.usage(txn)
        known = {line.id: line for line in await lines.find(txn, list({*used, *held}))}
        caps_of = caps_by(self._config.user_cap, self._config.group_caps, self._people.directory)
        cores = _cores({known[line]: n for line, n in used.items() if line in known}, caps_of)
        full = [capped for capped, n in cores.items() if n >= capped.cores]
        stopped = [await self._hold_back(txn, capped, cores[capped]) for capped in full]
        freed = await self._let_go(txn, [known[line] for line in held if line in known], cores, caps_of)
        return freed == BATCH or BATCH in stopped

    async def _hold_back(self, txn: Transaction, capped: Capped, used: int) -> int:
        found = await lines.of(txn, capped.who)
        why = f"{capped.name} has {used} cores, the cap is {capped.cores}"
        return await _move(txn, Event.THROTTLE, await turns.activated_of(txn, found, BATCH), why)

    async def _let_go(self, txn: Transaction, held: Sequence[Line], cores: Counter[Capped], caps_of: CapsOf) -> int:
        """Jobs for which there is room at all their caps, the first in order first."""
        below = {line.id: line for line in held if all(cores[c] < CAP_RELEASE * c.cores for c in caps_of(line))}
        going: list[int] = []
        for panda_id, line_id in await turns.throttled_of(txn, list(below), BATCH):
            line = below[line_id]
            caps = caps_of(line)
            if all(cores[c] + line.cores <= c.cores for c in caps):
                cores.update(dict.fromkeys(caps, line.cores))
                going.append(panda_id)
        return await _move(txn, Event.UNTHROTTLE, going, "there is room below the cap again")


def _cores(used: Mapping[Line, int], caps_of: CapsOf) -> Counter[Capped]:
    cores: Counter[Capped] = Counter()
    for line, n in used.items():
        cores.update(dict.fromkeys(caps_of(line), n))
    return cores


async def _move(txn: Transaction, event: Event, ids: Collection[int], why: str) -> int:
    if not ids:
        return 0
    return len(await moves.move(txn, event, [Change(i, why=why) for i in sorted(ids)], actor=Actor.WATCHER, who=WHO))
