"""A small HTTP/1.1 client for the load generator: its CPU time is taken from the server under test, so it does little."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_LIMIT_S = 60.0
END_OF_HEAD = b"\r\n\r\n"


class HungUp(ConnectionError):
    """The server closed the connection before the answer was whole."""


class _Connection(asyncio.Protocol):
    """One request at a time. Reads answers with a Content-Length, and pandad sends no others."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.open = transport, True

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or HungUp("closed before the answer"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(END_OF_HEAD)
        if found and self._answer is not None and len(body) >= _content_length(head):
            self._received = b""
            self._answer.set_result((int(head.split(b" ", 2)[1]), body))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise HungUp("an answer without Content-Length")


@dataclass(frozen=True, slots=True)
class Server:
    """Where the calls go. ``context``: None for plain HTTP."""

    host: str
    port: int
    context: ssl.SSLContext | None
    new_connection_per_call: bool

    @classmethod
    def at(cls, url: str, proxy: str, ca_directory: str, new_connection_per_call: bool) -> Server:
        """:param url: http://host:port or https://host:port. :param proxy: PEM with certificate, key and chain."""
        parts = urlsplit(url)
        context = None
        if parts.scheme == "https":
            context = ssl.create_default_context(capath=ca_directory)
            context.load_cert_chain(proxy)
        return cls(parts.hostname or "", parts.port or 0, context, new_connection_per_call)


class Client:
    """One client: one connection at a time, kept or not."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: _Connection | None = None

    async def connect(self) -> _Connection:
        """The open connection, or a new one."""
        if self._connection is None or not self._connection.open:
            server, name = self._server, self._server.host if self._server.context else None
            _, self._connection = await asyncio.get_running_loop().create_connection(
                _Connection, server.host, server.port, ssl=server.context, server_hostname=name)
        return self._connection

    async def call(self, verb: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
        """HTTP status and body.

        :raise OSError: no whole answer came. :raise TimeoutError: none within ANSWER_LIMIT_S.
        """
        async with asyncio.timeout(ANSWER_LIMIT_S):
            connection = await self.connect()
            answer = await connection.ask(self._head(verb, target, len(body)) + body)
        if self._server.new_connection_per_call:
            connection.transport.abort()
            self._connection = None
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.transport.abort()

    def _head(self, verb: str, target: str, length: int) -> bytes:
        ending = "close" if self._server.new_connection_per_call else "keep-alive"
        return (f"{verb} {target} HTTP/1.1\r\nHost: {self._server.host}:{self._server.port}\r\nAccept: application/json\r\n"
                f"Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: {ending}\r\n\r\n").encode()
