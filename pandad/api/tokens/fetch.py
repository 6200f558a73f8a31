"""Outgoing HTTPS to token issuers: small answers, within a time, and from the address that was asked only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from pandad.api.tokens.discovery import FetchFailed

ANSWER_LIMIT_BYTES = 512 * 1024
_HEADERS = Headers({"Accept": ["application/json"]})
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class TooLong(Exception):
    """An answer is longer than any key set."""


class Fetcher:
    """Gets documents by their address.

    :param ca_file: authorities to believe; None: the system's.
    :raise FetchFailed: there are no certificates in that file.
    """

    def __init__(self, reactor: Any, timeout_s: float, ca_file: Path | None) -> None:
        self._reactor, self._timeout_s = reactor, timeout_s
        roots = None if ca_file is None else trustRootFromCertificates(authorities(ca_file))
        policy = BrowserLikePolicyForHTTPS(roots)
        pool = HTTPConnectionPool(reactor, persistent=False)
        self._client = HTTPClient(Agent(reactor, policy, timeout_s, pool=pool))

    async def get(self, address: str) -> bytes:
        """The content of an address.

        :raise FetchFailed: it did not answer with 200 and a short text in time.
        """
        try:
            return await Deferred.fromCoroutine(self._get(address)).addTimeout(self._timeout_s, self._reactor)
        except TooLong:
            raise FetchFailed(f"{address} answers with more than {ANSWER_LIMIT_BYTES} bytes") from None
        except (WaitTimeout, ConnectError, DNSLookupError, ResponseFailed, ResponseNeverReceived, SSL.Error) as error:
            if _was_given_up(error):
                raise FetchFailed(f"{address} did not answer within {self._timeout_s:g} s") from None
            raise FetchFailed(f"{address} cannot be reached ({_reason(error)})") from None

    async def _get(self, address: str) -> bytes:
        response = await self._client.get(address, headers=_HEADERS, allow_redirects=False, unbuffered=True)
        body = _Body()
        response.deliverBody(body)
        if response.code != 200:
            body.hang_up()
            raise FetchFailed(f"{address} answers with HTTP status {response.code}")
        return await body.whole


class _Body(Protocol):
    """An answer's body as it comes; who stops waiting for it hangs up."""

    def __init__(self) -> None:
        self._content = bytearray()
        self.whole: Deferred[bytes] = Deferred(lambda _: self.hang_up())

    def hang_up(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._content.extend(data)
        if len(self._content) > ANSWER_LIMIT_BYTES:
            self.hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.whole.called:
            return
        if len(self._content) > ANSWER_LIMIT_BYTES:
            self.whole.errback(TooLong())
        elif reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(bytes(self._content))
        else:
            self.whole.errback(reason)


def authorities(ca_file: Path) -> list[Certificate]:
    """The certificates in a PEM file.

    :raise FetchFailed: there are none.
    """
    try:
        blocks = ca_file.read_bytes().split(_BEGIN)[1:]
        found = [Certificate.loadPEM(_BEGIN + block.partition(_END)[0] + _END) for block in blocks]
    except (OSError, crypto.Error) as error:
        raise FetchFailed(f"{ca_file} cannot be read ({error})") from None
    if not found:
        raise FetchFailed(f"{ca_file} has no certificate in PEM form")
    return found


def _reasons(error: Exception) -> list[Exception]:
    """Twisted wraps what went wrong on the way."""
    return [reason.value for reason in getattr(error, "reasons", ())] or [error]


def _was_given_up(error: Exception) -> bool:
    return any(isinstance(reason, (WaitTimeout, CancelledError, ConnectingCancelledError)) for reason in _reasons(error))


def _reason(error: Exception) -> str:
    first = _reasons(error)[0]
    return str(first) or type(first).__name__
