"""Outgoing HTTP(S): the content of an address, within a time and a size, and from the address that was asked only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import NOT_MODIFIED, OK, PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_SUFFIXES = frozenset({".pem", ".0", ".crt"})  # of authorities in a folder, of which the grid has each twice


# A connection that is given up while it is being made says so in a way of its own.
_FAILURES = (WaitTimeout, CancelledError, ConnectingCancelledError, ConnectError, DNSLookupError, ResponseFailed,
             ResponseNeverReceived, SSL.Error)


class DownloadFailed(Exception):
    """An address did not give what it should; str() says why."""


class _TooLong(Exception):
    """An answer is longer than it may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``content``: None: it is still what it was. ``etag``, ``modified``: what to ask with the next time."""

    content: bytes | None
    etag: str | None = None
    modified: str | None = None


class Downloader:
    """Gets documents by their address.

    :param authorities: a file, or a folder, of authorities to believe; None: the system's.
    :param credential: certificate, key and chain to show to who asks for them; None: none.
    :raise DownloadFailed: there are no certificates in it.
    """

    def __init__(
        self, reactor: Any, timeout_s: float, authorities: Path | None, most_bytes: int, credential: Path | None = None
    ) -> None:
        self._reactor, self._timeout_s, self._most_bytes = reactor, timeout_s, most_bytes
        roots = None if authorities is None else trustRootFromCertificates(authorities_in(authorities))
        policy = BrowserLikePolicyForHTTPS(roots) if credential is None else _WithCredential(roots, credential)
        pool = HTTPConnectionPool(reactor, persistent=False)
        self._client = HTTPClient(Agent(reactor, policy, timeout_s, pool=pool))

    async def get(self, address: str, etag: str | None = None, modified: str | None = None) -> Answer:
        """The content of an address.

        :param etag, modified: of an earlier answer; if it is still that, there is no content.
        :raise DownloadFailed: it did not answer with 200 and a text of that size in time.
        """
        try:
            return await Deferred.fromCoroutine(self._get(address, etag, modified)).addTimeout(self._timeout_s, self._reactor)
        except _TooLong:
            raise DownloadFailed(f"{address} answers with more than {self._most_bytes} bytes") from None
        except _FAILURES as error:
            if _was_given_up(error):
                raise DownloadFailed(f"{address} did not answer within {self._timeout_s:g} s") from None
            raise DownloadFailed(f"{address} cannot be reached ({_reason(error)})") from None

    async def _get(self, address: str, etag: str | None, modified: str | None) -> Answer:
        headers = Headers({"Accept": ["application/json"]})
        for name, value in (("If-None-Match", etag), ("If-Modified-Since", modified)):
            if value is not None:
                headers.addRawHeader(name, value)
        response = await self._client.get(address, headers=headers, allow_redirects=False, unbuffered=True)
        body = _Body(self._most_bytes)
        response.deliverBody(body)
        if response.code == NOT_MODIFIED and (etag or modified):
            body.hang_up()
            return Answer(None, etag, modified)
        if response.code != OK:
            body.hang_up()
            raise DownloadFailed(f"{address} answers with HTTP status {response.code}")
        return Answer(await body.whole, _header(response, "ETag"), _header(response, "Last-Modified"))


@implementer(IPolicyForHTTPS)
class _WithCredential:
    """Connections to addresses that want to know who asks. The file is read for each: a proxy is renewed every few hours."""

    def __init__(self, roots: Any, credential: Path) -> None:
        self._roots, self._credential = roots, credential

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        """For one connection."""
        try:
            text = self._credential.read_bytes()
            own = PrivateCertificate.loadPEM(text)
            chain = [_certificate(block).original for block in text.split(_BEGIN)[2:]]
        except (OSError, crypto.Error) as error:
            raise DownloadFailed(f"{self._credential} cannot be used ({error or 'no certificate and key in it'})") from None
        found: IOpenSSLClientConnectionCreator = optionsForClientTLS(
            hostname.decode("ascii"), self._roots, own, extraCertificateOptions={"extraCertChain": chain})
        return found


class _Body(Protocol):
    """An answer's body as it comes; who stops waiting for it hangs up."""

    def __init__(self, most_bytes: int) -> None:
        self._content, self._most_bytes = bytearray(), most_bytes
        self.whole: Deferred[bytes] = Deferred(lambda _: self.hang_up())

    def hang_up(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._content.extend(data)
        if len(self._content) > self._most_bytes:
            self.hang_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.whole.called:
            return
        if len(self._content) > self._most_bytes:
            self.whole.errback(_TooLong())
        elif reason.check(ResponseDone, PotentialDataLoss):
            self.whole.callback(bytes(self._content))
        else:
            self.whole.errback(reason)


def authorities_in(place: Path) -> list[Certificate]:
    """The certificates in a PEM file, or in a folder of those.

    :raise DownloadFailed: there are none.
    """
    try:
        blocks = {block for file in _files(place) for block in file.read_bytes().split(_BEGIN)[1:]}
        found = [_certificate(block) for block in blocks]
    except (OSError, crypto.Error) as error:
        raise DownloadFailed(f"{place} cannot be read ({error})") from None
    if not found:
        raise DownloadFailed(f"{place} has no certificate in PEM form")
    return found


def _certificate(block: bytes) -> Certificate:
    return Certificate.loadPEM(_BEGIN + block.partition(_END)[0] + _END)


def _files(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from sorted(file for file in place.iterdir() if file.suffix in _SUFFIXES)
    else:
        yield place


def _header(response: Any, name: str) -> str | None:
    raw: list[str] = response.headers.getRawHeaders(name, [])
    return raw[-1] if raw and raw[-1].isascii() and raw[-1].isprintable() else None


def _reasons(error: Exception) -> list[Exception]:
    """Twisted wraps what went wrong on the way."""
    return [reason.value for reason in getattr(error, "reasons", ())] or [error]


def _was_given_up(error: Exception) -> bool:
    return any(isinstance(reason, (WaitTimeout, CancelledError, ConnectingCancelledError)) for reason in _reasons(error))


def _reason(error: Exception) -> str:
    first = _reasons(error)[0]
    return str(first) or type(first).__name__
