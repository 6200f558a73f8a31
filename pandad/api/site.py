"""The two ports: one with TLS for everything, one without for reads only. Builds both from the handlers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from werkzeug.exceptions import HTTPException

from pandad.api.encode import TEXT, Reply
from pandad.api.endpoint import Endpoint, Identify, send
from pandad.api.errors import TooLarge
from pandad.api.route import KIB, declared

IDLE_TIMEOUT_S = 75  # longer than the 60 s for which clients keep a connection in their pool
BODY_LIMIT_ELSEWHERE_BYTES = 64 * KIB

_AUTHORITY = re.compile(rb"\Ahttps?://[^/?]*", re.IGNORECASE)
_CALL = re.compile(r"/(?:server/panda|api/[^/]*(?:/[^/]*)?)/(.*)", re.DOTALL)


def local_target(target: bytes) -> bytes:
    """The request target without "http://host": clients send that when they take this server for their HTTP proxy."""
    local = _AUTHORITY.sub(b"", target, count=1)
    return local if local.startswith((b"/", b"*")) else b"/" + local


class PandaRequest(Request):
    """A request that is refused before its body is read if that is too large, and that may be meant for a proxy."""

    channel: Any
    _refused = False
    _limit_bytes = 0
    _received_bytes = 0

    def gotLength(self, length: int | None) -> None:
        """The headers are in, the body is to come."""
        super().gotLength(length)
        # The request learns its own target only when it is complete.
        target = local_target(getattr(self.channel, "_path", b"/"))
        self._limit_bytes = self.channel.site.resource.body_limit_bytes(target.partition(b"?")[0])
        if length is not None and length > self._limit_bytes:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """Bodies without a declared length are counted as they come."""
        self._received_bytes += len(data)
        if not self._refused and self._received_bytes > self._limit_bytes:
            self._refuse()
        if not self._refused:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        self._refused = True
        self.requestHeaders.removeHeader(b"expect")  # else Twisted still invites the body
        body = b"ERROR : %s" % str(TooLarge(self._limit_bytes)).encode()
        self.channel.transport.write(
            b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: " + TEXT
            + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.channel.loseConnection()

    def process(self) -> None:
        """The request is complete."""
        if self._refused:
            return
        if not self.path.startswith(b"/"):
            self.uri = local_target(self.uri)
            self.path = self.uri.partition(b"?")[0]
        super().process()


class PandaResource(Resource):
    """Finds the endpoint of a request. Klein holds the routes; plain paths are looked up here, which costs a tenth."""

    isLeaf = True

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        super().__init__()
        self._app = Klein()
        for endpoint in endpoints:
            declare = self._app.route(endpoint.route.path, endpoint=endpoint.route.path)
            declare(endpoint.serve)  # type: ignore[type-var]  # Klein's types know no handlers with URL variables
        self._mapper = self._app.url_map.bind("pandad")
        self._plain = {r.rule.encode(): r.endpoint for r in self._app.url_map.iter_rules() if not r.arguments}
        self._limits = {e.route.path.encode(): e.route.body_limit_bytes for e in endpoints}

    def body_limit_bytes(self, path: bytes) -> int:
        """The most that a body sent to this path may be."""
        return self._limits.get(path, BODY_LIMIT_ELSEWHERE_BYTES)

    def render(self, request: Any) -> int:
        """Start the endpoint, or say that there is none."""
        found = self._plain.get(request.path)
        variables: Mapping[str, Any] = {}
        if found is None:
            path = unquote(request.path.decode("latin-1"), errors="replace")
            try:
                found, variables = self._mapper.match(path, "GET")
            except HTTPException:
                send(request, _no_such(path))
                return NOT_DONE_YET
        self._app.execute_endpoint(found, request, **variables)
        return NOT_DONE_YET


def _no_such(path: str) -> Reply:
    """PanDA answers 403 to methods it does not have, and clients expect that."""
    call = _CALL.fullmatch(path)
    if call:
        return Reply(f"ERROR : method {ascii(call[1])[1:-1]} is forbidden".encode(), TEXT, 403)
    return Reply(b"ERROR : there is nothing here", TEXT, 404)


class PandaSite(Site):
    """A port's protocol factory. It keeps no access log: formatting a line costs as much as a heartbeat."""

    requestFactory = PandaRequest

    def __init__(self, endpoints: Sequence[Endpoint], clock: IReactorTime) -> None:
        super().__init__(
            PandaResource(endpoints), parsePOSTFormSubmission=False, timeout=IDLE_TIMEOUT_S, reactor=clock)

    def log(self, request: Any) -> None:
        """No line per request."""


@dataclass(frozen=True, slots=True)
class Sites:
    """``active`` goes behind TLS and serves everything; ``passive`` serves reads to anybody."""

    active: PandaSite
    passive: PandaSite


def build_sites(
    handlers: Sequence[object], identify: Identify, active_url: Callable[[], str], clock: IReactorTime
) -> Sites:
    """Both ports over the same handlers.

    :param identify: see auth.Authenticators.
    :param active_url: scheme, host and port of the active one, asked for at each refusal on the passive one.
    :param clock: the reactor, for timeouts of idle connections.
    """
    routes = list(declared(handlers))
    active = [Endpoint(route, handler, identify, None) for route, handler in routes]
    passive = [Endpoint(route, handler, identify, active_url) for route, handler in routes]
    return Sites(PandaSite(active, clock), PandaSite(passive, clock))
