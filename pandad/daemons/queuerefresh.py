"""Queues, storage endpoints and links follow their sources; and operators' words on queues end when their time is over."""

from __future__ import annotations

import socket
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pandad.daemons.queuesource import QueueSource, SourceUnusable
from pandad.download import Answer
from pandad.queuesconfig import QueuesConfig
from pandad.spec.act import operator_on
from pandad.spec.difference import Difference
from pandad.taskbuffer import audit, sites, sources
from pandad.taskbuffer.imports import BadDump, Halved, Manner, take
from pandad.taskbuffer.sources import Mark
from pandad.taskbuffer.store import Store, Transaction

WHO, DAEMON = "refresh", "pandad"
MOST_LINES = 100  # of one difference in the log
MOST_DETAILED = 50  # things in it of which it says what changed: comparing a whole grid takes longer than a pilot should wait
MOST_PROBLEMS, LONGEST_PROBLEM = 20, 500  # lines, and characters of each


class QueueRefresh:
    """A round asks those sources whose time has come. What cannot be used changes nothing, and is said once for each try.

    :raise SourceUnusable: the authorities of the configuration cannot be used.
    """

    log = Logger()

    def __init__(self, store: Store, reactor: Any, config: QueuesConfig) -> None:
        self._store, self._config, self._source = store, config, QueueSource(reactor, config)
        self._fetching: Deferred[Answer] | None = None
        self._stopping = False

    def stop(self) -> None:
        """Give up what is being fetched: a process that ends does not wait for a slow source, and the next one asks anew."""
        self._stopping = True
        if self._fetching is not None:
            self._fetching.cancel()

    async def run_once(self) -> bool:
        """End what is over, then ask; a source that fails is no failure of the round."""
        for queue, word, status in await self._store.transact("queue_lapse", sites.lapse):
            self.log.info("queue {queue}: the time of {word} is over; it is {status}", queue=queue, word=word, status=status)
        for kind, address in self._config.addresses.items():
            mark = await self._store.read("source_due", sources.due, kind, address, self._config.refresh_s)
            if mark is not None and not self._stopping:
                await self._refresh(kind, address, mark)
        return False

    async def _refresh(self, kind: str, address: str, mark: Mark) -> None:
        try:
            answer = await self._fetched(address, mark)
            content = answer.content
            digest = mark.digest if content is None else sha256(content).hexdigest()
            dump = None if content is None or digest == mark.digest else await self._source.read(kind, content, address)
            found = await self._store.transact(
                "queue_refresh", self._take, kind, address, dump, Mark(answer.etag, answer.modified, digest))
        except (SourceUnusable, BadDump, Halved) as error:
            if self._stopping:
                return
            problem = shortened(str(error))
            await self._store.transact("source_failed", sources.failed, kind, address, problem)
            self.log.warn("{kind} stay as they are: {problem}", kind=kind, problem=problem)
        else:
            self._tell(kind, address, found)

    async def _fetched(self, address: str, mark: Mark) -> Answer:
        self._fetching = Deferred.fromCoroutine(self._source.fetch(address, mark))
        try:
            return await self._fetching
        finally:
            self._fetching = None

    async def _take(self, txn: Transaction, kind: str, address: str, dump: Any, mark: Mark) -> Difference:
        if dump is None:
            await sources.confirmed(txn, kind, address)
            return Difference()
        manner = Manner(source=address, who=WHO, skip_bad=self._config.skip_bad, guarded=True, detailed=MOST_DETAILED)
        found = await take(txn, kind, dump, manner)
        await sources.took(txn, kind, address, mark)
        if not found.is_empty:
            await audit.note(txn, operator_on(DAEMON, socket.gethostname())(f"import {kind}", address, found.summary))
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
