"""Makes the calls that others asked for: each once in effect, whatever dies in between.

Who wants something done outside writes an errand in the transaction of the change that wants it (taskbuffer/outbox.py). Here
the call is made, outside of any transaction; then one transaction removes the errand and makes the change that follows. A process
that dies in between leaves the errand, and the call is made again: so each has to be one whose second time changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from pandad import metrics
from pandad.config import DataServiceConfig
from pandad.dataservice.ddm import DDMRefused, DDMUnavailable, NotNow
from pandad.spec.errors import Unavailable
from pandad.taskbuffer import outbox
from pandad.taskbuffer.outbox import Pending, PutOff
from pandad.taskbuffer.store import Store, Transaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """An errand that came to its end: with what the call gave, or with the error that will not go away by itself."""

    pending: Pending
    result: Any = None
    error: DDMRefused | DDMUnavailable | None = None


class Handler(Protocol):
    """One kind of errand. ``together``: how many are made in one call at most."""

    kind: str
    together: int

    async def call(self, pending: Sequence[Pending]) -> Sequence[Any]:
        """Do all of this outside; what came of each. It may have been done before, in part or as a whole.

        :raise DDMUnavailable: all of them are made again later. :raise NotNow, DDMRefused: not like this; of several each is then
            made alone, and the one that is refused alone is settled as such.
        """
        ...

    async def settle(self, txn: Transaction, done: Sequence[Done]) -> None:
        """Make the changes that follow. It is called once for each errand, in the transaction that removes it."""
        ...


class Outbox:
    """The loop's body. ``handlers``: one for each kind of errand; those of other kinds stay where they are."""

    log = Logger()

    def __init__(self, store: Store, handlers: Sequence[Handler], config: DataServiceConfig) -> None:
        self._store, self._config = store, config
        self._handlers = {handler.kind: handler for handler in handlers}
        assert len(self._handlers) == len(handlers), "two handlers of one kind"

    async def run_once(self) -> bool:
        """Make the calls that are due; True if there may be more to do: an errand that is done lets the next one go.

        :raise StoreUnavailable: what was done and not stored is done again.
        """
        if not self._handlers:
            return False
        due = await self._store.read("outbox_read", outbox.due, list(self._handlers), self._config.batch)
        by_kind: dict[str, list[Pending]] = defaultdict(list)
        for each in due:
            by_kind[each.errand.kind].append(each)
        work = [self._made(self._handlers[kind], some)
                for kind, all_ in by_kind.items() for some in _parts(all_, self._handlers[kind].together)]
        # All of them end before the round does, whatever becomes of one: two rounds never make the same call at a time.
        ended: list[tuple[bool, Any]] = await DeferredList([Deferred.fromCoroutine(each) for each in work], consumeErrors=True)
        for good, result in ended:
            if not good:
                result.raiseException()
        return any(settled for _, settled in ended)

    async def _made(self, handler: Handler, pending: Sequence[Pending]) -> int:
        """Make these together; how many came to their end."""
        try:
            results = await handler.call(pending)
            done = [Done(each, result) for each, result in zip(pending, results, strict=True)]
        except (DDMUnavailable, DDMRefused) as error:
            if len(pending) > 1 and isinstance(error, (NotNow, DDMRefused)):  # one of them may be the reason
                return await self._one_by_one(self._made, handler, pending)
            if isinstance(error, DDMUnavailable):
                return await self._failed(handler, pending, error)
            done = [Done(pending[0], error=error)]
        except Unavailable:
            raise
        except Exception as error:
            if len(pending) > 1:
                return await self._one_by_one(self._made, handler, pending)
            return await self._left(handler, pending[0], error)
        return await self._settled(handler, done)

    async def _failed(self, handler: Handler, pending: Sequence[Pending], error: DDMUnavailable) -> int:
        """For now, or for good after so long."""
        late = [Done(each, error=error) for each in pending if each.age_s >= self._config.give_up_s]
        again = [PutOff(each, self._pause_s(each), str(error), error.obstacle)
                 for each in pending if each.age_s < self._config.give_up_s]
        if again:
            await self._put_off(again)
        return await self._settled(handler, late) if late else 0

    async def _settled(self, handler: Handler, done: Sequence[Done]) -> int:
        try:
            await self._store.transact("outbox_settle", _settle, handler, done)
        except Unavailable:
            raise
        except Exception as error:
            if len(done) > 1:
                return await self._one_by_one(self._settled, handler, done)
            return await self._left(handler, done[0].pending, error)
        metrics.ERRANDS.add(handler.kind, n=len(done))
        for each in done:
            if each.error is not None:
                self.log.warn("the errand {kind} {key} ended: {error}", kind=handler.kind, key=each.pending.errand.key,
                              error=each.error)
        return len(done)

    async def _one_by_one(self, act: Callable[[Handler, Sequence[T]], Awaitable[int]], handler: Handler,
                          all_: Sequence[T]) -> int:
        """Whatever is wrong with one, the others come to their end."""
        return sum([await act(handler, [each]) for each in all_])

    async def _left(self, handler: Handler, pending: Pending, error: Exception) -> int:
        """A mistake of ours: it is seen, and stops nothing else."""
        self.log.failure("the errand {kind} {key} cannot be made", kind=handler.kind, key=pending.errand.key)
        await self._put_off([PutOff(pending, self._config.errand_retry_max_s, f"{type(error).__name__}: {error}")])
        return 0

    async def _put_off(self, put: Sequence[PutOff]) -> None:
        await self._store.transact("outbox_put_off", outbox.put_off, put)
        metrics.ERRANDS_PUT_OFF.add(n=len(put))

    def _pause_s(self, pending: Pending) -> float:
        return min(self._config.errand_retry_s * 2.0 ** min(pending.tries, 30), self._config.errand_retry_max_s)


async def _settle(txn: Transaction, handler: Handler, done: Sequence[Done]) -> None:
    by_id = {each.pending.id: each for each in done}
    ours = await outbox.take(txn, [each.pending for each in done])
    if ours:
        await handler.settle(txn, [by_id[pending.id] for pending in ours])
        txn.hint(outbox.CHANNEL)  # what waited for these


def _parts(pending: Sequence[Pending], size: int) -> list[Sequence[Pending]]:
    return [pending[at:at + size] for at in range(0, len(pending), size)]
