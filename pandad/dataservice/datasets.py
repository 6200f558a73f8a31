"""The other half of the seam to the data management system: what it does with datasets, for those that have any.

Every implementation passes tests/contracts/test_datasets.py. Each call may be made again after an answer that was lost: the
second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pandad.dataservice.ddm import FileName


@dataclass(frozen=True, slots=True)
class Dataset:
    """What names a dataset."""

    scope: str
    name: str

    def __str__(self) -> str:
        return f"{self.scope}:{self.name}"


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it is registered. ``adler32``: 8 lower-case hex digits; "" where nobody knows it. ``events`` in it, if known."""

    name: FileName
    size_bytes: int
    adler32: str
    guid: str | None = None
    events: int | None = None


@dataclass(frozen=True, slots=True)
class RuleWish:
    """One whole copy of a dataset shall be at an endpoint.

    :param activity: PanDA's "Production Input", "Analysis Input", "Production Output", "Express"...
    :param lifetime_s: None is for ever. :param source: endpoint to take it from; None: any.
    :param notify: N never, Y always, C once it is complete and closed.
    """

    endpoint: str
    activity: str
    lifetime_s: int | None = None
    comment: str | None = None
    notify: str = "N"
    priority: int = 3
    source: str | None = None
    purge_replicas: bool = False


class RuleState(StrEnum):
    """Rucio's words."""

    OK = "OK"
    REPLICATING = "REPLICATING"
    STUCK = "STUCK"
    SUSPENDED = "SUSPENDED"
    WAITING_APPROVAL = "WAITING_APPROVAL"
    INJECT = "INJECT"


@dataclass(frozen=True, slots=True)
class Rule:
    """What became of a wish: files that are there, on their way, and stuck. ``error``: of the last one that got stuck."""

    id: str
    endpoint: str
    state: RuleState
    ok: int
    replicating: int
    stuck: int
    expires_at: datetime | None = None
    error: str | None = None


class IDatasets(Protocol):
    """What pandad needs of a data management system that moves data by itself.

    Each may raise DDMUnavailable: not now, and it may or may not have been done. And DDMRefused: it will not do it.
    """

    async def make(self, dataset: Dataset, *, lifetime_s: int | None = None, hidden: bool = False, reopen: bool = False) -> bool:
        """Make an open dataset, unless there is one of that name; whether it was made now.

        :param hidden: not for people's eyes; and its copies go with it, unless somebody else needs them.
        :param reopen: one that pandad has made and closed takes files again.
        :raise UnknownData: there is no such scope. :raise DatasetClosed: it was to be opened again, and cannot be.
        """
        ...

    async def attach(self, dataset: Dataset, names: Sequence[FileName]) -> None:
        """Add files that are not in it yet.

        :raise UnknownData: there is no such dataset or file. :raise DatasetClosed: and they are not in it.
        """
        ...

    async def gather(self, container: Dataset, datasets: Sequence[Dataset]) -> None:
        """These datasets are in a container, which is made if there is none of that name.

        :raise UnknownData: there is no such scope or dataset. :raise DatasetClosed: it takes no more of them.
        """
        ...

    async def contents(self, dataset: Dataset) -> Sequence[NewFile]:
        """Its files.

        :raise UnknownData: there is no such dataset.
        """
        ...

    async def close(self, dataset: Dataset) -> None:
        """From now on it does not change.

        :raise UnknownData: there is no such dataset.
        """
        ...

    async def erase(self, dataset: Dataset) -> None:
        """It and its rules go, as soon as the system gets to it; none there is fine."""
        ...

    async def taken(self, names: Sequence[FileName]) -> Sequence[FileName]:
        """Those of these names that stand for something, be it a dataset, and whether or not a copy is anywhere."""
        ...

    async def register(self, endpoint: str, files: Sequence[NewFile]) -> None:
        """Copies are there, of files that may be new.

        :raise FileDiffers: a file of that name has another size or checksum.
        :raise UnknownEndpoint: no such endpoint. :raise UnknownData: no such scope.
        """
        ...

    async def add_rule(self, dataset: Dataset, wish: RuleWish) -> str:
        """Have a copy made and kept; the id of the rule. One that is there already is the one, and lives as long as wished now.

        :raise NoQuota: the endpoint has no room for it. :raise UnknownEndpoint: no such endpoint.
        :raise UnknownData: no such dataset.
        """
        ...

    async def rules(self, ids: Sequence[str]) -> Sequence[Rule]:
        """How far rules are; one that is no more is left out."""
        ...

    async def rules_of(self, dataset: Dataset) -> Sequence[Rule]:
        """The rules that pandad made for a dataset.

        :raise UnknownData: there is no such dataset.
        """
        ...

    async def extend_rule(self, rule_id: str, lifetime_s: int | None) -> None:
        """It lives so long from now on; None is for ever.

        :raise UnknownData: there is no such rule.
        """
        ...

    async def delete_rule(self, rule_id: str, *, purge: bool = False) -> None:
        """The copy is not needed any more; none there is fine. ``purge``: it goes at once rather than when room is needed."""
        ...
