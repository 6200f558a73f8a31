"""Between a daemon and its Rucio: what passes here is seen, and where a point is met the daemon is killed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import treq
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.web.http import Request
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from .points import Moment, Point

OF_ONE_CONNECTION = ("Connection", "Content-Length", "Host", "Keep-Alive", "Transfer-Encoding")


class Gate(Resource):
    """Passes on to the Rucio at `target`. ``waiting``: points that were not met yet; one ends one daemon.

    :param kill: to return when the daemon is dead and the next one is ready.
    """

    isLeaf = True

    def __init__(self, reactor: Any, target: str, points: Sequence[Point], kill: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._reactor, self._target, self._kill = reactor, target, kill
        self.waiting, self.met, self.flaws = list(points), list[Point](), list[str]()
        self._killing = False
        self._port: IListeningPort = reactor.listenTCP(0, Site(self), interface="127.0.0.1")

    @property
    def url(self) -> str:
        """Where the daemon is to ask."""
        return f"http://127.0.0.1:{self._port.getHost().port}"  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Listen no more."""
        if (closing := self._port.stopListening()) is not None:
            await closing

    def render(self, request: Request) -> int:
        """Twisted calls this."""
        request.notifyFinish().addErrback(lambda _: None)  # the daemon is dead
        Deferred.fromCoroutine(self._pass(request)).addErrback(
            lambda failure: self.flaws.append(f"{request.uri!r}: {failure.getErrorMessage()}"))
        return NOT_DONE_YET

    async def _pass(self, request: Request) -> None:
        body = request.content.read() if request.content is not None else b""
        point = self._point(f"{request.method.decode()} {request.uri.decode()} {body.decode()}")
        if point is None:
            self._answer(request, *await self._done(request, body))
            return
        try:
            if point.moment is Moment.AFTER:
                await self._done(request, body)
            await self._kill()
            if point.moment is Moment.LATE:
                await self._done(request, body)
        finally:
            self._killing = False

    def _point(self, asked: str) -> Point | None:
        """The one that is met, if a daemon is there to be killed."""
        found = next((point for point in self.waiting if point.meets(asked)), None)
        if found is None or self._killing:
            return None
        self._killing = True
        self.waiting.remove(found)
        self.met.append(found)
        return found

    async def _done(self, request: Request, body: bytes) -> tuple[int, Headers, bytes]:
        url = self._target + request.uri.decode()
        response = await treq.request(request.method.decode(), url, headers=_kept(request.requestHeaders), data=body,
                                      allow_redirects=False, persistent=False, reactor=self._reactor)
        return response.code, response.headers, await response.content()

    def _answer(self, request: Request, code: int, headers: Headers, body: bytes) -> None:
        if request.channel is None:  # who asked is gone
            return
        request.setResponseCode(code)
        for name, values in _kept(headers).getAllRawHeaders():
            request.responseHeaders.setRawHeaders(name, values)
        request.setHeader("Content-Length", str(len(body)))
        request.write(body)
        request.finish()


def _kept(headers: Headers) -> Headers:
    """Those that are not of one connection."""
    kept = headers.copy()
    for name in OF_ONE_CONNECTION:
        kept.removeHeader(name)
    return kept
