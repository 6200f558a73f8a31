"""A loop's body that runs in one process at a time, of all that share the database."""

from __future__ import annotations

import os
import socket
from uuid import uuid4

from pandad.daemons.loop import Body
from pandad.taskbuffer import loops
from pandad.taskbuffer.store import Store

LEASE_PERIODS = 3


class Leases:
    """This process's leases. The holder's name says where to look: host, process id, and a mark of this start."""

    def __init__(self, store: Store, lease_min_s: float) -> None:
        self._store, self._lease_min_s = store, lease_min_s
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"

    def exclusive(self, name: str, period_s: float, body: Body) -> Body:
        """The body, run only while this process holds the loop's lease. Its outcome is kept for `pandad loop ls`.

        The lease saves double work; it guards nothing. What the body does must be safe twice (compare-and-set), because a
        process that was stopped may wake up after it lost its lease.
        """
        lease_s = max(LEASE_PERIODS * period_s, self._lease_min_s)

        async def leased() -> bool:
            term = await self._store.once("loop_lease", loops.lease, name, self.holder, lease_s)
            return term is not None and await self._noted(name, term, body)

        return leased

    async def reclaim(self) -> None:
        """Free the leases of processes of this host that died without giving them back, as after kill -9.

        Two containers may share a host name and not see each other's processes: then both run a loop for a while, which is safe.
        """
        for state in await self._store.once("loop_states", loops.find_all):
            if state.holder is not None and _died_here(state.holder):
                await self._store.once("loop_release", loops.release, state.holder)

    async def release(self) -> None:
        """Give all leases back, so that another process takes over at once."""
        await self._store.once("loop_release", loops.release, self.holder)

    async def _noted(self, name: str, term: int, body: Body) -> bool:
        error: str | None = "interrupted"
        try:
            more = await body()
            error = None
            return more
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            raise
        finally:
            await self._store.once("loop_finished", loops.finished, name, self.holder, term, error)


def _died_here(holder: str) -> bool:
    """Whether that process was one of this host and is no more."""
    host, pid, _ = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)  # asks only
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
