"""The two ports: one with TLS for everything, one without for reads only. Builds both from the handlers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site, version
from werkzeug.exceptions import HTTPException

from pandad.api.channel import PandaChannel
from pandad.api.encode import TEXT, Reply
from pandad.api.endpoint import Endpoint, Identify, send
from pandad.api.load import Load
from pandad.api.request import PandaRequest, Receive
from pandad.api.route import KIB, MIB, declared
from pandad.limitsconfig import LimitsConfig

IDLE_TIMEOUT_S = 75  # longer than the 60 s for which clients keep a connection in their pool
BODY_LIMIT_ELSEWHERE_BYTES = 64 * KIB
MOST_ARRIVING_BYTES = 1024 * MIB  # of bodies under way, on all connections

_CALL = re.compile(r"/(?:server/panda|api/[^/]*(?:/[^/]*)?)/(.*)", re.DOTALL)


class PandaResource(Resource):
    """Finds the endpoint of a request. Klein holds the routes.

    ``plain``: what serves the paths without variables. Requests look there first; Klein's way costs twenty times as much.
    """

    isLeaf = True

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        super().__init__()
        self._app = Klein()
        for endpoint in endpoints:
            declare = self._app.route(endpoint.route.path, endpoint=endpoint.route.path)
            declare(endpoint.serve)  # type: ignore[type-var]  # Klein's types know no handlers with URL variables
        self._mapper = self._app.url_map.bind("pandad")
        serve = {endpoint.route.path: endpoint.serve for endpoint in endpoints}
        self.plain: Mapping[bytes, Callable[[PandaRequest], int]] = {
            rule.rule.encode(): serve[rule.endpoint] for rule in self._app.url_map.iter_rules() if not rule.arguments}
        self._limits = {e.route.path.encode(): e.route.body_limit_bytes for e in endpoints}
        self.receivers: Mapping[bytes, Receive] = {e.route.path.encode(): e.receive for e in endpoints if e.takes_uploads}

    def body_limit_bytes(self, path: bytes) -> int:
        """The most that a body sent to this path may be."""
        return self._limits.get(path, BODY_LIMIT_ELSEWHERE_BYTES)

    def render(self, request: Any) -> int:
        """Start the endpoint of a path that is not plain, or say that there is none."""
        path = unquote(request.path.decode("latin-1"), errors="replace")
        try:
            found, variables = self._mapper.match(path, "GET")
        except HTTPException:
            send(request, _no_such(path))
        else:
            self._app.execute_endpoint(found, request, **variables)
        return NOT_DONE_YET


def _no_such(path: str) -> Reply:
    """PanDA answers 403 to methods it does not have, and clients expect that."""
    call = _CALL.fullmatch(path)
    if call:
        return Reply(f"ERROR : method {ascii(call[1])[1:-1]} is forbidden".encode(), TEXT, 403)
    return Reply(b"ERROR : there is nothing here", TEXT, 404)


class Arriving:
    """The bytes of bodies that are not complete."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, count: int) -> None:
        """More came; or fewer are left, if negative."""
        self._bytes += count

    @property
    def too_many(self) -> bool:
        """Whether they are more than this server can keep."""
        return self._bytes > MOST_ARRIVING_BYTES


class PandaSite(Site):
    """A port's protocol factory. It keeps no access log: formatting a line costs as much as a heartbeat."""

    protocol = PandaChannel  # type: ignore[assignment]  # which Twisted wraps for HTTP/2
    requestFactory = PandaRequest
    closing = False
    """This process stops: no connection outlives its next answer."""

    def __init__(self, endpoints: Sequence[Endpoint], clock: IReactorTime, arriving: Arriving) -> None:
        super().__init__(
            PandaResource(endpoints), parsePOSTFormSubmission=False, timeout=IDLE_TIMEOUT_S, reactor=clock)
        self.arriving = arriving
        self._second, self._lines = -1, (b"", b"")

    def lines(self) -> tuple[bytes, bytes]:
        """The lines that are in the head of every reply: who answers, and when."""
        now = int(self.reactor.seconds())  # says only that a second went by: the date is the wall clock's
        if now != self._second:
            self._second, self._lines = now, (b"Server: " + version, b"Date: " + datetimeToString())
        return self._lines

    def log(self, request: Any) -> None:
        """No line per request."""


@dataclass(frozen=True, slots=True)
class Sites:
    """``active`` goes behind TLS and serves everything; ``passive`` serves reads to anybody."""

    active: PandaSite
    passive: PandaSite


def build_sites(
    handlers: Sequence[object], identify: Identify, active_url: Callable[[], str], clock: IReactorTime, load: Load | None = None
) -> Sites:
    """Both ports over the same handlers.

    :param identify: see auth.Authenticators.
    :param active_url: scheme, host and port of the active one, asked for at each refusal on the passive one.
    :param clock: the reactor, for timeouts of idle connections.
    :param load: of this process; started and stopped by who made it.
    """
    load, arriving, routes = load or Load(clock, LimitsConfig()), Arriving(), list(declared(handlers))
    active = [Endpoint(route, handler, identify, None, load) for route, handler in routes]
    passive = [Endpoint(route, handler, identify, active_url, load) for route, handler in routes]
    return Sites(PandaSite(active, clock, arriving), PandaSite(passive, clock, arriving))
