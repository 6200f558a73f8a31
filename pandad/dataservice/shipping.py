"""Outputs that have to go somewhere: those that set out together get a dataset (`_sub`) and a rule, and their jobs wait for it.

The dataset has from its beginning all that it will ever have. So it is closed at once, the rule is complete when the last file is
there, and nobody has to look at it again as it grows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

from pandad.config import DataServiceConfig
from pandad.dataservice.datasets import Dataset, IDatasets, RuleWish
from pandad.dataservice.ddm import UnknownData
from pandad.dataservice.destination import activity_of, dataset_of, destination
from pandad.dataservice.outbox import Done
from pandad.dataservice.reports import DIAG_LENGTH, Outcome
from pandad.dataservice.subdatasets import bounds, dataset_lifetime_s, follow, lifetime_s
from pandad.dataservice.upkeep import DELETE, ERASE, KEEP, DeleteRule, EraseDataset, KeepDataset
from pandad.spec import errorcodes
from pandad.spec.file import FileName
from pandad.spec.jobstatus import Actor, Event
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import datasets, outbox, retries, shipments, subdatasets
from pandad.taskbuffer.outbox import Errand, Pending, Step
from pandad.taskbuffer.retries import Failed
from pandad.taskbuffer.shipments import MOVES, SEND, NewShipment, Shipment
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.subdatasets import Bound, Sub

WHO = "adder"
WITHOUT_DATASET = "panda.outputs"  # what the shipment of files without a dataset is named after


async def send(txn: Transaction, outcomes: Sequence[Outcome], config: DataServiceConfig) -> None:
    """Have the files of these jobs moved that are not where they are wanted; those alike go together, in a dataset that was made
    for them before if there is one."""
    groups: dict[tuple[Bound, str, str], list[tuple[int, int]]] = defaultdict(list)
    for outcome in outcomes:
        known = {(bound.scope, bound.dataset, bound.endpoint): bound for bound in bounds(outcome.files)}
        for file in outcome.files:
            if file.status == MOVES:
                dataset = dataset_of(file) or Dataset(file.scope or "", WITHOUT_DATASET)
                way = (dataset.scope, dataset.name, destination(file) or "")
                key = (known.get(way) or Bound(*way, lasting=True), activity_of(outcome.job), str(outcome.job.jediTaskID or ""))
                groups[key].append((file.row_ID or 0, file.PandaID or 0))
    ready = await subdatasets.take(txn, {bound for bound, _, _ in groups})
    await follow(txn, ready, config)
    new = [_new(*key, files, ready.pop(key[0], None)) for key, files in sorted(groups.items())]
    made = {each.ready[0] for each in new if each.ready is not None}
    await outbox.ask(txn, [errand(s, s.id in made) for s in await shipments.make(txn, new, config.rucio.name_length)])
    await _keep(txn, groups, config)


def _new(bound: Bound, activity: str, comment: str, files: Sequence[tuple[int, int]], sub: Sub | None) -> NewShipment:
    return NewShipment(bound.scope, bound.dataset, bound.endpoint, activity, comment, files, bound.lasting,
                       None if sub is None else (sub.id, sub.name))


async def _keep(txn: Transaction, groups: Iterable[tuple[Bound, str, str]], config: DataServiceConfig) -> None:
    """What is wanted somewhere as a whole is to stay there."""
    activities = {(bound.scope, bound.dataset, bound.endpoint): activity for bound, activity, _ in groups if not bound.lasting}
    for scope, name, endpoint in await datasets.keep(txn, activities):
        wish = KeepDataset(scope, name, endpoint, activities[scope, name, endpoint], config.output_lifetime_s or None)
        await outbox.ask(txn, [KEEP.errand(wish, endpoint)])


def errand(shipment: Shipment, made: bool = False) -> Errand:
    """That it be sent. ``made``: its dataset is there."""
    name = str(Dataset(shipment.scope, shipment.name))
    return Errand(SEND, name, name, Step.RULE, {"shipment": shipment.id, "made": made})


def cleaning(shipment: Shipment) -> list[Errand]:
    """What is left of one that nobody waits for."""
    rule = [DELETE.errand(DeleteRule(shipment.rule))] if shipment.rule is not None else []
    return [*rule, ERASE.errand(EraseDataset(shipment.scope, shipment.name))]


class Shipping:
    """Handler of SEND: makes the dataset and the rule."""

    kind, together = SEND, 1

    def __init__(self, store: Store, datasets: IDatasets, config: DataServiceConfig, policy: RetryPolicy) -> None:
        self._store, self._datasets, self._config, self._policy = store, datasets, config, policy

    async def call(self, pending: Sequence[Pending]) -> Sequence[tuple[Shipment, str] | None]:
        """See `Handler.call`: the shipment and the id of its rule; None: it is not wanted any more."""
        ids = [int(each.payload["shipment"]) for each in pending]
        made = {int(each.payload["shipment"]) for each in pending if each.payload.get("made")}
        found = await self._store.read("shipping_read", shipments.find, ids)
        return [await self._sent(*found[each], each in made) if each in found else None for each in ids]

    async def _sent(self, shipment: Shipment, names: Sequence[FileName], made: bool) -> tuple[Shipment, str]:
        dataset = Dataset(shipment.scope, shipment.name)
        await self._filled(dataset, names, dataset_lifetime_s(shipment.lasting, self._config), made)
        await self._datasets.close(dataset)
        wish = RuleWish(shipment.endpoint, shipment.activity, lifetime_s(shipment.lasting, self._config),
                        shipment.comment or None, "C")
        return shipment, await self._datasets.add_rule(dataset, wish)

    async def _filled(self, dataset: Dataset, names: Sequence[FileName], lives_s: int | None, made: bool) -> None:
        if made:
            with suppress(UnknownData):  # it ran out while the jobs took their time
                await self._datasets.attach(dataset, names)
                return
        await self._datasets.make(dataset, lifetime_s=lives_s)
        await self._datasets.attach(dataset, names)

    async def settle(self, txn: Transaction, done: Sequence[Done]) -> None:
        """See `Handler.settle`: the finisher looks after the rule; where there is none the jobs fail."""
        made = [(shipment, rule) for each in done if each.error is None and each.result for shipment, rule in [each.result]]
        if made:
            there = await shipments.ruled(txn, [(shipment.id, rule) for shipment, rule in made])
            await outbox.ask(txn, [e for shipment, rule in made if shipment.id not in there
                                   for e in (DELETE.errand(DeleteRule(rule)), *cleaning(shipment))])
            txn.hint("finisher")
        for each in done:
            if each.error is not None:
                await fail(txn, self._policy, [int(each.pending.payload["shipment"])], str(each.error))


async def fail(txn: Transaction, policy: RetryPolicy, ids: Sequence[int], why: str) -> None:
    """These shipments will not arrive, so their jobs fail."""
    values = {"ddmErrorCode": errorcodes.DDM_SUBSCRIPTION, "ddmErrorDiag": why[:DIAG_LENGTH]}
    lost = [Failed(panda_id, Event.FAILED, why, values=values) for panda_id in await shipments.lost(txn, ids)]
    await retries.settle(txn, policy, lost, actor=Actor.DATASERVICE, who=WHO)
