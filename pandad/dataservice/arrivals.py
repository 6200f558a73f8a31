"""How transfers of input are doing: rules are looked at when their time has come, or when Rucio has told that something happened.

Whoever learns that something arrived has the jobs looked at anew; the catalogue decides (activator.py). So a message more, one
less, or one too early, makes no difference but to the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from pandad.config import DataServiceConfig
from pandad.dataservice import upkeep
from pandad.dataservice.datasets import Dataset, IDatasets, Rule, RuleState
from pandad.dataservice.ddm import IDDM, DDMUnavailable, FileName
from pandad.dataservice.dispatch import PLACED, WHO, dispatch, recall, send_elsewhere
from pandad.dataservice.upkeep import DeleteRule, ExtendRule
from pandad.spec.amount import told_time
from pandad.spec.facts import Whereabouts
from pandad.spec.jobstatus import Actor
from pandad.taskbuffer import avoidance, moves, outbox, placements
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.placements import Hindered, Look, NewPlacement, Placement, PlacementStatus
from pandad.taskbuffer.store import Store, Transaction

NOTE = "input takes another way"
SLOWER = 10  # a transfer is looked at so often during its life, or when that is seldom, so many times less than every poll_s
GONE = "its rule is gone"


class Step(Enum):
    """What follows from a look."""

    WAIT = auto()
    WAKE = auto()     # more files are there
    END = auto()      # all of them are
    KEEP = auto()     # jobs may still read what is there
    FORGET = auto()   # no job can
    RECALL = auto()   # no job waits any more
    REPLACE = auto()  # it does not get on, or its rule is gone


def step_of(placement: Placement, rule: Rule | None, stuck_s: float) -> Step:
    """What to do about a placement, by its rule; None: there is no such rule any more. Pure.

    A rule stays stuck after its last file has come until Rucio looks at it again: the files decide.
    """
    if placement.status is PlacementStatus.THERE:
        return Step.KEEP if placement.needed else Step.FORGET
    if not placement.needed:
        return Step.RECALL
    if rule is None:
        return Step.REPLACE
    if rule.state is RuleState.OK or rule.ok >= placement.files:
        return Step.END
    if rule.ok > placement.arrived:
        return Step.WAKE
    return Step.REPLACE if stuck_s and placement.idle_s > stuck_s else Step.WAIT


def problem_of(rule: Rule | None) -> str | None:
    """What is wrong with a rule."""
    if rule is None:
        return GONE
    if rule.state in (RuleState.OK, RuleState.REPLICATING):
        return None
    return f"{rule.state.lower().replace('_', ' ')}: {rule.error}" if rule.error else rule.state.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at a placement, and for one that does not get on its files, with bytes, and where they are."""

    placement: Placement
    rule: Rule | None
    step: Step
    files: Mapping[FileName, int] = field(default_factory=dict)
    where: Whereabouts = Whereabouts()

    @property
    def missing(self) -> list[FileName]:
        """What has not come."""
        return [name for name in self.files if self.placement.endpoint not in self.where.copies.get(name, {})]


class Arrivals:
    """The loop's body. ``datasets``: None where nothing is moved."""

    def __init__(self, store: Store, ddm: IDDM, datasets: IDatasets | None, config: DataServiceConfig) -> None:
        self._store, self._ddm, self._datasets, self._config = store, ddm, datasets, config

    async def run_once(self) -> bool:
        """Look at the rules that are due; True if there may be more. While nothing is known of them they stay due."""
        await self._come_back()
        if self._datasets is None:
            return False
        await self._leave_what_is_full()
        due = await self._store.read("placements_read", placements.due, self._config.batch)
        if due:
            try:
                seen = await self._looked_at(self._datasets, due)
            except DDMUnavailable:  # nothing is wrong with this loop
                return False
            await self._store.transact("placements_write", self._write, seen)
        return len(due) == self._config.batch

    async def _come_back(self) -> None:
        """Jobs that avoided a queue for long enough."""
        if await self._store.read("avoidance_read", avoidance.is_over):
            await self._store.transact("avoidance_write", avoidance.end, self._config.batch, actor=Actor.DATASERVICE, who=WHO)

    async def _leave_what_is_full(self) -> None:
        """Where the rule cannot be made for so long, though Rucio answers, jobs go elsewhere that may; others wait on."""
        after_s = self._config.stuck_s if self._config.other_queue else 0
        if found := await self._store.read("placements_hindered", placements.hindered, after_s, self._config.batch):
            await self._store.transact("placements_leave", self._leave, found)

    async def _leave(self, txn: Transaction, hindered: Sequence[Hindered]) -> None:
        for each in hindered:
            if await placements.find(txn, each.id) is not None:
                held = await placements.held(txn, each.id)
                why = f"its input cannot be sent to {each.endpoint}: {each.why}"
                await send_elsewhere(txn, [job for job in held if not job.is_pinned], why, self._config.avoid_s)
                if not any(job.is_pinned for job in held):  # its errand, made in vain, ends with it
                    await placements.drop(txn, each.id)
                    await outbox.ask(txn, recall(Dataset(each.scope, each.name), None))

    async def _looked_at(self, datasets: IDatasets, due: Sequence[Placement]) -> list[Seen]:
        moving = [each.rule for each in due if each.status is PlacementStatus.MOVING and each.needed]
        rules = {rule.id: rule for rule in await datasets.rules(moving)}
        seen = [Seen(each, rules.get(each.rule), step_of(each, rules.get(each.rule), self._config.stuck_s)) for each in due]
        return [await self._searched(each) if each.step is Step.REPLACE else each for each in seen]

    async def _searched(self, seen: Seen) -> Seen:
        """What is missing, and where else it is to be had."""
        files = await self._store.read("placements_files", placements.files, seen.placement.id)
        found = replace(seen, files=files, where=await self._ddm.locate(list(files)))
        return found if found.missing else replace(found, step=Step.END)

    async def _write(self, txn: Transaction, seen: Sequence[Seen]) -> None:
        ours = await placements.looked(txn, [self._look(each) for each in seen])
        here = [each for each in seen if each.placement.id in ours]
        for each in here:
            await self._follow(txn, each)
        await placements.wake(txn, [each.placement.id for each in here if each.step in (Step.WAKE, Step.END)])

    def _look(self, seen: Seen) -> Look:
        placement, ended = seen.placement, seen.step in (Step.END, Step.KEEP)
        arrived = placement.files if ended else max(placement.arrived, seen.rule.ok if seen.rule is not None else 0)
        again_s = min(max(self._config.poll_s, placement.age_s / SLOWER), SLOWER * self._config.poll_s)
        return Look(placement, PlacementStatus.THERE if ended else placement.status, arrived,
                    None if ended else problem_of(seen.rule), self._config.dispatch_lifetime_s / 2 if ended else again_s)

    async def _follow(self, txn: Transaction, seen: Seen) -> None:
        placement = seen.placement
        if seen.step is Step.KEEP:
            wish = ExtendRule(placement.rule, self._config.dispatch_lifetime_s)
            await outbox.ask(txn, [upkeep.EXTEND.errand(wish)])
        elif seen.step is Step.FORGET:  # the copies may serve others for as long as the rule lives
            await placements.drop(txn, placement.id)
        elif seen.step is Step.RECALL:
            await self._give_up(txn, placement)
        elif seen.step is Step.REPLACE:
            await self._replace(txn, seen)

    async def _give_up(self, txn: Transaction, placement: Placement) -> None:
        await placements.drop(txn, placement.id)
        await outbox.ask(txn, recall(Dataset(placement.scope, placement.name), placement.rule))

    async def _replace(self, txn: Transaction, seen: Seen) -> None:
        """Another source, if there is one and not too many were tried; else another queue. Who has to stay asks again."""
        placement, why = seen.placement, _why(seen)
        source = next_source(seen)
        if any(not seen.where.copies.get(name) for name in seen.missing):  # lost: the jobs are to say so
            await placements.wake(txn, [placement.id])
            await self._give_up(txn, placement)
        elif placement.round < self._config.other_sources and (source or seen.rule is None):
            await self._again(txn, seen, source if seen.rule is not None else None, why)
        else:
            held = await placements.held(txn, placement.id)
            stay = [each for each in held if each.is_pinned or not self._config.other_queue]
            await send_elsewhere(txn, [each for each in held if each not in stay], why, self._config.avoid_s)
            await (self._again(txn, seen, None, why) if stay else self._give_up(txn, placement))

    async def _again(self, txn: Transaction, seen: Seen, source: str | None, why: str) -> None:
        """Of what came until now the new rule takes hold before the old one ends, an hour after it was deleted."""
        old = seen.placement
        task, panda_id = placements.named_after(old.name)
        new = NewPlacement(old.scope, task, panda_id, old.endpoint, old.activity, seen.files, source, old.round + 1)
        number, name = await placements.add(txn, new)
        await outbox.ask(txn, [dispatch(number, name, new, self._config),
                               *([upkeep.DELETE.errand(DeleteRule(old.rule))] if seen.rule is not None else [])])
        await placements.pass_on(txn, old.id, number)
        held = await placements.held(txn, number)
        way = f"it is taken from {source} now" if source else "it is asked for again"
        await _note(txn, [each.panda_id for each in held], f"{why}; {way}")
        await placements.drop(txn, old.id)


def next_source(seen: Seen) -> str | None:
    """An endpoint that has all of what is missing, another one than before; None if there is none.

    Where the one before was left to Rucio there have to be two: else it was the one.
    """
    placement = seen.placement
    whole = sorted(set.intersection(*(set(seen.where.copies.get(name, {})) for name in seen.missing)) - {placement.endpoint})
    others = [name for name in whole if name != placement.source]
    return others[placement.round % len(others)] if len(whole) > 1 else None


def _why(seen: Seen) -> str:
    placement = seen.placement
    return (f"{len(seen.missing)} of {placement.files} files that are brought to {placement.endpoint} have not come for "
            f"{told_time(placement.idle_s)} ({problem_of(seen.rule) or 'no progress'})")


async def _note(txn: Transaction, ids: Sequence[int], why: str) -> None:
    if ids:
        await moves.touch(txn, NOTE, [Change(i, why=why) for i in ids], PLACED, actor=Actor.DATASERVICE, who=WHO)
