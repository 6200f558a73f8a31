"""What the userinterface must be told by other rooms to say why: service.py hands it in."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pandad.spec.criterion import Never
from pandad.spec.job import JobSpec
from pandad.spec.line import Line


class ITurn(Protocol):
    """When a job's turn comes: see jobdispatcher/order.py."""

    @property
    def before(self) -> int: ...
    @property
    def at_least(self) -> bool: ...
    @property
    def lines(self) -> int: ...
    @property
    def capped(self) -> bool: ...
    @property
    def share(self) -> Sequence[tuple[str, int, float]]: ...


class IOrder(Protocol):
    """Knows the order in which jobs go out."""

    def turn(self, queue: str, line: Line, panda_id: int) -> Awaitable[ITurn]:
        """When this activated job's turn comes."""


class IVerdict(Protocol):
    """One queue's answer."""

    @property
    def stored(self) -> dict[str, Any]: ...


class IAdvice(Protocol):
    """Where a job would go now, and each queue's answer."""

    @property
    def chosen(self) -> Any: ...
    @property
    def verdicts(self) -> Sequence[IVerdict]: ...
    @property
    def reason(self) -> str: ...


class IAdvisor(Protocol):
    """Decides as brokerage does, and stores nothing."""

    def consider(self, jobs: Sequence[JobSpec]) -> Awaitable[Sequence[IAdvice]]:
        """Per job, from facts of this moment."""


class ISuitability(Protocol):
    """Knows what the registered queues can take at all."""

    def never(self, jobs: Sequence[JobSpec]) -> Awaitable[Sequence[Never | None]]:
        """Per job why no queue can ever take it."""

    def unmatched(self, jobs: Sequence[JobSpec]) -> Awaitable[Sequence[str]]:
        """Queues, or patterns, that these jobs name and that are none."""


class IAbsent(Protocol):
    """Input that is not where it should be."""

    @property
    def endpoint(self) -> str | None: ...
    @property
    def files(self) -> Sequence[str]: ...
    @property
    def problem(self) -> str | None: ...


class IInputs(Protocol):
    """Knows where data is."""

    def absent(self, job: JobSpec, endpoint: str | None) -> Awaitable[IAbsent]:
        """What of a job's input is not at that endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All of them."""

    advisor: IAdvisor
    suitability: ISuitability
    order: IOrder
    inputs: IInputs
