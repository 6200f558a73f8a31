"""`_sub` datasets registered before the jobs start whose outputs they will carry (taskbuffer/subdatasets.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from pandad.config import DataServiceConfig
from pandad.dataservice.datasets import Dataset, IDatasets
from pandad.dataservice.destination import dataset_of, destination, must_move
from pandad.dataservice.inspection import Ready
from pandad.dataservice.outbox import Done
from pandad.dataservice.reports import DIAG_LENGTH
from pandad.dataservice.upkeep import ERASE, TOGETHER, EraseDataset
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.jobstatus import Actor, Event
from pandad.taskbuffer import moves, outbox, subdatasets
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.outbox import Errand, Pending, Step
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.subdatasets import PREPARE, Bound, Sub

WHO = "activator"
DATASET_LIVES = 4  # times as long as the rule that it will have: a dataset that ends takes that along


def bounds(outputs: Iterable[FileSpec]) -> list[Bound]:
    """How the outputs of one job travel that have to. Where all of a dataset is wanted at one endpoint a rule for the dataset can
    keep it there; else only what was brought there is to stay. Pure."""
    wishes: dict[Dataset, set[str | None]] = defaultdict(set)
    moving: set[tuple[Dataset, str]] = set()
    for file in outputs:
        if (dataset := dataset_of(file)) is not None:
            wanted = destination(file)
            wishes[dataset].add(wanted)
            if wanted is not None and must_move(file):
                moving.add((dataset, wanted))
    return sorted(Bound(dataset.scope, dataset.name, endpoint, len(wishes[dataset]) > 1) for dataset, endpoint in moving)


def lifetime_s(lasting: bool, config: DataServiceConfig) -> int | None:
    """Of the rule that moves outputs; None is for ever."""
    return None if lasting else config.sub_lifetime_s or None


def dataset_lifetime_s(lasting: bool, config: DataServiceConfig) -> int | None:
    """Of its dataset."""
    lives_s = lifetime_s(lasting, config)
    return None if lives_s is None else DATASET_LIVES * lives_s


async def expect(txn: Transaction, ready: Sequence[Ready], config: DataServiceConfig) -> set[int]:
    """These jobs will run, and their own datasets are expected. PandaIDs of those that have to wait until a `_sub` is there."""
    wanted = {each.job.PandaID or 0: bounds(f for f in each.files if f.type in ("output", "log")) for each in ready}
    there = await subdatasets.expect(txn, {bound for each in wanted.values() for bound in each}, config.rucio.name_length)
    absent = {sub.bound for sub in there if not sub.made}
    await outbox.ask(txn, [preparing(sub, config) for sub in there if not sub.made])
    return {panda_id for panda_id, some in wanted.items() if absent.intersection(some)}


async def follow(txn: Transaction, taken: Collection[Bound], config: DataServiceConfig) -> None:
    """Others are made for those that come later."""
    there = await subdatasets.expect(txn, await subdatasets.to_come(txn, taken), config.rucio.name_length)
    await outbox.ask(txn, [preparing(sub, config) for sub in there if not sub.made])


def preparing(sub: Sub, config: DataServiceConfig) -> Errand:
    """That it be made."""
    name = str(Dataset(sub.bound.scope, sub.name))
    return Errand(PREPARE, name, name, Step.MAKE, {
        "shipment": sub.id, "scope": sub.bound.scope, "name": sub.name,
        "lifetime_s": dataset_lifetime_s(sub.bound.lasting, config)})


def erasing(sub: Sub) -> Errand:
    """It was made in vain."""
    return ERASE.errand(EraseDataset(sub.bound.scope, sub.name))


class Preparing:
    """Handler of PREPARE."""

    kind, together = PREPARE, TOGETHER

    def __init__(self, datasets: IDatasets) -> None:
        self._datasets = datasets

    async def call(self, pending: Sequence[Pending]) -> Sequence[object]:
        """See `Handler.call`."""
        return [await self._datasets.make(Dataset(each.payload["scope"], each.payload["name"]),
                                          lifetime_s=each.payload["lifetime_s"]) for each in pending]

    async def settle(self, txn: Transaction, done: Sequence[Done]) -> None:
        """See `Handler.settle`: its jobs go on; where it cannot be made those that have not started fail. One that was left
        meanwhile goes again."""
        good = [each.pending.payload for each in done if each.error is None]
        wanted = await subdatasets.made(txn, [payload["shipment"] for payload in good]) if good else set()
        await outbox.ask(txn, [ERASE.errand(EraseDataset(payload["scope"], payload["name"]))
                               for payload in good if payload["shipment"] not in wanted])
        for each in done:
            if each.error is not None:
                ids = await subdatasets.give_up(txn, [each.pending.payload["shipment"]])
                values = {"ddmErrorCode": errorcodes.DDM_SETUPPER, "ddmErrorDiag": str(each.error)[:DIAG_LENGTH]}
                await moves.move(txn, Event.REFUSED, [Change(i, values, why=str(each.error)) for i in ids],
                                 actor=Actor.DATASERVICE, who=WHO)
