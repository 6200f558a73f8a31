"""Datasets that jobs write into: made before the first job starts, closed after the last has ended, erased if nothing came."""

from __future__ import annotations

from collections.abc import Iterable

from pandad.config import DataServiceConfig
from pandad.dataservice.datasets import Dataset
from pandad.dataservice.destination import dataset_of
from pandad.dataservice.upkeep import CLOSE, ERASE, MAKE, CloseDataset, EraseDataset, MakeDataset
from pandad.spec.job import JobSpec
from pandad.taskbuffer import datasets, outbox
from pandad.taskbuffer.datasets import Member
from pandad.taskbuffer.store import Store, Transaction


async def expect(txn: Transaction, jobs: Iterable[JobSpec]) -> None:
    """These jobs will run: their output datasets are made, if they are not there, and stay open until all jobs have ended that
    were expected so. Safe to say again."""
    into = {(dataset, job.PandaID or 0) for job in jobs for f in job.outputs if (dataset := dataset_of(f)) is not None}
    wanted = sorted(Member(dataset.scope, dataset.name, panda_id) for dataset, panda_id in into)
    new = [Dataset(*name) for name in await datasets.expect(txn, wanted)]
    if wanted:
        keys = sorted({str(Dataset(m.scope, m.name)) for m in wanted})
        for kind in (CLOSE.name, ERASE.name):  # it is wanted again
            await outbox.withdraw(txn, kind, keys)
    await outbox.ask(txn, [MAKE.errand(MakeDataset(d.scope, d.name)) for d in new])


class Closer:
    """Looks which datasets nobody writes into any more. ``active``: whether there are datasets at all."""

    def __init__(self, store: Store, config: DataServiceConfig, *, active: bool) -> None:
        self._store, self._config, self._active = store, config, active

    async def run_once(self) -> bool:
        """Look at those that are due; True if there may be more."""
        return self._active and await self._store.transact("closer", self._close) == self._config.batch

    async def _close(self, txn: Transaction) -> int:
        config = self._config
        ended = await datasets.look(txn, config.batch, config.dataset_close_s, config.dataset_erase_s)
        await outbox.ask(txn, [
            *(CLOSE.errand(CloseDataset(*name)) for name in ended.close),
            *(ERASE.errand(EraseDataset(*name)) for name in ended.erase)])
        return ended.looked_at
