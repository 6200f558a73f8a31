"""The engine of the load generator against a server that is not pandad."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.benchmarks.engine import READY, Engine, Run, Script
from tests.benchmarks.wire import Server

CLIENTS, CALLS = 5, 3


class Echo(BaseHTTPRequestHandler):
    """Answers with the body, and 500 where that is "bad"."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        """Another connection."""
        super().setup()
        type(self).connections += 1

    def do_POST(self) -> None:
        """As the class says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if body == b"bad" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Nothing."""


@contextmanager
def a_server(*, new_connection_per_call: bool = False) -> Iterator[Server]:
    """One that runs."""
    Echo.connections = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Server("localhost", "127.0.0.1", server.server_address[1],
                         new_connection_per_call=new_connection_per_call)
        finally:
            server.shutdown()
            thread.join()


def a_script(run: Run, server: Server, number: int, heard: list[bytes], calls: int = CALLS) -> Script:
    """A call before it is ready, and some after."""
    head = server.head("POST", "/")
    yield "before", head % 2 + b"go"
    yield READY
    for call in range(calls):
        body = b"%d/%d" % (number, call)
        heard.append((yield "call", head % len(body) + body))
        run.done()


@pytest.mark.parametrize("new_connection_per_call", [False, True])
def test_every_client_gets_its_answers(new_connection_per_call: bool) -> None:
    """In their order, on one connection each or on one for each call; what was before all were ready does not count."""
    heard: list[bytes] = []
    with a_server(new_connection_per_call=new_connection_per_call) as server:
        run, ready = Run(60, 0), []
        scripts = [a_script(run, server, number, heard) for number in range(CLIENTS)]
        found = Engine(server, run).play(scripts, lambda: ready.append(len(heard)))
    assert ready == [0]
    assert sorted(heard) == sorted(b"%d/%d" % (number, call) for number in range(CLIENTS) for call in range(CALLS))
    assert found.units == CLIENTS * CALLS
    assert {call: len(latencies) for call, latencies in found.latencies_ms.items()} == {"call": CLIENTS * CALLS}
    assert Echo.connections == (CLIENTS * (CALLS + 1) if new_connection_per_call else CLIENTS)


def test_a_refusal_is_counted() -> None:
    """And the script hears of nothing."""
    def script(server: Server) -> Script:
        yield READY
        heard.append((yield "call", server.head("POST", "/") % 3 + b"bad"))

    heard: list[bytes] = []
    with a_server() as server:
        found = Engine(server, Run(60, 0)).play([script(server)], lambda: None)
    assert found.errors == {"call: HTTP 500": 1}
    assert heard == [b""]


def test_nobody_there_is_an_error_and_no_end() -> None:
    """The client goes on; the next call may be answered."""
    heard: list[bytes] = []
    with a_server() as server:
        gone = server
    run = Run(60, 0)
    found = Engine(gone, run).play([a_script(run, gone, 0, heard)], lambda: None)
    assert heard == [b""] * CALLS
    assert found.errors == {"before: ConnectionRefusedError": 1, "call: ConnectionRefusedError": CALLS}
