"""One HTTP/1.1 connection. A request that arrives whole and plain, as nearly all do, is read in one go at a third of the cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.web.http import HTTPChannel

from pandad.api.request import PandaRequest

# All that is in any way unusual does not match and is Twisted's to read or to refuse: folded lines, lone line feeds, NUL, other
# methods and versions, targets in absolute form.
_HEAD = re.compile(
    rb"(?:\r\n)?(GET|HEAD|POST) (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n){1,100})\r\n")
_HEAD_LIMIT_BYTES = 8192  # half of what Twisted allows
_BODY_LIMIT_BYTES = 64 * 1024  # the lowest of any call; what may be larger rarely comes in one piece anyway
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
_PERSISTENCE = {b"keep-alive": True, b"close": False}


class PandaChannel(HTTPChannel):
    """A server's side of one connection.

    The short way leaves behind what HTTPChannel does, private attributes included; tests/api/test_channel.py compares the two.
    """

    requestFactory: Any
    _host: Any = None

    def getHost(self) -> Any:
        """The address of this end: asked for by each request, and the same for all."""
        if self._host is None:
            self._host = super().getHost()
        return self._host

    def dataReceived(self, data: bytes) -> None:
        """See IProtocol."""
        rest: bytes | None = data
        while rest and self._is_between_requests():
            data, rest = rest, self._whole_request(rest)
        if rest is None:
            super().dataReceived(data)
        elif rest:
            super().dataReceived(rest)

    def _is_between_requests(self) -> bool:
        return bool(self.persistent) and not (self.requests or self._buffer or self._busyReceiving or self.paused)

    def _whole_request(self, data: bytes) -> bytes | None:
        """Start the plain request that the data begin with, and return what follows it. None: there is no such request."""
        if data == b"\r\n":  # some clients end a body so
            return b""
        head = _HEAD.match(data)
        headers = _headers(head[3]) if head is not None and head.end() <= _HEAD_LIMIT_BYTES else None
        if head is None or headers is None:
            return None
        length = _length(headers)
        persistent = _PERSISTENCE.get(headers.get(b"connection", b"keep-alive").lower())
        if length is None or persistent is None or head.end() + length > len(data):
            return None
        end = head.end() + length
        self._request(persistent).arrived(head[1], head[2], headers, data[head.end():end])
        return data[end:]

    def _request(self, persistent: bool) -> PandaRequest:
        """A new request, under way from now on."""
        self.persistent = persistent
        self._handlingRequest = True
        self.setRawMode()
        request: PandaRequest = self.requestFactory(self, 0)
        self.requests.append(request)
        if not persistent:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return request

    def requestDone(self, request: Any) -> None:
        """The answer is written; who stays silent from now on is idle."""
        super().requestDone(request)
        self.resetTimeout()

    def timeoutConnection(self) -> None:
        """Nothing was heard for long; which is no idleness while the other end waits for an answer."""
        if self.requests and self._handlingRequest:
            self.setTimeout(self.timeOut)
        else:
            super().timeoutConnection()


def _headers(lines: bytes) -> Mapping[bytes, bytes] | None:
    """By name in small letters; None if there are repeated or unusual ones."""
    pairs = [line.split(b":", 1) for line in lines.split(b"\r\n")[:-1]]
    headers = {name.lower(): value.strip(b" \t") for name, value in pairs}
    return headers if len(headers) == len(pairs) and _UNUSUAL.isdisjoint(headers) else None


def _length(headers: Mapping[bytes, bytes]) -> int | None:
    """Of the body; None if it is large or no number."""
    digits = headers.get(b"content-length")
    if digits is None:
        return 0
    if not digits.isdigit() or len(digits) > 6 or int(digits) > _BODY_LIMIT_BYTES:
        return None
    return int(digits)
