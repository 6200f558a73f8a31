"""Dispatch datasets: made, filled, closed and sent to an endpoint by one errand, and what follows when that is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pandad.config import DataServiceConfig
from pandad.dataservice import upkeep
from pandad.dataservice.datasets import Dataset, IDatasets, RuleWish
from pandad.dataservice.ddm import DDMRefused, DDMUnavailable, FileName, UnknownData
from pandad.dataservice.outbox import Done
from pandad.dataservice.upkeep import DeleteRule, EraseDataset
from pandad.spec import errorcodes
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import avoidance, moves, outbox, placements, replacing, sites
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.outbox import Errand, Pending, Step
from pandad.taskbuffer.placements import ERRAND, Held, NewPlacement
from pandad.taskbuffer.store import Store, Transaction

WHO = "setupper"
NOTIFY = "C"  # Rucio tells when it is complete and closed
DATASET_LIVES = 4  # times as long as its rule at first, which is made longer while jobs live; a dataset that ends takes it along
PLACED = frozenset({JobStatus.ASSIGNED, JobStatus.WAITING})
DIAG_LENGTH = 500  # of ddmErrorDiag


def dispatch(number: int, name: str, new: NewPlacement, config: DataServiceConfig) -> Errand:
    """What makes the dataset and the rule of a placement. The rule's comment is the task, as PanDA's."""
    dataset = Dataset(new.scope, name)
    return Errand(ERRAND, str(number), str(dataset), Step.MAKE, {
        "placement": number, "scope": new.scope, "name": name, "endpoint": new.endpoint, "source": new.source,
        "activity": new.activity, "lifetime_s": config.dispatch_lifetime_s, "comment": new.task,
        "files": [[file.scope, file.lfn] for file in new.files]})


def recall(dataset: Dataset, rule: str | None) -> list[Errand]:
    """Nobody needs it any more."""
    deleting = [upkeep.DELETE.errand(DeleteRule(rule, purge=True))] if rule else []
    return [*deleting, upkeep.ERASE.errand(EraseDataset(dataset.scope, dataset.name))]


class Dispatch:
    """Handler of these errands."""

    kind = ERRAND
    together = 1

    def __init__(self, store: Store, datasets: IDatasets, config: DataServiceConfig) -> None:
        self._store, self._datasets, self._config = store, datasets, config

    async def call(self, pending: Sequence[Pending]) -> Sequence[str | None]:
        """The id of the rule; None: it is not wanted any more. Each step finds what was done before."""
        wanted = await self._store.read("dispatch_read", placements.are_wanted, [each.payload["placement"] for each in pending])
        return [await self._sent(each.payload) if each.payload["placement"] in wanted else None for each in pending]

    async def _sent(self, wanted: Mapping[str, Any]) -> str:
        dataset, lifetime_s = Dataset(wanted["scope"], wanted["name"]), wanted["lifetime_s"]
        try:
            await self._datasets.make(dataset, lifetime_s=DATASET_LIVES * lifetime_s, hidden=True)
        except UnknownData as error:  # no fault of the jobs, all of which need it
            raise DDMUnavailable(f"{error}; have the scope {dataset.scope} made, or change [dataservice.rucio] scope") from None
        await self._datasets.attach(dataset, [FileName(scope, lfn) for scope, lfn in wanted["files"]])
        await self._datasets.close(dataset)
        return await self._datasets.add_rule(dataset, RuleWish(
            wanted["endpoint"], wanted["activity"], lifetime_s, wanted["comment"], NOTIFY, source=wanted["source"],
            purge_replicas=True))

    async def settle(self, txn: Transaction, done: Sequence[Done]) -> None:
        """A rule that nobody waits for any more is taken back."""
        for each in done:
            number = each.pending.payload["placement"]
            if each.error is not None:
                await self._refused(txn, number, each.error)
            elif each.result is not None and await placements.set_rule(txn, number, each.result):
                txn.hint("placements")
            else:
                dataset = Dataset(each.pending.payload["scope"], each.pending.payload["name"])
                await outbox.ask(txn, recall(dataset, each.result))

    async def _refused(self, txn: Transaction, number: int, error: DDMRefused | DDMUnavailable) -> None:
        """A file that went away is looked for anew. With anything else the jobs go where it may be possible, or fail."""
        found = await placements.find(txn, number)
        if found is None:
            return
        dataset, endpoint = found
        if isinstance(error, UnknownData):
            await placements.wake(txn, [number])
        else:
            held = await placements.held(txn, number)
            stay = [each for each in held if each.is_pinned or not self._config.other_queue]
            await fail(txn, stay, f"its input cannot be sent to {endpoint}: {error}")
            await send_elsewhere(txn, [each for each in held if each not in stay],
                                 f"its input cannot be sent to {endpoint}: {error}", self._config.avoid_s)
        await placements.drop(txn, number)
        await outbox.ask(txn, recall(Dataset(*dataset), None))


async def fail(txn: Transaction, held: Sequence[Held], why: str) -> None:
    """End jobs whose input cannot be sent for (PanDA: a refused subscription is fatal)."""
    values = {"ddmErrorCode": errorcodes.DDM_SUBSCRIPTION, "ddmErrorDiag": why[:DIAG_LENGTH]}
    if held:
        changes = [Change(each.panda_id, values, why=why) for each in held]
        await moves.move(txn, Event.REFUSED, changes, actor=Actor.DATASERVICE, who=WHO)


async def send_elsewhere(txn: Transaction, held: Sequence[Held], why: str, avoid_s: float) -> None:
    """Have jobs brokered anew, to another queue than theirs.

    :param avoid_s: after which they may come back; 0 is never.
    """
    if not held:
        return
    changes = [Change(each.panda_id, {"computingSite": None, "avoided": sorted({*each.avoided, each.queue})},
                      why=f"{replacing.LEFT}{each.queue}: {why}") for each in held]
    moved = await moves.move(txn, Event.UNBROKERED, changes, actor=Actor.DATASERVICE, who=WHO, only=PLACED)
    ids, by_queue = {each.panda_id for each in moved}, defaultdict(list)
    if avoid_s:
        await avoidance.avoid(txn, {each.panda_id: each.queue for each in held if each.panda_id in ids}, avoid_s, why)
    for each in held:
        if each.panda_id in ids:
            by_queue[each.queue].append(each.panda_id)
    endpoints = {queue.name: queue.endpoint_out for queue in await sites.find_all(txn)}
    await replacing.unplace(txn, [(i, endpoints.get(queue)) for queue, some in sorted(by_queue.items()) for i in some])
    txn.hint("brokerage")
