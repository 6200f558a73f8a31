"""The registry: what can be said on the console, by whom, over which way."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from pandad.console.language import Arg
from pandad.console.policy import Peer, Policy
from pandad.daemons.loop import Loop
from pandad.spec.act import Doer
from pandad.spec.caller import Caller, Identity, Role
from pandad.tables import table
from pandad.taskbuffer.store import Store

MOST_BYTES, MOST_LINES = 1 << 18, 2000  # of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb says: data for a program, text for a person."""

    data: Any
    text: str
    opens_python: bool = False

    def as_text(self) -> str:
        """No more than a terminal and its reader can take."""
        lines = self.text.split("\n")
        shown = "\n".join(lines[:MOST_LINES])[:MOST_BYTES]
        left = len(lines) - shown.count("\n") - 1
        return shown if shown == self.text else f"{shown}\n({left} more lines; ask for less)"

    def as_json(self) -> str:
        """Whole, or not at all: half of it would be another thing."""
        written = json.dumps(self.data, default=str)
        return written if len(written) <= MOST_BYTES else json.dumps({"error": f"{len(written)} bytes; ask for less"})


def rows(header: Sequence[str], found: Iterable[Sequence[object]], none: str) -> Answer:
    """A table; `none` is what is said of an empty one."""
    found = [tuple(row) for row in found]
    return Answer([dict(zip(header, row, strict=True)) for row in found], table(header, found) if found else none)


class Reloads(Protocol):
    """See daemons.reload.Reload."""

    def run(self) -> Awaitable[Mapping[str, str]]: ...


class JobReasons(Protocol):
    """See userinterface.explain.Explain."""

    async def job(self, caller: Caller, panda_id: int, now: bool = False) -> dict[str, Any]: ...


class QueueReasons(Protocol):
    """See userinterface.queuewhy.QueueWhy."""

    async def queue(self, caller: Caller, name: str) -> dict[str, Any]: ...


Check = Callable[[], Awaitable[Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What verbs work with.

    ``reasons``, ``queues``: say why. ``holder``: this process as holder of leases. ``complaints``: why it is not ready.
    ``reload``: reads files again.
    ``python``: what a Python prompt finds; None where there is none.
    ``sessions``: who is at the console, and since when (the clock's seconds).
    """

    store: Store
    loops: Sequence[Loop]
    reasons: JobReasons
    queues: QueueReasons
    holder: str
    complaints: Check
    reload: Reloads
    seconds: Callable[[], float]
    python: Mapping[str, Any] | None = None
    sessions: dict[object, tuple[Peer, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One line at work: who said it, and in whose name the audit keeps what it changes."""

    peer: Peer
    by: Doer

    @property
    def caller(self) -> Caller:
        """For what the API does too: whoever is at the console sees all."""
        return Caller(Identity("console", self.peer.who), frozenset({Role.ADMIN}), host=self.peer.host)


Body = Callable[..., Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Verb:
    """``body``: called with the Bench, the Call, and the arguments by name."""

    name: str
    policy: Policy
    args: Sequence[Arg]
    body: Body

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):
            raise TypeError(f"{self.name}: {self.policy!r} is not a policy")
        if not self.doc:
            raise TypeError(f"{self.name} has no help")

    @property
    def doc(self) -> str:
        """What it does, from its docstring."""
        return " ".join((self.body.__doc__ or "").split())

    @property
    def usage(self) -> str:
        """How it is written."""
        return " ".join((self.name, *(arg.shown for arg in self.args)))


VERBS: dict[str, Verb] = {}


def verb(name: str, policy: Policy, *args: Arg) -> Callable[[Body], Body]:
    """Declare one; the docstring of the body is its help."""

    def declare(body: Body) -> Body:
        assert name not in VERBS, name
        VERBS[name] = Verb(name, policy, args, body)
        return body

    return declare


def started(work: Awaitable[Answer]) -> Deferred[Answer]:
    """A body at work; cancelling it abandons it."""
    return Deferred.fromCoroutine(work)  # type: ignore[arg-type]  # bodies are coroutine functions
