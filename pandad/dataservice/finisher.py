"""Jobs whose outputs are on their way: they finish when the last file is at its destination."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pandad.config import DataServiceConfig
from pandad.dataservice import shipping
from pandad.dataservice.datasets import Dataset, IDatasets, Rule, RuleState
from pandad.dataservice.ddm import DDMUnavailable
from pandad.dataservice.notices import Notices
from pandad.spec.jobstatus import Actor, Event
from pandad.taskbuffer import moves, outbox, shipments
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.shipments import Shipment
from pandad.taskbuffer.store import Store, Transaction

WHO = "finisher"


class Finisher:
    """Asks how far the rules are, now and then, and at once when somebody says that one has changed.

    ``datasets`` None: nothing moves here.
    """

    def __init__(self, store: Store, datasets: IDatasets | None, config: DataServiceConfig) -> None:
        self._store, self._datasets, self._config = store, datasets, config

    async def run_once(self) -> bool:
        """Look at the rules that are due; True if there may be more."""
        if self._datasets is None:
            return False
        due = await self._store.read("finisher_read", shipments.due, self._config.batch)
        if due:
            wanted = [shipment for shipment, is_wanted in due if is_wanted]
            try:
                rules = {rule.id: rule for rule in await self._datasets.rules([s.rule for s in wanted if s.rule])}
            except DDMUnavailable:
                await self._store.transact("finisher_put_off", shipments.again, [(s.id, s.trouble) for s in wanted],
                                           self._config.missing_retry_s)
                return False
            await self._store.transact("finisher_write", self._write, due, rules)
        return len(due) == self._config.batch

    async def heard(self, rules: Collection[str] = (), datasets: Collection[Dataset] = ()) -> int:
        """Somebody says that something happened to these: their rules are asked after at once. It need not be true, new, or about
        anything of ours; how many shipments it is about."""
        return await self._store.transact("finisher_heard", self._heard, rules, [(d.scope, d.name) for d in datasets])

    async def _heard(self, txn: Transaction, rules: Collection[str], names: Collection[tuple[str, str]]) -> int:
        found = await shipments.heard(txn, rules, names)
        if found:
            txn.hint("finisher")
        return found

    async def _write(self, txn: Transaction, due: Sequence[tuple[Shipment, bool]], rules: Mapping[str, Rule]) -> None:
        left = [s for s, is_wanted in due if not is_wanted]
        wanted = [(s, rules.get(s.rule or "")) for s, is_wanted in due if is_wanted]
        there = [s for s, rule in wanted if rule is not None and is_through(rule)]
        moving = [(s.id, trouble(rule)) for s, rule in wanted if rule is not None and not is_through(rule)]
        gone = [s for s, rule in wanted if rule is None]  # somebody removed it, and the jobs still want their outputs there
        if there:
            changes = [Change(panda_id) for panda_id in await shipments.arrived(txn, [s.id for s in there])]
            await moves.move(txn, Event.COMPLETED, changes, actor=Actor.DATASERVICE, who=WHO)
        if moving:
            await shipments.again(txn, moving, self._config.transfer_poll_s)
        if gone:
            ours = await shipments.unruled(txn, [s.id for s in gone])
            await outbox.ask(txn, [shipping.errand(s) for s in gone if s.id in ours])
        if left:
            await shipments.lost(txn, [s.id for s in left])
            await outbox.ask(txn, [e for s in left for e in shipping.cleaning(s)])


async def hear_of_shipments(txn: Transaction, notices: Notices) -> None:
    """Transfers of outputs."""
    if (notices.rules or notices.datasets) and await shipments.heard(txn, notices.rules, notices.datasets):
        txn.hint("finisher")


def is_through(rule: Rule) -> bool:
    """Whether all is there. A rule stays stuck after its last file has come, until Rucio looks at it again: the files decide."""
    return rule.state is RuleState.OK or rule.ok > 0 and rule.replicating == rule.stuck == 0


def trouble(rule: Rule) -> str | None:
    """Why a rule does not get on, for a person."""
    if rule.state in (RuleState.REPLICATING, RuleState.OK, RuleState.INJECT):
        return None
    return f"rule {rule.id} is {rule.state}, {rule.stuck} files of it: {rule.error or 'Rucio does not say why'}"
