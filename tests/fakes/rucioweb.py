"""The HTTP of a Rucio, in front of one in memory; it can be made to misbehave as networks, proxies and databases do."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import orjson
from twisted.internet.interfaces import IListeningPort
from twisted.protocols.policies import WrappingFactory
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from fakes.rucio import SQL, FakeRucio, Refusal, when

DID = r"/dids/([^/]+)/([^/]+)"
ACCOUNT, USER, PASSWORD = "panda", "panda", "correct horse"


@dataclass
class Lines:
    """An answer with one object a line."""

    entries: Iterable[Any]


@dataclass
class Fault:
    """What happens to calls whose method and path match, so often.

    kind: silence (no answer, ever), hangup (the connection ends, nothing was done), lost (it was done, and the connection ends),
    torn (the connection ends amid the answer), cut (the answer ends amid a line), garbage (a line that is no JSON), odd (lines
    that are something else), endless (a line that does not end), html (a proxy's page), plain (an error without Rucio's headers),
    sql (an error with its SQL), expired (the token is not known).
    """

    kind: str
    match: str = "."
    times: int = 1
    status: int = 500
    retry_after: str = ""


class Web(Resource):
    """All of it is one resource."""

    isLeaf = True

    def __init__(self, rucio: FakeRucio) -> None:
        super().__init__()
        self.rucio = rucio
        self.faults: list[Fault] = []
        self.asked: Counter[str] = Counter()  # calls by method and path
        self.logins, self.token_life_s = 0, 3600.0
        self.tokens: set[str] = set()
        self.dns: list[str] = []  # of certificates that were shown
        self.at_once = self.most_at_once = 0
        self.waiting: list[Request] = []  # those that get no answer
        get, post, put, delete = "GET", "POST", "PUT", "DELETE"
        r = rucio
        self._routes: list[tuple[str, str, Callable[..., Any]]] = [
            (post, "/replicas/list", lambda q, body: Lines(r.list_replicas(body))),
            (post, "/replicas", lambda q, body: r.add_replicas(body)),
            (put, "/replicas", lambda q, body: r.update_replicas(body)),
            (get, "/rses/", lambda q, body: Lines(r.rse_names(q.get("expression", "*")))),
            (get, "/rses/([^/]+)", lambda q, body, rse: r.rse(rse)),
            (get, "/rses/([^/]+)/attr/", lambda q, body, rse: {rse: True, "site": rse.split("_")[0]}),
            (get, "/rses/([^/]+)/usage", lambda q, body, rse: Lines(r.usage(rse, q["source"]))),
            (post, "/dids/bulkmeta", lambda q, body: Lines(r.metadata(body))),
            (post, "/dids/attachments", lambda q, body: r.attach(body)),
            (post, DID, lambda q, body, *name: r.add_did(name, body)),
            (post, "/dids/bulkfiles", lambda q, body: Lines(r.bulk_files(body))),
            (get, "/dids/([^/]+)/dids/search", lambda q, body, scope: Lines(r.search(scope, q["type"], q["name"]))),
            (get, DID, lambda q, body, *name: r.describe(name)),
            (get, f"{DID}/dids", lambda q, body, *name: Lines(r.content(name))),
            (get, f"{DID}/files", lambda q, body, *name: Lines(r.files(name))),
            (get, f"{DID}/rules", lambda q, body, *name: Lines(r.rules_of(name))),
            (put, f"{DID}/status", lambda q, body, *name: r.set_status(name, body)),
            (post, f"{DID}/meta/lifetime", lambda q, body, *name: setattr(r.did(name), "ends_s", time.time() + body["value"])),
            (post, "/rules/", lambda q, body: r.add_rule(body)),
            (get, "/rules/([^/]+)", lambda q, body, rule: r.rule(rule)),
            (put, "/rules/([^/]+)", lambda q, body, rule: r.update_rule(rule, body)),
            (delete, "/rules/([^/]+)", lambda q, body, rule: r.delete_rule(rule)),
        ]

    def render(self, request: Request) -> Any:
        """Twisted calls this."""
        path = request.path.decode()
        called = f"{request.method.decode()} {path}"
        self.asked[called] += 1
        fault = self._fault(called)
        if fault is None or not self._misbehave(fault, request):
            self._answer(request, path, fault)
        return NOT_DONE_YET

    def revoke(self) -> None:
        """No token counts any more."""
        self.tokens.clear()

    def _fault(self, called: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.match, called):
                fault.times -= 1
                return fault
        return None

    def _misbehave(self, fault: Fault, request: Request) -> bool:
        """Whether that was all."""
        if fault.kind == "silence":
            self.waiting.append(request)
            request.notifyFinish().addErrback(lambda _: self.waiting.remove(request))
        elif fault.kind == "hangup":
            _hang_up(request)
        elif fault.kind == "html":
            self._send(request, fault.status, b"<html>Bad Gateway</html>", retry_after=fault.retry_after)
        elif fault.kind == "plain":
            self._send(request, fault.status, b"Internal Error")
        elif fault.kind == "sql":
            self._refuse(request, Refusal(fault.status, "DatabaseException", SQL))
        elif fault.kind == "expired":
            self._refuse(request, Refusal(401, "CannotAuthenticate", "Cannot authenticate with given credentials"))
        else:
            return False
        return True

    def _answer(self, request: Request, path: str, fault: Fault | None) -> None:
        try:
            made = self._login(request) if path.startswith("/auth/") else self._done(request, path)
        except Refusal as refusal:
            self._refuse(request, refusal)
            return
        if fault is not None and fault.kind == "lost":
            _hang_up(request)
        elif isinstance(made, Lines):
            self._stream(request, [orjson.dumps(entry) + b"\n" for entry in made.entries], fault)
        else:
            self._send(request, 200 if made is not None else 201, b"Created" if made is None else orjson.dumps(made))

    def _done(self, request: Request, path: str) -> Any:
        token = request.getHeader("X-Rucio-Auth-Token")
        if not token:
            raise Refusal(400, "ValueError", "Token must be set.")
        if token not in self.tokens:
            raise Refusal(401, "CannotAuthenticate", "Cannot authenticate with given credentials")
        content = request.content.read() if request.content is not None else b""
        query = {key.decode(): values[0].decode() for key, values in (request.args or {}).items()}
        for method, pattern, act in self._routes:
            found = re.fullmatch(pattern, path)
            if found and method == request.method.decode():
                made = act(query, orjson.loads(content) if content else None, *map(unquote, found.groups()))
                return Lines(list(made.entries)) if isinstance(made, Lines) else made
        raise Refusal(404, "", "no such page")

    def _login(self, request: Request) -> Any:
        self.logins += 1
        sent = {name: request.getHeader(f"X-Rucio-{name}") for name in ("Account", "Username", "Password")}
        certificate = getattr(request.transport, "getPeerCertificate", lambda: None)()
        if certificate is not None:
            self.dns.append(certificate.to_cryptography().subject.rfc4514_string())
        good = certificate is not None or sent == {"Account": ACCOUNT, "Username": USER, "Password": PASSWORD}
        if not good:
            raise Refusal(401, "CannotAuthenticate", f"Cannot authenticate to account {sent['Account']} with given credentials")
        token = f"{ACCOUNT}-{USER}-{uuid4().hex}"
        self.tokens.add(token)
        request.setHeader("X-Rucio-Auth-Token", token)
        request.setHeader("X-Rucio-Auth-Token-Expires", when(time.time() + self.token_life_s))
        return ""

    def _stream(self, request: Request, lines: list[bytes], fault: Fault | None) -> None:
        kind = fault.kind if fault is not None else ""
        request.setHeader("Content-Type", "application/x-json-stream")
        if kind == "torn":
            whole = b"".join(lines)
            request.write(whole[:len(whole) * 2 // 3])
            _hang_up(request)
            return
        if kind == "cut":  # an end in good form, amid a line
            lines = [b"".join(lines)[:-5]]
        if kind == "garbage":
            lines = [*lines, b"<html>502</html>\n"]
        if kind == "odd":
            lines = [*lines, b'{"scope": "x"}\n', b"[]\n"]
        if kind == "endless":
            lines = [b"[" * (1 << 20)] * 8
        for line in lines:
            request.write(line)
        request.finish()

    def _refuse(self, request: Request, refusal: Refusal) -> None:
        if refusal.kind:
            request.setHeader("ExceptionClass", refusal.kind)
            request.setHeader("ExceptionMessage", refusal.text[:125].replace("\n", " "))
        body = {"ExceptionClass": refusal.kind, "ExceptionMessage": refusal.text} if refusal.kind else {}
        self._send(request, refusal.status, orjson.dumps(body))

    def _send(self, request: Request, status: int, body: bytes, retry_after: str = "") -> None:
        request.setResponseCode(status)
        if retry_after:
            request.setHeader("Retry-After", retry_after)
        request.setHeader("Content-Length", str(len(body)))
        request.write(body)
        request.finish()


def _hang_up(request: Request) -> None:
    transport: Any = request.transport
    transport.abortConnection()


class RucioServer:
    """It listens on a port of loopback, of the system's choice first and the same one afterwards."""

    def __init__(self, reactor: Any, *rses: str, tls: Any = None) -> None:
        self.rucio = FakeRucio(*rses)
        self.web = Web(self.rucio)
        self._reactor, self._tls, self._number = reactor, tls, 0
        self._port: IListeningPort | None = None
        self._site = WrappingFactory(Site(self.web))
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._number}"

    def start(self) -> None:
        """Listen."""
        listen = self._reactor.listenTCP if self._tls is None else self._reactor.listenSSL
        arguments = (self._number, self._site) if self._tls is None else (self._number, self._site, self._tls)
        self._port = listen(*arguments, interface="127.0.0.1")
        self._number = self._port.getHost().port  # type: ignore[union-attr]

    async def stop(self) -> None:
        """Connections are refused."""
        for channel in list(self._site.protocols):
            channel.transport.abortConnection()
        port, self._port = self._port, None
        closed = port.stopListening() if port is not None else None
        if closed is not None:
            await closed
