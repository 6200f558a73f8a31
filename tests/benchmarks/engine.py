"""Many clients in one process: each is a script, a generator that yields what it asks and is sent the answers."""

from __future__ import annotations

import heapq
import select
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Sequence
from itertools import count

from tests.benchmarks.load import Found
from tests.benchmarks.wire import Connection, Server, body_of, is_good

Ask = tuple[str, bytes]  # the name of the call, for the statistics, and the request
Script = Generator[Ask, bytes, None]
"""Is sent the body of each answer, empty if the call failed."""

READY: Ask = ("ready", b"")
"""Yielded once by each script, when its preparation is done: all go on together."""
PAUSE: Ask = ("pause", b"")
"""Yielded by a script that got nothing to do."""

PAUSE_S = 0.02
ANSWER_LIMIT_S = 60.0


class Stalled(Exception):
    """The server did not answer anybody for ANSWER_LIMIT_S."""


class Run:
    """One load under way: its clock and its counts."""

    def __init__(self, seconds: float, supply: int) -> None:
        self.latencies_ms: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.handed: list[int] = []
        self.reported: list[int] = []
        self.units = self.no_jobs = 0
        self._supply, self._seconds = supply, seconds
        self._began = self._until = self._last_done = self._cpu_before_s = 0.0

    def begin(self) -> None:
        """What was before is preparation and does not count."""
        self.latencies_ms.clear()
        self.handed.clear()
        self.no_jobs = 0
        self._cpu_before_s = time.process_time()
        self._began = self._last_done = time.perf_counter()
        self._until = self._began + self._seconds

    def goes_on(self) -> bool:
        """Whether to begin another round."""
        return time.perf_counter() < self._until

    def reserve(self, jobs: int) -> bool:
        """Whether so many jobs are there for one who asks now; if so, they are his."""
        there = self._supply >= jobs
        self._supply -= jobs * there
        return there

    def done(self, units: int = 1) -> None:
        """So much was done now."""
        self.units += units
        self._last_done = time.perf_counter()

    def found(self, connections: Sequence[Connection]) -> Found:
        """All that was begun in time, until its end: clients move in step, and a cut would be off by a wave of them."""
        return Found(
            units=self.units, window_s=round(self._last_done - self._began, 3), latencies_ms=dict(self.latencies_ms),
            errors=dict(self.errors), handed=self.handed, reported=self.reported, no_jobs=self.no_jobs,
            handshakes=sum(c.handshakes for c in connections), resumed=sum(c.resumed for c in connections),
            cpu_s={"generator": time.process_time() - self._cpu_before_s})


class _Client:
    __slots__ = ("asked_at", "call", "connection", "script")

    def __init__(self, script: Script, connection: Connection) -> None:
        self.script, self.connection = script, connection
        self.call, self.asked_at = "", 0.0


class Engine:
    """Runs scripts against a server."""

    def __init__(self, server: Server, run: Run) -> None:
        self._server, self._run = server, run
        self._epoll = select.epoll()
        self._asking: dict[int, _Client] = {}  # by file descriptor
        self._pausing: list[tuple[float, int, _Client]] = []
        self._ready: list[_Client] = []
        self._number = count()

    def play(self, scripts: Sequence[Script], when_ready: Callable[[], None]) -> Found:
        """Every script up to READY, then `when_ready`, then all to their end.

        :raise Stalled: nobody got an answer for too long.
        """
        clients = [_Client(script, Connection(self._server, self._epoll)) for script in scripts]
        for client in clients:
            self._go_on(client, None)
        self._loop()
        when_ready()
        self._run.begin()
        ready, self._ready = self._ready, []
        for client in ready:
            self._go_on(client, b"")
        self._loop()
        return self._run.found([client.connection for client in clients])

    def _loop(self) -> None:
        """Until nobody asks and nobody pauses."""
        while self._asking or self._pausing:
            events = self._epoll.poll(self._patience_s())
            if not events and not self._pausing:
                raise Stalled(f"no answer for {ANSWER_LIMIT_S:g} s")
            for descriptor, _ in events:
                if descriptor in self._asking:
                    self._look(descriptor)
            while self._pausing and self._pausing[0][0] <= time.perf_counter():
                self._go_on(heapq.heappop(self._pausing)[2], b"")

    def _patience_s(self) -> float:
        return max(self._pausing[0][0] - time.perf_counter(), 0.0) if self._pausing else ANSWER_LIMIT_S

    def _look(self, descriptor: int) -> None:
        client = self._asking[descriptor]
        try:
            answer = client.connection.advance()
        except OSError as error:
            del self._asking[descriptor]
            self._failed(client, error)
            return
        if answer is None:
            return
        del self._asking[descriptor]
        self._run.latencies_ms[client.call].append((time.perf_counter() - client.asked_at) * 1000)
        if is_good(answer):
            self._go_on(client, body_of(answer))
        else:
            self._run.errors[f"{client.call}: HTTP {answer[9:12].decode()}"] += 1
            self._go_on(client, b"")

    def _failed(self, client: _Client, error: OSError) -> None:
        self._run.errors[f"{client.call}: {type(error).__name__}"] += 1
        client.connection.close()
        self._pause(client)

    def _go_on(self, client: _Client, answer: bytes | None) -> None:
        """:param answer: None: the script begins."""
        try:
            asked = next(client.script) if answer is None else client.script.send(answer)
        except StopIteration:
            client.connection.close()
            return
        if asked is READY:
            self._ready.append(client)
        elif asked is PAUSE:
            self._pause(client)
        else:
            self._ask(client, *asked)

    def _pause(self, client: _Client) -> None:
        heapq.heappush(self._pausing, (time.perf_counter() + PAUSE_S, next(self._number), client))

    def _ask(self, client: _Client, call: str, request: bytes) -> None:
        client.call, client.asked_at = call, time.perf_counter()
        try:
            self._asking[client.connection.ask(request)] = client
        except OSError as error:
            self._failed(client, error)
