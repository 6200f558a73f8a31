"""The seam by which tasks find their input: what the names that people give stand for, and the files behind them. Every
implementation passes tests/contracts/test_names.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pandad.dataservice.datasets import Dataset, NewFile


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for: ``datasets`` in the order of their names, with so many ``files``. ``closed``: for ever."""

    datasets: Sequence[Dataset]
    files: int
    closed: bool


class INames(Protocol):
    """What pandad asks a data management system that knows datasets.

    Each may raise DDMUnavailable: not known now. And DDMRefused: it will not say.
    """

    async def named(self, name: Dataset) -> Named:
        """The dataset of that name; of a container those in it, however deep; of a pattern, with a * for any text, those of all
        names in the scope that fit, but what data management systems and pandad make for themselves (``_dis1``, ``_sub1``).

        :raise UnknownData: there is none.
        """
        ...

    async def files(self, datasets: Sequence[Dataset]) -> Mapping[Dataset, Sequence[NewFile]]:
        """What is in each; nothing in one that is gone."""
        ...
