"""A PanDA server's TLS side, as small as can be: canned answers, and a record of what was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pandad.embedded.pki import SandboxPki

VERIFY_ALLOW_PROXY_CERTS = 0x40  # OpenSSL's X509_V_FLAG_ALLOW_PROXY_CERTS; the ssl module names it from 3.10 on


@dataclass
class Panda:
    """``answers``: what each v1 method does with its parameters; ``asked``: (verb, method, parameters) so far."""

    port: int = 0
    answers: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def reply(self, verb: str, target: str, body: bytes) -> tuple[int, bytes]:
        """HTTP status and body; bytes from an answer are sent as they are."""
        method, _, query = target.removeprefix("/api/v1/").partition("?")
        parameters = json.loads(body) if body else query
        self.asked.append((verb, method, parameters))
        data = self.answers[method](parameters)
        if isinstance(data, tuple):
            return data
        return 200, json.dumps({"success": True, "message": "", "data": data}).encode()


@pytest.fixture
def panda(pki: SandboxPki, monkeypatch: pytest.MonkeyPatch) -> Iterator[Panda]:
    """A server on loopback, and the environment of alice, who is its user."""
    panda = Panda()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = panda.reply(self.command, self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.host_certificate, pki.host_key)
    context.load_verify_locations(pki.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= VERIFY_ALLOW_PROXY_CERTS
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # The handshake is the handler thread's: one bad client must not stop the accepting one.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    panda.port = server.server_port
    monkeypatch.setenv("PANDA_URL_SSL", f"https://localhost:{panda.port}/server/panda")
    monkeypatch.setenv("X509_CERT_DIR", str(pki.ca_directory))
    monkeypatch.setenv("X509_USER_PROXY", str(pki.proxy("alice")))
    monkeypatch.setenv("PANDA_NICKNAME", "alice")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield panda
    server.shutdown()
    thread.join()
    server.server_close()
