"""One route at work: from a received request to a sent reply. Nothing that happens here is cancelled when a client hangs up."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.server import NOT_DONE_YET
from twisted.web.static import File

from pandad import metrics, tracing
from pandad.api.decode import decoder_for, parameters
from pandad.api.encode import FileReply, Reply
from pandad.api.errors import ActivePortNeeded, HungUp, TooLarge, WrongMethod, guarded
from pandad.api.foreignpage import check_page
from pandad.api.load import Load, Urgency
from pandad.api.port import PromptServer
from pandad.api.route import Route
from pandad.api.upload import Reception, Upload
from pandad.spec.caller import ANONYMOUS, Caller
from pandad.spec.errors import Forbidden, NotAuthenticated, PandadError

Identify = Callable[[Any], Awaitable[Caller]]


class Endpoint:
    """A route with the method that answers it, on one port.

    :param active_url: where active calls go, if this is the port for reads; else None.
    """

    def __init__(
        self, route: Route, handler: Callable[..., Awaitable[Any]], identify: Identify,
        active_url: Callable[[], str] | None, load: Load,
    ) -> None:
        self.route = route
        self._handler, self._identify, self._active_url, self._load = handler, identify, active_url, load
        load.expect(route.answer_s)
        self._asks_who = not route.access.anonymous or (route.access.recognises and active_url is None)
        self._urgency = route.fixed_urgency
        self._counted = self._urgency is not None and self._urgency > Urgency.FINAL
        self._urgency_of = route.urgency if callable(route.urgency) else None
        self._encode = route.encode or route.dialect.encode
        self._decode = decoder_for(route.takes, route.forgiving, route.legacy, route.items) if route.takes else None
        self._open = getattr(handler.__self__, route.opens) if route.opens else None  # type: ignore[attr-defined]  # a bound method
        self._methods = {method.encode() for method in (*route.methods, *(["HEAD"] if "GET" in route.methods else []))}

    def serve(self, request: Any, **variables: str) -> int:
        """Answer a received request, now or later.

        Klein would cancel the handler when the client hangs up, in the middle of a transaction: so it only finds us.
        """
        Deferred.fromCoroutine(self._serve(request, variables))
        return NOT_DONE_YET

    @property
    def takes_uploads(self) -> bool:
        """Whether bodies go to `receive` as they come: on this port."""
        return self._open is not None and self._active_url is None

    def receive(self, request: Any, length: int, wait: Callable[[], Any], go_on: Callable[[], Any],
                turn_away: Callable[[Reply], Any]) -> Reception:
        """The head of an upload is in, and so many bytes are to come.

        :param turn_away: says what is wrong, before they have come. :param wait, go_on: see Reception.
        """
        def refuse(error: PandadError) -> None:
            turn_away(self.route.dialect.refuse(error, True))

        return Reception(self._begin(request, length), wait, go_on, refuse)

    async def _begin(self, request: Any, length: int) -> Upload:
        """Who it is, and whether he may; which is asked again, and counted, when all is here."""
        check_page(request)
        request.caller = caller = await self._identify(request)
        self.route.access.check(caller)
        assert self._open is not None
        return Upload(request.getHeader(b"content-type"), self._open(caller, length))

    async def _uploaded(self, request: Any) -> Upload:
        """What came, or comes now in one piece."""
        if request.reception is not None:
            upload: Upload = await request.reception.complete()
        else:
            body = request.body()
            upload = await self._begin(request, len(body))
            try:
                upload.feed(body)
            except PandadError:
                upload.place.end()
                raise
        return upload

    async def _serve(self, request: Any, variables: dict[str, str]) -> None:
        wants_json = b"application/json" in (request.getHeader(b"accept") or b"") or self._query_says_json(request)

        def refuse(error: PandadError) -> None:
            send(request, self.route.dialect.refuse(error, wants_json))

        tracing.current.set(request)
        self._load.begin(request, refuse, self.route.answer_s)
        await guarded(self._act(request, variables, wants_json), refuse, self.route.path)
        if request.reception is not None:  # refused before it was looked at
            request.reception.end()
        self._measure(request, self._load.end(request))

    def _measure(self, request: Any, took_s: float | None) -> None:
        metrics.CALLS.add(self.route.path, str(request.code))
        late_s = min(self.route.answer_s, self._load.answer_s)
        metrics.CALL_SECONDS.took(late_s if took_s is None else took_s, self.route.path)

    def _query_says_json(self, request: Any) -> bool:
        if not self.route.dialect.json_by_query:
            return False
        query = request.uri.partition(b"?")[2]  # in args there is no name without a value
        return b"json" in {each.partition(b"=")[0] for each in query.split(b"&")}

    async def _act(self, request: Any, variables: dict[str, str], wants_json: bool) -> None:
        self._check_way(request)
        if self._load.level and self._urgency is not None:
            self._load.admit(self._urgency)
        route = self.route
        body = request.body()  # before any await: when the client hangs up, it is gone
        if len(body) > route.body_limit_bytes:
            raise TooLarge(route.body_limit_bytes)
        try:
            caller = await self._identify(request) if self._asks_who else ANONYMOUS
        except (NotAuthenticated, Forbidden):
            if self._counted:  # to find that a credential is not good takes as long as to find whose it is
                self._load.check_rate(ANONYMOUS, request.getClientAddress().host)
            raise
        request.caller = caller
        if self._counted:
            self._count(request, caller)
        route.access.check(caller)
        asked: tuple[Any, ...] = (body,) if route.raw else ()
        if self._decode is not None:
            given = parameters(body, request.args, route.body_limit_bytes, route.json_depth)
            given.update(variables)
            asked = (self._decode(given),)
            request.asked = asked[0]
            if self._load.level and self._urgency_of is not None:
                self._load.admit(self._urgency_of(asked[0]))
        if route.tells_gone:
            asked += (request.gone,)
        if route.tells_host:
            asked += (called_host(request),)
        if request.gone():  # while its identity was looked up
            raise HungUp
        if self._open is not None:
            asked = (await self._uploaded(request),)
        send(request, self._encode(await self._handler(caller, *asked), wants_json))

    def _count(self, request: Any, caller: Caller) -> None:
        """The call, and the connection if it is not shared by many pilots.

        :raise LimitReached: one too many.
        """
        self._load.check_rate(caller, caller.host or request.getClientAddress().host)
        if caller.identity is not None and not caller.roles:
            tcp = getattr(request.transport, "transport", request.transport)  # below TLS
            if isinstance(tcp, PromptServer):
                tcp.belongs_to(caller.account or caller.identity, caller.identity.subject)

    def _check_way(self, request: Any) -> None:
        if self._active_url is not None and not self.route.passive:
            raise ActivePortNeeded(self._active_url() + self.route.path)
        if request.method not in self._methods:
            method = "GET" if request.method == b"HEAD" else request.method.decode("latin-1")
            raise WrongMethod(" or ".join(self.route.methods), method)
        if request.method == b"POST" and self._active_url is None:  # nothing else changes anything
            check_page(request)


_HOST = re.compile(rb"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")


def called_host(request: Any) -> str:
    """The name by which the client called this server, without the port; an IPv6 address in brackets."""
    name = request.getRequestHostname()
    host = (name if _HOST.fullmatch(name) else request.getHost().host.encode()).decode()
    return f"[{host}]" if ":" in host else host


# Of what a client may ask about a file; anything else is taken for a wish for all of it. Many parts of one file are a large reply
# to a small request, and Twisted fails over some that are malformed.
_WISHES = {
    b"range": re.compile(rb"bytes=(\d{1,18}-\d{0,18}|-\d{1,18})"),
    b"if-modified-since": re.compile(rb"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"),
}


class _StoredFile(File):
    """Streams a file as it is. Twisted would call archive.tar.gz a gzip'd tar, and clients would unpack it on the way."""

    isLeaf = True
    contentEncodings: dict[str, str] = {}
    contentTypes: dict[str, str] = {}

    def __init__(self, path: str) -> None:
        super().__init__(path, defaultType="application/octet-stream")


def send(request: Any, reply: Reply | FileReply) -> None:
    """Write the reply, unless the client has gone."""
    if request.gone():
        return
    if request.startedWriting:  # a file that failed half-way
        request.channel.loseConnection()
        return
    if isinstance(reply, FileReply):
        for name, plain in _WISHES.items():
            if not plain.fullmatch(request.getHeader(name) or b""):
                request.forget(name)
        request.setHeader(b"x-request-id", request.request_id.encode())
        request.render(_StoredFile(str(reply.path)))
    else:
        request.reply(reply)
