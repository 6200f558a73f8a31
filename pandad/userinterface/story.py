"""All that is known of one job, at once: for the page of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pandad.spec.caller import Caller
from pandad.spec.errors import NotFound
from pandad.spec.failure import Failure, failures_of
from pandad.spec.ground import KILL
from pandad.spec.job import JobSpec
from pandad.taskbuffer import control, jobs, outputs
from pandad.taskbuffer.control import Controlled
from pandad.taskbuffer.jobs import JobEvent
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import lastpilots
from pandad.userinterface.authority import grounds
from pandad.userinterface.explain import Explain
from pandad.userinterface.kept import Kept


@dataclass(frozen=True, slots=True)
class Story:
    """``why``: docs/reference/why.md. ``stdout``: what the payload wrote last, in debug mode. ``control``: whose it is."""

    job: JobSpec
    events: Sequence[JobEvent]
    why: Mapping[str, Any]
    stdout: str | None
    control: Controlled

    @property
    def failures(self) -> list[Failure]:
        """What went wrong, by component."""
        return failures_of(self.job)

    def is_whole_for(self, caller: Caller) -> bool:
        """Whether he may see parameters, files, logs, and who did what: the owner, who manages its group, production, admins."""
        return bool(grounds(caller, self.control) & KILL)


class Stories:
    """Tells them."""

    def __init__(self, store: Store, reasons: Explain, clock: IReactorTime) -> None:
        self._store, self._reasons = store, reasons
        self._told: Kept[Story] = Kept(clock)

    async def of(self, caller: Caller, panda_id: int) -> Story:
        """The whole of it; what of that the caller is shown the page sees to.

        :raise NotFound: there is no such job.
        """
        sees_nodes = lastpilots.may_see_nodes(caller)
        return await self._told.of((panda_id, sees_nodes), lambda: self._read(caller, panda_id))

    async def _read(self, caller: Caller, panda_id: int) -> Story:
        why = await self._reasons.told(caller, panda_id)
        return await self._store.read("story", _story, panda_id, why)


async def _story(txn: Transaction, panda_id: int, why: Mapping[str, Any]) -> Story:
    (job,) = await jobs.find(txn, [panda_id])
    whose = (await control.look(txn, [panda_id])).get(panda_id)
    if job is None or whose is None:
        raise NotFound("job", panda_id)
    return Story(job, await jobs.events(txn, panda_id), why, await outputs.tail(txn, panda_id), whose)
