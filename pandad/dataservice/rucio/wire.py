"""One exchange over HTTP: an answer that is whole, or the reason why there is none. No retries, no credentials, no meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from OpenSSL import SSL, crypto
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (  # type: ignore[attr-defined]  # RequestNotSent
    Agent,
    HTTPConnectionPool,
    RequestNotSent,
    RequestTransmissionFailed,
    ResponseDone,
    ResponseFailed,
)
from twisted.web.http_headers import Headers

from pandad.dataservice.rucio.trust import ContextFactory, authorities
from pandad.dataserviceconfig import RucioConfig

IDLE_S = 10  # an idle connection is kept so long; web servers close theirs after some seconds
BODY_LIMIT_BYTES = 4 << 20  # of an answer that is not read line by line, and of one line
LINES_LIMIT_BYTES = 256 << 20

T = TypeVar("T")
Line = Callable[[bytes], None]
"""Takes one line of an answer; raises ValueError if it is none that can be understood."""


class NoAnswer(Exception):
    """No whole answer came; str() says why, without an address. What was asked for may have been done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is empty if it was read line by line."""

    code: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """The first of that name, "" if there is none."""
        values = self.headers.getRawHeaders(name)
        return values[0] if values else ""


class Wire:
    """Connections to one server, kept open between calls."""

    def __init__(self, reactor: Any, config: RucioConfig) -> None:
        self._reactor, self._config = reactor, config
        self._roots = authorities(config.ca) if config.ca is not None else None
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost, self._pool.cachedConnectionTimeout = config.connections, IDLE_S
        self._pool.retryAutomatically = False  # who calls knows what may be asked twice
        self._client = self._made(self._pool, None)

    async def exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *,
                       line: Line | None = None, certificate: Path | None = None) -> Answer:
        """Ask once.

        :param line: gets each line of a good answer as it comes. :param certificate: to show to the server, with its key.
        :raise NoAnswer: none, or only a part of one, within the configured time.
        :raise CredentialUnusable: the certificate is none.
        """
        client = self._client
        if certificate is not None:  # which may be another one than last time
            client = self._made(HTTPConnectionPool(self._reactor, persistent=False), certificate)
        asking = Deferred.fromCoroutine(self._exchange(client, method, url, headers, body, line))
        try:
            return await _to_be_given_up(asking).addTimeout(self._config.timeout_s, self._reactor)
        except WaitTimeout:
            raise NoAnswer(f"no answer within {self._config.timeout_s:g} s") from None
        except (ConnectError, ConnectionClosed, DNSLookupError, RequestNotSent, RequestTransmissionFailed, ResponseFailed,
                SSL.Error) as error:
            raise _no_answer(error) from None

    async def _exchange(self, client: HTTPClient, method: str, url: str, headers: Mapping[str, str], body: bytes | None,
                        line: Line | None) -> Answer:
        sent = Headers({name: [value] for name, value in headers.items()})
        response = await client.request(method, url, headers=sent, data=body, allow_redirects=False, unbuffered=True)
        reader = _Lines(line) if line is not None and response.code == 200 else _Whole()
        response.deliverBody(reader)
        return Answer(response.code, response.headers, await reader.read)

    def _made(self, pool: HTTPConnectionPool, certificate: Path | None) -> HTTPClient:
        policy = ContextFactory(self._roots, certificate)
        return HTTPClient(Agent(self._reactor, policy, self._config.connect_timeout_s, pool=pool))

    async def close(self) -> None:
        """Hang up."""
        await self._pool.closeCachedConnections()


def _to_be_given_up(asking: Deferred[T]) -> Deferred[T]:
    """A Deferred that ends with CancelledError when cancelled: Twisted's connecting ends with whatever error it makes of that,
    and who gave up would be taken for one who was refused."""
    given_up = False

    def give_up(_: object) -> None:
        nonlocal given_up
        given_up = True
        asking.cancel()

    outcome: Deferred[T] = Deferred(give_up)
    asking.addBoth(lambda result: None if given_up else outcome.callback(result))
    return outcome


class _Body(Protocol):
    """An answer's body as it comes; who stops waiting for it hangs up."""

    def __init__(self) -> None:
        self.read: Deferred[bytes] = Deferred(lambda _: self.hang_up())

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def refuse(self, reason: str) -> None:
        """Read no further."""
        if not self.read.called:
            self.read.errback(NoAnswer(reason))
        self.hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.read.called:
            return
        # An answer that ends with the connection and not with a mark may be a part of one, and files would seem to be missing.
        if reason.check(ResponseDone):
            self.ended()
        else:
            self.read.errback(NoAnswer("the answer broke off"))

    def ended(self) -> None:
        """All of it was there."""
        raise NotImplementedError


class _Whole(_Body):
    """Kept as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._content = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._content.extend(data)
        if len(self._content) > BODY_LIMIT_BYTES:
            self.refuse(f"an answer of more than {BODY_LIMIT_BYTES} bytes")

    def ended(self) -> None:
        self.read.callback(bytes(self._content))


class _Lines(_Body):
    """Given away line by line, so that a long answer neither fills the memory nor stops the reactor."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line, self._rest, self._length = line, b"", 0

    def dataReceived(self, data: bytes) -> None:
        self._length += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        try:
            for line in lines:
                if line:
                    self._line(line)
        except ValueError:
            self.refuse("an answer that is not understood")
        if len(self._rest) > BODY_LIMIT_BYTES or self._length > LINES_LIMIT_BYTES:
            self.refuse("an answer without an end")

    def ended(self) -> None:
        if self._rest:
            self.refuse("the answer broke off")
        else:
            self.read.callback(b"")


def _no_answer(error: Exception) -> NoAnswer:
    """Twisted wraps what went wrong on the way."""
    reasons = [reason.value for reason in getattr(error, "reasons", ())] or [error]
    if any(isinstance(reason, NoAnswer) for reason in reasons):
        return next(reason for reason in reasons if isinstance(reason, NoAnswer))
    if any(isinstance(reason, (WaitTimeout, CancelledError, ConnectingCancelledError)) for reason in reasons):
        return NoAnswer("it cannot be connected to in time")
    if isinstance(reasons[0], (SSL.Error, crypto.Error)):
        return NoAnswer(f"TLS failed ({_tls_reason(reasons[0])})")
    return NoAnswer(str(reasons[0]).rstrip(".") or type(reasons[0]).__name__)


def _tls_reason(error: Exception) -> str:
    queue = error.args[0] if error.args else ()
    return "; ".join(str(entry[-1]) for entry in queue if entry) if isinstance(queue, (list, tuple)) else str(error)
