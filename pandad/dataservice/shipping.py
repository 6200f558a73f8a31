"""Outputs that have to go somewhere: those that set out together get a dataset (`_sub`) and a rule, and their jobs wait for it.

The dataset has from its beginning all that it will ever have. So it is closed at once, the rule is complete when the last file is
there, and nobody has to look at it again as it grows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pandad.config import DataServiceConfig
from pandad.dataservice.datasets import Dataset, IDatasets, RuleWish
from pandad.dataservice.destination import activity_of, dataset_of, destination
from pandad.dataservice.outbox import Done
from pandad.dataservice.reports import DIAG_LENGTH, Outcome
from pandad.dataservice.upkeep import DELETE, ERASE, DeleteRule, EraseDataset
from pandad.spec import errorcodes
from pandad.spec.file import FileName
from pandad.spec.jobstatus import Actor, Event
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import outbox, retries, shipments
from pandad.taskbuffer.outbox import Errand, Pending, Step
from pandad.taskbuffer.retries import Failed
from pandad.taskbuffer.shipments import MOVES, SEND, NewShipment, Shipment
from pandad.taskbuffer.store import Store, Transaction

WHO = "adder"
WITHOUT_DATASET = "panda.outputs"  # what the shipment of files without a dataset is named after


async def send(txn: Transaction, outcomes: Sequence[Outcome], name_length: int) -> None:
    """Have the files of these jobs moved that are not where they are wanted; those alike go together."""
    groups: dict[tuple[str, str, str, str, str], list[tuple[int, int]]] = defaultdict(list)
    for outcome in outcomes:
        for file in outcome.files:
            if file.status == MOVES:
                dataset = dataset_of(file) or Dataset(file.scope or "", WITHOUT_DATASET)
                key = (dataset.scope, dataset.name, destination(file) or "", activity_of(outcome.job),
                       str(outcome.job.jediTaskID or ""))
                groups[key].append((file.row_ID or 0, file.PandaID or 0))
    new = [NewShipment(*key, files) for key, files in sorted(groups.items())]
    await outbox.ask(txn, [errand(each) for each in await shipments.make(txn, new, name_length)])


def errand(shipment: Shipment) -> Errand:
    """That it be sent."""
    name = str(Dataset(shipment.scope, shipment.name))
    return Errand(SEND, name, name, Step.RULE, {"shipment": shipment.id})


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
        found = await self._store.read("shipping_read", shipments.find, ids)
        return [await self._sent(*found[each]) if each in found else None for each in ids]

    async def _sent(self, shipment: Shipment, names: Sequence[FileName]) -> tuple[Shipment, str]:
        dataset, lifetime_s = Dataset(shipment.scope, shipment.name), self._config.sub_lifetime_s or None
        await self._datasets.make(dataset, lifetime_s=lifetime_s)
        await self._datasets.attach(dataset, names)
        await self._datasets.close(dataset)
        wish = RuleWish(shipment.endpoint, shipment.activity, lifetime_s, shipment.comment or None, "C")
        return shipment, await self._datasets.add_rule(dataset, wish)

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
