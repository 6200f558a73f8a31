"""A queue with all that operators, sources and the brake say of it, for those who ask why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pandad.spec.errors import NotFound
from pandad.spec.facts import Brake
from pandad.spec.site import Queue
from pandad.taskbuffer import brakes, sites
from pandad.taskbuffer.sites import Standing
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True)
class Noted:
    """``brake``: None if it is not braked."""

    standing: Standing
    brake: Brake | None

    @property
    def queue(self) -> Queue:
        """With the status in force."""
        return self.standing.queue

    @property
    def reason(self) -> str:
        """Why the status is not simply its source's; "" if it is that."""
        if self.standing.override is not None:
            return self.standing.override.reason
        return f"not in {self.standing.source} any more" if self.standing.gone is not None else ""

    def shown(self, whole: bool) -> dict[str, Any]:
        """queue, status, and where they are so source_status, reason, until, gone, brake. ``whole``: and who said so."""
        word, brake = self.standing.override, self.brake
        said = {
            "queue": self.queue.name, "status": self.queue.status.value, "source_status": self.standing.told.value,
            "reason": self.reason, "until": word.until if word else None, "gone": self.standing.gone,
            "set_by": word.set_by if word and whole else None, "brake": _brake(brake) if brake else None}
        return {key: value for key, value in said.items() if value}


def _brake(brake: Brake) -> dict[str, Any]:
    return {"since": brake.since, "why": brake.why, "until": brake.until, "tests": len(brake.probes)}


async def find(txn: Transaction, name: str) -> Noted:
    """One queue.

    :raise NotFound: there is no such queue.
    """
    found = await maybe(txn, name)
    if found is None:
        raise NotFound("queue", name)
    return found


async def maybe(txn: Transaction, name: str | None) -> Noted | None:
    """The same, None if there is no such queue."""
    standings = await sites.standings(txn, name) if name is not None else []
    return Noted(standings[0], (await brakes.find_all(txn)).get(standings[0].queue.name)) if standings else None
