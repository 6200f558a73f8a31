"""What datasets and rules need besides files: errands from which nothing follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from pandad.dataservice.datasets import Dataset, IDatasets, RuleWish
from pandad.dataservice.outbox import Done, Handler
from pandad.taskbuffer.outbox import Errand, Pending, Step
from pandad.taskbuffer.store import Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TOGETHER = 20


@dataclass(frozen=True, slots=True)
class CloseDataset:
    """It takes no more files."""

    scope: str
    name: str


@dataclass(frozen=True, slots=True)
class EraseDataset:
    """It goes, with its rules."""

    scope: str
    name: str


@dataclass(frozen=True, slots=True)
class KeepDataset:
    """All of it stays at an endpoint for so long, what is put into it later too; None is for ever."""

    scope: str
    name: str
    endpoint: str
    activity: str
    lifetime_s: int | None


@dataclass(frozen=True, slots=True)
class ExtendRule:
    """It lives so long from when it is asked; None is for ever."""

    rule_id: str
    lifetime_s: int | None


@dataclass(frozen=True, slots=True)
class DeleteRule:
    """The copy is not needed any more."""

    rule_id: str
    purge: bool = False


W = TypeVar("W", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Kind(Generic[W]):
    """How one kind of them is asked for and done."""

    name: str
    wish: type[W]
    step: Step
    subject: Callable[[W], str]
    do: Callable[[IDatasets, W], Awaitable[object]]

    def errand(self, wish: W, again: str = "") -> Errand:
        """It, to be asked for with `taskbuffer.outbox.ask`.

        :param again: what tells it from one of its kind and subject that may be under way, where it wants something else.
        """
        subject = self.subject(wish)
        return Errand(self.name, f"{subject} {again}".rstrip(), subject, self.step, asdict(wish))


def _dataset(wish: CloseDataset | EraseDataset | KeepDataset) -> str:
    return str(Dataset(wish.scope, wish.name))


def _rule(wish: ExtendRule | DeleteRule) -> str:
    return wish.rule_id


def _kept(at: IDatasets, wish: KeepDataset) -> Awaitable[object]:
    return at.add_rule(Dataset(wish.scope, wish.name), RuleWish(wish.endpoint, wish.activity, wish.lifetime_s))


KEEP = Kind("keep dataset", KeepDataset, Step.RULE, _dataset, _kept)
CLOSE = Kind("close dataset", CloseDataset, Step.CLOSE, _dataset, lambda at, wish: at.close(Dataset(wish.scope, wish.name)))
ERASE = Kind("erase dataset", EraseDataset, Step.ERASE, _dataset, lambda at, wish: at.erase(Dataset(wish.scope, wish.name)))
EXTEND = Kind("extend rule", ExtendRule, Step.RULE, _rule, lambda at, wish: at.extend_rule(wish.rule_id, wish.lifetime_s))
DELETE = Kind("delete rule", DeleteRule, Step.ERASE, _rule, lambda at, wish: at.delete_rule(wish.rule_id, purge=wish.purge))


class Upkeep(Generic[W]):
    """Handler of one kind. What is refused for good is logged by the outbox, and that is all: no job waits for it."""

    together = TOGETHER

    def __init__(self, kind: Kind[W], datasets: IDatasets) -> None:
        self._kind, self._datasets = kind, datasets
        self.kind = kind.name

    async def call(self, pending: Sequence[Pending]) -> Sequence[object]:
        """See `Handler.call`."""
        return [await self._kind.do(self._datasets, self._kind.wish(**each.payload)) for each in pending]

    async def settle(self, txn: Transaction, done: Sequence[Done]) -> None:
        """See `Handler.settle`: nothing follows."""


def handlers(datasets: IDatasets) -> list[Handler]:
    """One for each kind."""
    return [Upkeep(KEEP, datasets), Upkeep(CLOSE, datasets), Upkeep(ERASE, datasets), Upkeep(EXTEND, datasets),
            Upkeep(DELETE, datasets)]
