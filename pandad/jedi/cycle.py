"""The loop that keeps tasks going."""

from __future__ import annotations

from twisted.logger import Logger

from pandad.config import JediConfig
from pandad.jedi import feeder
from pandad.jedi.feeder import ICatalogue
from pandad.jedi.maker import Maker, Submit
from pandad.jedi.refiner import refine
from pandad.spec.errors import BadRequest, Forbidden
from pandad.spec.taskstatus import FEEDING, TaskEvent
from pandad.taskbuffer import tasks, taskwork
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.taskwork import Due

TROUBLE_PAUSE_S = 300.0


class Cycle:
    """Looks at the tasks whose time has come, each in a transaction of its own: a round can end anywhere and is taken up again.

    :param submit: see maker.Submit.
    """

    log = Logger()

    def __init__(self, store: Store, config: JediConfig, catalogue: ICatalogue, submit: Submit) -> None:
        self._store, self._config, self._catalogue = store, config, catalogue
        self._maker = Maker(submit, config)

    async def run_once(self) -> bool:
        """One round; True if more waits."""
        due = await self._store.read("tasks_due", taskwork.due, self._config.batch, self._config.max_jobs)
        idle = [each.id for each in due if not each.news]
        if idle:
            await self._store.transact("tasks_idle", taskwork.defer, idle, self._config.look_s)
        more = [await self._look_at(each) for each in due if each.news]
        return any(more) or len(due) == self._config.batch

    async def _look_at(self, due: Due) -> bool:
        """One task; a mistake in it, or in what pandad makes of it now, stops no other."""
        try:
            return await self._go_on(due)
        except (BadRequest, Forbidden) as problem:
            self.log.error("task {id}: {problem}", id=due.id, problem=str(problem))
            await self._store.transact("task_trouble", _trouble, due.id, str(problem))
            return False

    async def _go_on(self, due: Due) -> bool:
        task = await self._store.read("task_find", tasks.find, due.id)
        if task is None:
            return False
        spec = refine(task.parameters, self._config)
        if due.status in FEEDING:
            looked = await feeder.look(spec, self._catalogue, self._config)
            await self._store.transact("task_feed", feeder.feed, due.id, spec, looked, self._config)
            return True
        return await self._store.transact("task_round", self._maker.round, due.id, spec)


async def _trouble(txn: Transaction, task_id: int, problem: str) -> None:
    """It is broken, or, where jobs were made, left alone for a while: a newer pandad may know better."""
    if not await tasks.happened(txn, task_id, TaskEvent.BROKEN, who="jedi", why=problem):
        await tasks.defer(txn, task_id, TROUBLE_PAUSE_S)
