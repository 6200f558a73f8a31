"""Between client and daemon: proxies that cut, delay and double, at every class of byte position."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from random import Random
from typing import Any

from .wire import END_OF_HEAD, HEAD_LIMIT_BYTES, Door, NoAnswer, read_message

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
DELAY_S = (0.05, 1.5)
TLS_BYTES = (1, 12_000)  # after which a connection is cut: from within the handshake to some calls later
BLOCK_BYTES = 1 << 16


class Fault(StrEnum):
    """What happens to one call. A cut ends both connections."""

    NOT_SENT = "cut before the request"
    IN_REQUEST_HEAD = "cut in the request's head"
    IN_REQUEST_BODY = "cut in the request's body"
    LAST_REQUEST_BYTE = "cut before the request's last byte"
    AFTER_REQUEST = "cut after the request"
    NO_REPLY_BYTE = "cut before the reply's first byte"
    IN_STATUS_LINE = "cut in the reply's status line"
    IN_HEADERS = "cut in the reply's headers"
    FIRST_BODY_BYTE = "cut after the body's first byte"
    IN_BODY = "cut in the reply's body"
    LAST_BODY_BYTE = "cut before the body's last byte"
    AFTER_REPLY = "cut after the reply"
    LATE_REPLY = "reply delayed"
    LATE_REQUEST = "client cut off, request delivered later"
    DOUBLED_TOGETHER = "request delivered twice at once"
    DOUBLED_IN_TURN = "request delivered again after its reply"


IN_REQUEST = frozenset(
    {Fault.NOT_SENT, Fault.IN_REQUEST_HEAD, Fault.IN_REQUEST_BODY, Fault.LAST_REQUEST_BYTE, Fault.AFTER_REQUEST})
SHARE = 0.5  # of the calls that meet a fault


class Plan:
    """Which call meets which fault: of those that this kind of call has met least often one by the dice."""

    def __init__(self, seed: int) -> None:
        self.dice, self.on = Random(seed), True
        self.done: Counter[tuple[str, str]] = Counter()

    def next(self, call: str) -> Fault | None:
        """The fault of this call, if any."""
        if not self.on or self.dice.random() > SHARE:
            return None
        least = min(self.done[call, fault] for fault in Fault)
        fault = self.dice.choice([fault for fault in Fault if self.done[call, fault] == least])
        self.done[call, fault] += 1
        return fault


class Proxy(ABC):
    """A listener on loopback that passes on to `door`."""

    def __init__(self, door: Door, plan: Plan) -> None:
        self.door, self.plan = door, plan
        self.port = 0
        self._pending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; `port` is known then."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=HEAD_LIMIT_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def quiet(self) -> None:
        """Return when nothing that was held back is still to be delivered."""
        while self._pending:
            await asyncio.wait(self._pending)

    def stop(self) -> None:
        """Listen no more."""
        self._server.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(NoAnswer, OSError):
            await self._serve((reader, writer))
        writer.transport.abort()

    @abstractmethod
    async def _serve(self, client: Streams) -> None:
        """One connection, until somebody ends it."""

    async def _connect(self) -> Streams:
        name = self.door.host if self.door.context is not None else None
        return await asyncio.open_connection(
            self.door.host, self.door.port, ssl=self.door.context, server_hostname=name, limit=HEAD_LIMIT_BYTES)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)


class CallProxy(Proxy):
    """Plain to the client, TLS with that client's credential to the daemon: so it sees calls, and knows every byte's place."""

    async def _serve(self, client: Streams) -> None:
        daemon: Streams | None = None
        try:
            while True:
                head, body = await read_message(client[0])
                fault = self.plan.next(call_of(head))
                if fault is Fault.LATE_REQUEST:
                    self._later(self._deliver(head + body, self.plan.dice.uniform(*DELAY_S)))
                    return
                if daemon is None or daemon[0].at_eof():
                    daemon = await self._connect()
                if not await self._exchange(client, daemon, head, body, fault):
                    return
        finally:
            if daemon is not None:
                daemon[1].transport.abort()

    async def _exchange(self, client: Streams, daemon: Streams, head: bytes, body: bytes, fault: Fault | None) -> bool:
        """Pass one call on, with its fault; whether the connections go on."""
        request = head + body
        if fault in IN_REQUEST:
            daemon[1].write(request[:position(fault, head, body, self.plan.dice)])
            await daemon[1].drain()
            return False
        if fault is Fault.DOUBLED_TOGETHER:
            self._later(self._deliver(request, 0))
        daemon[1].write(request)
        reply = await read_message(daemon[0])
        if fault is Fault.DOUBLED_IN_TURN:
            daemon[1].write(request)
            reply = await read_message(daemon[0])
        if fault is Fault.LATE_REPLY:
            await asyncio.sleep(self.plan.dice.uniform(*DELAY_S))
        end = position(fault, *reply, self.plan.dice) if fault is not None else None
        client[1].write((reply[0] + reply[1])[:end])
        await client[1].drain()
        return end is None

    async def _deliver(self, request: bytes, delay_s: float) -> None:
        """A copy of its own way; its answer reaches nobody."""
        await asyncio.sleep(delay_s)
        with suppress(NoAnswer, OSError):
            daemon = await self._connect()
            daemon[1].write(request)
            await read_message(daemon[0])
            daemon[1].transport.abort()


def call_of(head: bytes) -> str:
    """The name that clients write into User-Agent."""
    _, _, rest = head.partition(b"User-Agent: ")
    return rest.partition(b"\r\n")[0].decode("latin-1") or "other"


def position(fault: Fault, head: bytes, body: bytes, dice: Random) -> int | None:
    """How many bytes of a message pass; None: all, and the connection goes on."""
    line, whole = head.index(b"\r\n"), len(head) + len(body)
    places = {
        Fault.NOT_SENT: 0,
        Fault.IN_REQUEST_HEAD: dice.randint(1, len(head) - 1),
        Fault.IN_REQUEST_BODY: dice.randint(len(head), whole - 1),
        Fault.LAST_REQUEST_BYTE: whole - 1,
        Fault.AFTER_REQUEST: whole,
        Fault.NO_REPLY_BYTE: 0,
        Fault.IN_STATUS_LINE: dice.randint(1, line),
        Fault.IN_HEADERS: dice.randint(line + 1, len(head) - len(END_OF_HEAD)),
        Fault.FIRST_BODY_BYTE: len(head) + 1,
        Fault.IN_BODY: dice.randint(len(head) + 1, whole - 1),
        Fault.LAST_BODY_BYTE: whole - 1,
        Fault.AFTER_REPLY: whole,
    }
    return places.get(fault)


class TlsProxy(Proxy):
    """Passes the client's TLS on unseen, and cuts it after some bytes: in the handshake, in a record, or between two."""

    async def _serve(self, client: Streams) -> None:
        daemon = await self._connect()
        cut_after = int(TLS_BYTES[0] * (TLS_BYTES[1] / TLS_BYTES[0]) ** self.plan.dice.random()) if self.plan.on else None
        way, back = self.plan.dice.choice(((cut_after, None), (None, cut_after)))
        ways = [asyncio.ensure_future(self._pump(client[0], daemon[1], way, "request")),
                asyncio.ensure_future(self._pump(daemon[0], client[1], back, "reply"))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ways:
                each.cancel()
            daemon[1].transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, left: int | None, what: str) -> None:
        with suppress(OSError):
            while data := await source.read(BLOCK_BYTES):
                sink.write(data[:left])
                await sink.drain()
                if left is not None and self.plan.on:
                    left -= len(data)
                    if left <= 0:
                        self.plan.done["TLS bytes", f"cut in what leads to the {what}"] += 1
                        return
