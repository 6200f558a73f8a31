"""One HTTP/1.1 connection. A request that arrives whole and plain, as nearly all do, is read in one go at a third of the cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel

from pandad.api.encode import TEXT, Reply
from pandad.api.patience import FIRST_WORD_S, Arrival
from pandad.api.request import PandaRequest

# All that is in any way unusual does not match and is Twisted's to read or to refuse: folded lines, lone line feeds, NUL, other
# methods and versions, targets in absolute form.
_HEAD = re.compile(
    rb"(?:\r\n)?(GET|HEAD|POST) (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0-\x08\x0a-\x1f\x7f]*\r\n){1,100})\r\n")
_HEAD_LIMIT_BYTES = 8192  # half of what Twisted allows
_BODY_LIMIT_BYTES = 64 * 1024  # the lowest of any call; what may be larger rarely comes in one piece anyway
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
_PERSISTENCE = {b"keep-alive": True, b"close": False}

# What two readers of one stream could take for two different things is refused, though Twisted reads it.
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]")
_HEADER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0-\x08\x0a-\x1f\x7f]*")
_OTHER_LENGTH = re.compile(rb"content-length:(?![ \t]*[0-9]{1,18}[ \t]*\Z)", re.IGNORECASE)
_OTHER_CODING = re.compile(rb"transfer-encoding:(?![ \t]*chunked[ \t]*\Z)", re.IGNORECASE)

LINGER_S = 2  # after a refusal: who is hung up on while he still sends may never read it
LINGER_BYTES = 1 << 20
UPLOAD_LINGER_S = 60  # who uploads reads the answer when all is sent


class PandaChannel(HTTPChannel):
    """A server's side of one connection.

    The short way leaves behind what HTTPChannel does, private attributes included; tests/api/test_channel.py compares the two.
    """

    requestFactory: Any
    site: Any
    transport: Any
    _host: Any = None
    _arrival: Arrival | None = None  # of a request that is not all here
    _fault = "it is malformed"
    _swallowed_bytes = 0
    _linger_bytes = LINGER_BYTES
    _hosts = 0  # headers of that name so far

    def connectionMade(self) -> None:
        """See IProtocol."""
        super().connectionMade()
        self.setTimeout(FIRST_WORD_S)

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
        elif rest and self._is_ending():
            self._swallow(rest)
        elif rest:
            super().dataReceived(rest)
        if rest != b"" or self._arrival is not None:
            self._watch()

    def _watch(self) -> None:
        """Be patient with what has begun to come, but not for ever."""
        begun = bool(self.requests or self._buffer) and not (self._handlingRequest or self._waitingForTransport)
        arriving = begun and not self._is_ending()
        if arriving and self._arrival is None:
            self._arrival = Arrival(self.site.reactor, self._received_bytes, self._too_slow)
        elif not arriving:
            self._end_arrival()

    def _end_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.end()
            self._arrival = None

    def _received_bytes(self) -> int | None:
        return self.requests[0].received_bytes if self.requests and not self.line_mode else None

    def _too_slow(self, problem: str) -> None:
        self._arrival = None
        self.refuse(408, b"Request Timeout", f"this request comes too slowly: {problem}")

    def _is_ending(self) -> bool:
        return "dataReceived" in self.__dict__

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
        self.persistent = persistent = persistent and not self.site.closing
        self._handlingRequest = True
        self.setRawMode()
        request: PandaRequest = self.requestFactory(self, 0)
        self.requests.append(request)
        if not persistent:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return request

    def lineReceived(self, line: bytes) -> None:
        """A line of the head of a request that takes the long way."""
        fault = self._fault_of_line(line) if self.requests else self._fault_of_first_line(line)
        if fault is None:
            super().lineReceived(line)
        else:
            self._fault = fault
            self._respondToBadRequestAndDisconnect()

    def _fault_of_first_line(self, line: bytes) -> str | None:
        self._hosts = 0
        return "its first line is not METHOD TARGET HTTP/1.1" if line and not _REQUEST_LINE.fullmatch(line) else None

    def _fault_of_line(self, line: bytes) -> str | None:
        self._hosts += line[:5].lower() == b"host:"
        if self._hosts > 1 or (not line and not self._hosts and self._version == b"HTTP/1.1"):
            return f"it has {self._hosts} Host headers, and must have one"
        if line and not _HEADER_LINE.fullmatch(line):
            return "a line of its head is no header (folded lines and lone line feeds are not taken)"
        if _OTHER_LENGTH.match(line):  # Twisted fails over one of thousands of digits
            return "its Content-Length is not a number of at most 18 digits"
        return "its Transfer-Encoding is not chunked" if _OTHER_CODING.match(line) else None

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:
        chosen: bool = super()._maybeChooseTransferDecoder(header, data)
        decoder: Any = self._transferDecoder
        if hasattr(decoder, "_maxTrailerHeadersSize"):
            decoder._maxTrailerHeadersSize = len(b"\r\n")
            self._fault = "its chunks are malformed (trailers are not taken)"
        return chosen

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """Whether another request may follow this one, which takes the long way."""
        if self.site.closing:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            return False
        return bool(super().checkPersistence(request, version))

    def last_call(self) -> None:
        """No other request after the one under way, or else after the next one: this process stops."""
        if self.requests and self._handlingRequest and not self.requests[0].startedWriting:
            self.persistent = False
            self.requests[0].responseHeaders.setRawHeaders(b"Connection", [b"close"])

    @property
    def is_amid_a_request(self) -> bool:
        """Whether part of one has come, or all of it and its answer is not out."""
        return bool(self.requests or self._buffer) and not self._is_ending()

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line of the head is longer than any may be."""
        self.refuse(431, b"Request Header Fields Too Large", f"a line of the head has more than {self.MAX_LENGTH} bytes")

    def allHeadersReceived(self) -> None:
        """The head is complete."""
        super().allHeadersReceived()
        if self._arrival is None and self.length != 0:
            self._watch()
        if self._arrival is not None:
            self._arrival.head_is_in()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(400, b"Bad Request", f"this is no HTTP/1.1 request that this server reads: {self._fault}")

    def refuse(self, status: int, reason: bytes, problem: str | Reply, rest_bytes: int = 0) -> None:
        """Say why, and hear no more on this connection: what follows cannot be told from what was refused.

        :param rest_bytes: of an upload, to come yet, which its client may send: who is hung up on meanwhile reads no answer.
        """
        if self._is_ending():
            return
        reply = problem if isinstance(problem, Reply) else Reply(f"ERROR : {problem}".encode(), TEXT)
        self.transport.write(
            b"HTTP/1.1 %d %b\r\nConnection: close\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
                status, reason, reply.content_type, len(reply.body), reply.body))
        self.dataReceived = self._swallow  # type: ignore[method-assign]
        self._buffer = b""
        self._linger_bytes += rest_bytes
        self.setTimeout(UPLOAD_LINGER_S if rest_bytes else LINGER_S)

    def _swallow(self, data: bytes) -> None:
        self._swallowed_bytes += len(data)
        if self._swallowed_bytes > self._linger_bytes:
            self.hang_up()

    def hang_up(self) -> None:
        """Let the last words leave, but do not wait for ever for the other end to take them, or to say goodbye in TLS."""
        self.setTimeout(None)
        if self._abortingCall is None:
            self._abortingCall = self.callLater(self.abortTimeout, self._abort)
            self.loseConnection()

    def _abort(self) -> None:
        self._abortingCall = None
        self.transport.abortConnection()

    def connectionLost(self, reason: Any = connectionDone) -> None:
        """See IProtocol."""
        self._end_arrival()
        super().connectionLost(reason)

    def requestDone(self, request: Any) -> None:
        """The answer is written; who stays silent from now on is idle."""
        if self._arrival is not None:
            self._end_arrival()
        super().requestDone(request)
        if self.timeOut == self.site.timeOut:
            self.resetTimeout()
        else:
            self.setTimeout(self.site.timeOut)
        if not self.persistent:  # else what comes now would be kept for a next request, which there is none
            self.dataReceived = self._swallow  # type: ignore[method-assign]
            self._buffer = b""
            self._dataBuffer = []

    def timeoutConnection(self) -> None:
        """Nothing was heard for long; which is no idleness while the other end waits for an answer."""
        if self.requests and self._handlingRequest and not self._is_ending():
            self.setTimeout(self.timeOut)
        else:
            self.hang_up()


def is_answering(protocol: Any) -> bool:
    """Whether a call is under way on a connection with this protocol on top of TCP."""
    channel = channel_of(protocol)
    return channel is not None and bool(channel.requests) and bool(channel._handlingRequest)


def channel_of(protocol: Any) -> PandaChannel | None:
    """The channel on a connection with this protocol on top of TCP; None before the first word in TLS."""
    top = getattr(protocol, "wrappedProtocol", protocol)
    channel = getattr(top, "_channel", top)
    return channel if isinstance(channel, PandaChannel) else None


def _headers(lines: bytes) -> Mapping[bytes, bytes] | None:
    """By name in small letters; None if there are repeated or unusual ones, or no Host."""
    pairs = [line.split(b":", 1) for line in lines.split(b"\r\n")[:-1]]
    headers = {name.lower(): value.strip(b" \t") for name, value in pairs}
    return headers if len(headers) == len(pairs) and b"host" in headers and _UNUSUAL.isdisjoint(headers) else None


def _length(headers: Mapping[bytes, bytes]) -> int | None:
    """Of the body; None if it is large or no number."""
    digits = headers.get(b"content-length")
    if digits is None:
        return 0
    if not digits.isdigit() or len(digits) > 6 or int(digits) > _BODY_LIMIT_BYTES:
        return None
    return int(digits)
