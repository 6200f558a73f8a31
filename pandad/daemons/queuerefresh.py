"""Queues, storage endpoints and links follow their sources; and operators' words on queues end when their time is over."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from twisted.logger import Logger

from pandad.daemons.queuesource import QueueSource, SourceUnusable
from pandad.queuesconfig import QueuesConfig
from pandad.spec.difference import Difference
from pandad.taskbuffer import sites, sources
from pandad.taskbuffer.imports import BadDump, Halved, Manner, take
from pandad.taskbuffer.sources import Mark
from pandad.taskbuffer.store import Store, Transaction

WHO = "refresh"
MOST_LINES = 100  # of one difference in the log
MOST_DETAILED = 50  # queues in it whose keys are told: comparing those of a whole grid takes longer than a pilot should wait for
MOST_PROBLEMS, LONGEST_PROBLEM = 20, 500  # lines, and characters of each


class QueueRefresh:
    """A round asks those sources whose time has come. What cannot be used changes nothing, and is said once for each try.

    :raise SourceUnusable: the authorities of the configuration cannot be used.
    """

    log = Logger()

    def __init__(self, store: Store, reactor: Any, config: QueuesConfig) -> None:
        self._store, self._config, self._source = store, config, QueueSource(reactor, config)

    async def run_once(self) -> bool:
        """End what is over, then ask; a source that fails is no failure of the round."""
        for queue, word, status in await self._store.transact("queue_lapse", sites.lapse):
            self.log.info("queue {queue}: the time of {word} is over; it is {status}", queue=queue, word=word, status=status)
        for kind, address in self._config.addresses.items():
            mark = await self._store.read("source_due", sources.due, kind, address, self._config.refresh_s)
            if mark is not None:
                await self._refresh(kind, address, mark)
        return False

    async def _refresh(self, kind: str, address: str, mark: Mark) -> None:
        try:
            answer = await self._source.fetch(address, mark)
            now = mark if answer.content is None else Mark(answer.etag, answer.modified, sha256(answer.content).hexdigest())
            dump = (None if answer.content is None or now.digest == mark.digest
                    else await self._source.read(kind, answer.content, address))
            found = await self._store.transact("queue_refresh", self._take, kind, address, dump, now)
        except (SourceUnusable, BadDump, Halved) as error:
            problem = shortened(str(error))
            await self._store.transact("source_failed", sources.failed, kind, address, problem)
            self.log.warn("{kind} stay as they are: {problem}", kind=kind, problem=problem)
        else:
            self._tell(kind, address, found)

    async def _take(self, txn: Transaction, kind: str, address: str, dump: Any, mark: Mark) -> Difference:
        manner = Manner(source=address, who=WHO, skip_bad=self._config.skip_bad, guarded=True, detailed=MOST_DETAILED)
        found = Difference() if dump is None else await take(txn, kind, dump, manner)
        await sources.took(txn, kind, address, mark)
        return found

    def _tell(self, kind: str, address: str, found: Difference) -> None:
        if found.unread:
            self.log.warn("{kind} of {address} that cannot be read stay as they are: {names}", kind=kind, address=address,
                          names=", ".join(found.unread[:MOST_LINES]))
        if found.is_empty:
            return
        self.log.info("{kind} from {address}: {summary}", kind=kind, address=address, summary=found.summary)
        for line in found.lines(MOST_LINES):
            self.log.info("{kind}: {line}", kind=kind, line=line)


def shortened(problems: str) -> str:
    """The first of many lines."""
    lines = problems.splitlines()
    more = [f"... and {len(lines) - MOST_PROBLEMS} more"] if len(lines) > MOST_PROBLEMS else []
    return "\n".join([*(line[:LONGEST_PROBLEM] for line in lines[:MOST_PROBLEMS]), *more])
