"""An HTTP/1.1 client that keeps its connection, gives up in time, and says nothing about what the server did when it failed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

END_OF_HEAD = b"\r\n\r\n"
HEAD_LIMIT_BYTES = 1 << 16


class NoAnswer(Exception):
    """No whole answer came; whether the server did anything is unknown."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call in one encoding. ``headers``: beside those that every request has."""

    target: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, host: str) -> bytes:
        """The bytes on the wire."""
        lines = [f"POST {self.target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status and body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server listens. ``context``: None for plain HTTP."""

    host: str
    port: int
    context: ssl.SSLContext | None = None


def content_length(head: bytes) -> int:
    """The length that a head announces; 0 if none."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head (with its end) and body of a request or an answer that has a Content-Length.

    :raise NoAnswer: the connection ended before.
    """
    try:
        head = await reader.readuntil(END_OF_HEAD)
        return head, await reader.readexactly(content_length(head))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError) as error:
        raise NoAnswer(f"the connection ended within a message: {error}") from error


class Client:
    """One connection at a time to one door, made anew when it is lost."""

    def __init__(self, door: Door, patience_s: float) -> None:
        self.door, self._patience_s = door, patience_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, request: Request) -> Answer:
        """The answer to one request.

        :raise NoAnswer: none came in time, or it was cut.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._call(request)
        except (OSError, TimeoutError) as error:
            self.hang_up()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """Drop the connection without a word."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _call(self, request: Request) -> Answer:
        reader, writer = await self._connected()
        writer.write(request.encoded(self.door.host))
        await writer.drain()
        head, body = await read_message(reader)
        if b"connection: close" in head.lower():
            self.hang_up()
        return Answer(int(head.split(b" ", 2)[1]), body)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self.hang_up()
            door = self.door
            name = door.host if door.context is not None else None
            self._streams = await asyncio.open_connection(
                door.host, door.port, ssl=door.context, server_hostname=name, limit=HEAD_LIMIT_BYTES)
        return self._streams
