"""HTTP/1.1 for the load generator: its CPU time is taken from the server under test, so it does as little as it can."""

from __future__ import annotations

import errno
import re
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

END_OF_HEAD = b"\r\n\r\n"
MOST_AT_ONCE_BYTES = 256 * 1024
READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class HungUp(ConnectionError):
    """The server closed the connection before the answer was whole, or it sent what no client of ours can read."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the calls go.

    :param name: of the host, as its certificate has it. :param address: where it is, so that nobody looks it up.
    :param context: None for plain HTTP.
    :param new_connection_per_call: as real pilots do, which start a curl for each.
    :param resumes: offer the last TLS session of the client for the next connection.
    """

    name: str
    address: str
    port: int
    context: ssl.SSLContext | None = None
    new_connection_per_call: bool = False
    resumes: bool = False

    def head(self, verb: str, target: str, accept: str = "application/json") -> bytes:
        """The head of a request, in which %d stands for the length of its body."""
        ending = "close" if self.new_connection_per_call else "keep-alive"
        target = target.replace("%", "%%")
        return (f"{verb} {target} HTTP/1.1\r\nHost: {self.name}:{self.port}\r\nAccept: {accept}\r\n"
                f"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: {ending}\r\n\r\n").encode()


def is_whole(received: bytes) -> bool:
    """Whether a whole answer is there.

    :raise HungUp: it has no Content-Length; pandad sends none without.
    """
    end = received.find(END_OF_HEAD)
    if end < 0:
        return False
    length = _LENGTH.search(received, 0, end)
    if length is None:
        raise HungUp("an answer without Content-Length")
    return len(received) >= end + len(END_OF_HEAD) + int(length[1])


def is_good(answer: bytes) -> bool:
    """Whether it says 200."""
    return answer[9:12] == b"200"


def body_of(answer: bytes) -> bytes:
    """What follows the head."""
    return answer[answer.find(END_OF_HEAD) + len(END_OF_HEAD):]


def as_client(proxy: str, ca_directory: str) -> ssl.SSLContext:
    """:param proxy: PEM with certificate, key and chain."""
    context = ssl.create_default_context(capath=ca_directory)
    context.load_cert_chain(proxy)
    return context


class Connection:
    """One client's connection, kept or not, driven by the epoll loop that owns it: one request at a time."""

    __slots__ = ("handshakes", "resumed", "_descriptor", "_epoll", "_received", "_server", "_session", "_socket", "_step",
                 "_unsent", "_watched")

    def __init__(self, server: Server, epoll: select.epoll) -> None:
        self._server, self._epoll = server, epoll
        self._socket: socket.socket | None = None
        self._session: ssl.SSLSession | None = None
        self._descriptor = -1
        self._watched = 0
        self._unsent = self._received = b""
        self._step: Callable[[], bytes | None] = self._send
        self.handshakes = self.resumed = 0

    def ask(self, request: bytes) -> int:
        """Send it, opening a connection where there is none: the file descriptor at which the answer will be seen.

        :raise OSError: it cannot be sent.
        """
        self._unsent, self._received = request, b""
        if self._socket is None:
            self._open()
        else:
            self._step = self._send
            self._send()
        return self._descriptor

    def advance(self) -> bytes | None:
        """The descriptor is ready: go on as far as it goes. The whole answer, or None if it is not all there yet.

        :raise OSError: the connection failed.
        """
        return self._step()

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            if self._server.resumes and isinstance(self._socket, ssl.SSLSocket):
                self._session = self._socket.session
            self._socket.close()  # epoll forgets it by itself
            self._socket = None

    def _open(self) -> None:
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        failure = self._socket.connect_ex((self._server.address, self._server.port))
        if failure not in (0, errno.EINPROGRESS):
            raise OSError(failure, "cannot connect")
        self._descriptor = self._socket.fileno()
        self._epoll.register(self._descriptor, WRITABLE)
        self._watched = WRITABLE
        self._step = self._connected

    def _watch(self, events: int) -> None:
        if events != self._watched:
            self._epoll.modify(self._descriptor, events)
            self._watched = events

    def _connected(self) -> None:
        assert self._socket is not None
        failure = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise OSError(failure, "cannot connect")
        context = self._server.context
        if context is None:
            self._step = self._send
        else:
            self._socket = context.wrap_socket(
                self._socket, do_handshake_on_connect=False, server_hostname=self._server.name, session=self._session)
            self._step = self._shake_hands
        self._step()

    def _shake_hands(self) -> None:
        assert isinstance(self._socket, ssl.SSLSocket)
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(READABLE)
        except ssl.SSLWantWriteError:
            self._watch(WRITABLE)
        else:
            self.handshakes += 1
            self.resumed += bool(self._socket.session_reused)
            self._step = self._send
            self._send()

    def _send(self) -> None:
        assert self._socket is not None
        with suppress(BlockingIOError, ssl.SSLWantWriteError):
            self._unsent = self._unsent[self._socket.send(self._unsent):]
        self._watch(WRITABLE if self._unsent else READABLE)
        self._step = self._send if self._unsent else self._receive

    def _receive(self) -> bytes | None:
        assert self._socket is not None
        try:
            while True:
                piece = self._socket.recv(MOST_AT_ONCE_BYTES)
                if not piece:
                    raise HungUp("closed before the answer was whole")
                self._received = self._received + piece if self._received else piece
                if is_whole(self._received):
                    break
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        if self._server.new_connection_per_call:
            self.close()
        return self._received
