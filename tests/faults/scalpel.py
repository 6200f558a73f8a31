"""Cuts at the border of every statement: the connection goes, or the whole process, just before or just after it."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from pandad.config import DatabaseConfig
from pandad.taskbuffer.pool import ConnectionLost, Link, Pool
from pandad.taskbuffer.store import READ_ONLY, Body, Store

P = ParamSpec("P")
T = TypeVar("T")


class Cut(StrEnum):
    """What ends at a border."""

    CONNECTION_BEFORE = "connection lost before"
    CONNECTION_AFTER = "connection lost after"
    BACKEND = "backend terminated before"
    PROCESS_BEFORE = "process dies before"
    PROCESS_AFTER = "process dies after"


DEATHS = frozenset({Cut.PROCESS_BEFORE, Cut.PROCESS_AFTER})
AFTER = frozenset({Cut.CONNECTION_AFTER, Cut.PROCESS_AFTER})
HINT, HINTING = "store.notify", "notify"  # a mere hint, sent whenever there is time, in that transaction: no border


GRAVES: list[Deferred[None]] = []
"""What waits for ever. Kept, because what is thrown away is closed, and then does what the dead do not: clear up. At the very end
they do so, in vain, and nobody wants to read of it."""
atexit.register(setattr, sys, "unraisablehook", lambda _: None)


class Scalpel:
    """Counts the statements that run while it is `awake`, and cuts once, at number `at` (from 0; None: never).

    ``borders``: what was met; ``names``: in which transactions. ``died``: fires when the process is to be taken for dead; what it
    did never goes on.
    """

    def __init__(self, at: int | None = None, kind: Cut = Cut.CONNECTION_BEFORE) -> None:
        self.awake = False
        self.borders: list[str] = []
        self.names: set[str] = set()
        self.died: Deferred[None] = Deferred()
        self.cut = False
        """Whether it was made: a life is not quite the same each time, and its last borders may not come."""
        self._at, self._kind = at, kind

    def meets(self, text: str) -> Cut | None:
        """A statement is about to run: the cut to make."""
        if not self.awake or HINT in text:
            return None
        self.borders.append(text)
        if len(self.borders) - 1 != self._at:
            return None
        self.cut = True
        return self._kind


class CutLink(Link):
    """A connection under the scalpel."""

    scalpel: Scalpel

    async def _answer(self, text: str, parameters: Mapping[str, Any] | None = None) -> tuple[list[Any], int, str]:
        cut = self.scalpel.meets(text)
        if cut is None:
            return await super()._answer(text, parameters)
        if cut is Cut.BACKEND:
            await super()._answer("SELECT pg_terminate_backend(pg_backend_pid())")
        elif cut in AFTER:
            await super()._answer(text, parameters)
        self.close()
        if cut in DEATHS:
            self.scalpel.died.callback(None)
            GRAVES.append(Deferred())
            await GRAVES[-1]  # for ever
        raise ConnectionLost(f"{cut} {text[:40]}")


class _CutPool(Pool):
    scalpel: Scalpel

    async def _open(self, deadline: float) -> Link:
        plain = await super()._open(deadline)
        link = CutLink(plain._clock, plain._connection, plain._answer_s)
        link.scalpel = self.scalpel
        return link


class CutStore(Store):
    """The real store, on connections under the scalpel."""

    def __init__(self, clock: Any, config: DatabaseConfig, scalpel: Scalpel) -> None:
        super().__init__(clock, config)
        self._pool = _CutPool("writes", clock, config, config.connections)
        self._readers = _CutPool("reads", clock, config, config.read_connections, READ_ONLY)
        self._scalpel = self._pool.scalpel = self._readers.scalpel = scalpel

    def transact(self, name: str, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """As the store's, and its name is kept."""
        self._name(name)
        return super().transact(name, body, *args, **kwargs)

    def once(self, name: str, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """As the store's, and its name is kept."""
        self._name(name)
        return super().once(name, body, *args, **kwargs)

    def _name(self, name: str) -> None:
        if self._scalpel.awake and name != HINTING:
            self._scalpel.names.add(name)

    def abandon(self) -> None:
        """As when its process dies: connections go, nothing is waited for."""
        self._pool.close()
        self._readers.close()
