"""Datasets that jobs write into: made before the first job starts, closed after the last has ended, erased if nothing came."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.config import DataServiceConfig
from pandad.dataservice.datasets import Dataset, IDatasets
from pandad.dataservice.destination import container_of, dataset_of
from pandad.dataservice.outbox import Done
from pandad.dataservice.reports import DIAG_LENGTH
from pandad.dataservice.subdatasets import erasing
from pandad.dataservice.upkeep import CLOSE, ERASE, TOGETHER, CloseDataset, EraseDataset
from pandad.spec import errorcodes
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event
from pandad.taskbuffer import datasets, moves, outbox, subdatasets
from pandad.taskbuffer.datasets import Member
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.outbox import Errand, Pending, Step
from pandad.taskbuffer.store import Store, Transaction

WHO = "activator"
MAKE_OUTPUT = "make output dataset"


async def expect(txn: Transaction, jobs: Sequence[JobSpec]) -> set[int]:
    """These jobs will run: their output datasets are made, if they are not there, and stay open until all jobs have ended that
    were expected so. Safe to say again.

    :return: PandaIDs of those that have to wait, for a dataset is not there yet; they are looked at again when it is.
    """
    into = {(dataset, job.PandaID or 0) for job in jobs for f in job.outputs if (dataset := dataset_of(f)) is not None}
    wanted = sorted(Member(dataset.scope, dataset.name, panda_id) for dataset, panda_id in into)
    if not wanted:
        return set()
    absent = set(await datasets.expect(txn, wanted))
    keys = sorted({str(Dataset(m.scope, m.name)) for m in wanted})
    for kind in (CLOSE.name, ERASE.name):  # it is wanted again
        await outbox.withdraw(txn, kind, keys)
    containers = {dataset_of(f): container_of(f) for job in jobs for f in job.outputs}
    await outbox.ask(txn, [_making(dataset, containers[dataset]) for dataset in (Dataset(*name) for name in sorted(absent))])
    return {m.panda_id for m in wanted if (m.scope, m.name) in absent}


def _making(dataset: Dataset, container: Dataset | None) -> Errand:
    within = {"container": [container.scope, container.name]} if container is not None else {}
    return Errand(MAKE_OUTPUT, str(dataset), str(dataset), Step.MAKE, {"scope": dataset.scope, "name": dataset.name, **within})


class Making:
    """Handler of MAKE_OUTPUT: a dataset that jobs are to write into, and they do not start before it is there, open, and in the
    container that their owner asked for."""

    kind, together = MAKE_OUTPUT, TOGETHER

    def __init__(self, datasets: IDatasets) -> None:
        self._datasets = datasets

    async def call(self, pending: Sequence[Pending]) -> Sequence[Dataset]:
        """See `Handler.call`."""
        wanted = [Dataset(each.payload["scope"], each.payload["name"]) for each in pending]
        for dataset, each in zip(wanted, pending, strict=True):
            await self._datasets.make(dataset, reopen=True)
            if "container" in each.payload:
                await self._datasets.gather(Dataset(*each.payload["container"]), [dataset])
        return wanted

    async def settle(self, txn: Transaction, done: Sequence[Done]) -> None:
        """See `Handler.settle`: its jobs go on; where it cannot be made they fail before they have cost anything."""
        made = [(each.result.scope, each.result.name) for each in done if each.error is None]
        if made:
            await datasets.made(txn, made)
        for each in done:
            if each.error is not None:
                name = (each.pending.payload["scope"], each.pending.payload["name"])
                await outbox.ask(txn, [erasing(sub) for sub in await subdatasets.leave(txn, [name])])
                ids = await datasets.give_up(txn, [name])
                values = {"ddmErrorCode": errorcodes.DDM_SETUPPER, "ddmErrorDiag": str(each.error)[:DIAG_LENGTH]}
                await moves.move(txn, Event.REFUSED, [Change(i, values, why=str(each.error)) for i in ids],
                                 actor=Actor.DATASERVICE, who=WHO)


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
            *(erasing(sub) for sub in await subdatasets.leave(txn, ended.left)),
            *(CLOSE.errand(CloseDataset(*name)) for name in ended.close),
            *(ERASE.errand(EraseDataset(*name)) for name in ended.erase)])
        return ended.looked_at
