"""Debian's haproxy between clients and a daemon, and a recorder between the two."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import subprocess
import threading
from contextlib import closing, suppress
from pathlib import Path
from shutil import which
from string import Template

PROGRAM = which("haproxy", path="/usr/sbin:/usr/bin:/sbin")
LACKING = "there is no haproxy here: apt-get install haproxy"
PATIENCE_S = 10.0
QUIET_S = 0.1  # TLS has no half-closed connections
PIECE_BYTES = 1 << 16
ANSWER = re.compile(rb"HTTP/1\.[01] [2-5]\d\d ")
CONFIG = Template("""
global
    stats socket $directory/stats.sock mode 600
    maxconn 200
defaults
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    retries 0
frontend tls
    mode tcp
    bind 127.0.0.1:$tls
    default_backend pandad_tls
backend pandad_tls
    mode tcp
    server pandad 127.0.0.1:$to_tls
frontend strict
    mode http
    bind 127.0.0.1:$strict
    default_backend pandad
frontend lax
    mode http
    option accept-invalid-http-request
    bind 127.0.0.1:$lax
    default_backend pandad
backend pandad
    mode http
    option accept-invalid-http-response
    http-reuse always
    server pandad 127.0.0.1:$to_http pool-max-conn 1
""")


class Recorder:
    """Passes bytes to a port, and keeps what came back on each connection."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.sent: list[bytearray] = []
        self.came: list[bytearray] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def answers(self) -> int:
        """How many came back."""
        return sum(len(ANSWER.findall(each)) for each in self.came)

    def close(self) -> None:
        """Accept nobody any more."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self.sent.append(bytearray())
                self.came.append(bytearray())
                for source, target, kept in ((near, far, self.sent[-1]), (far, near, self.came[-1])):
                    threading.Thread(target=_pass_on, args=(source, target, kept), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            kept += piece
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class HaProxy:
    """One, in the foreground. ``ports``: tls (passes bytes on), strict and lax (read HTTP, as it comes from Debian and as lenient
    as it can be)."""

    def __init__(self, directory: Path, to_tls: int, to_http: int) -> None:
        assert PROGRAM is not None
        self._directory, self.ports = directory, {name: _free_port() for name in ("tls", "strict", "lax")}
        file = directory / "haproxy.cfg"
        file.write_text(CONFIG.substitute(self.ports, directory=directory, to_tls=to_tls, to_http=to_http))
        self._process = subprocess.Popen([PROGRAM, "-db", "-f", str(file)], stdout=subprocess.DEVNULL,
                                         stderr=(directory / "haproxy.log").open("wb"))

    async def listens(self) -> bool:
        """Whether it is ready; it opens its ports in their order."""
        assert self._process.poll() is None, (self._directory / "haproxy.log").read_text()
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.ports["lax"]))):
            return True
        return False

    def stop(self) -> None:
        """Return when it is gone."""
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def passed_on(self) -> int:
        """How many requests it has sent to the daemon, as it counts them."""
        with closing(socket.socket(socket.AF_UNIX)) as link:
            link.connect(str(self._directory / "stats.sock"))
            link.sendall(b"show stat\n")
            head, *rows = _all(link).decode().lstrip("# ").splitlines()
        named = [dict(zip(head.split(","), row.split(","), strict=False)) for row in rows if row]
        return int(next(row["stot"] for row in named if (row["pxname"], row["svname"]) == ("pandad", "pandad")))

    def ask(self, way: str, path: str, context: ssl.SSLContext | None = None) -> tuple[int, str]:
        """A good request, as of somebody else: status and text."""
        port = self.ports[way]
        link = (http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S) if context is None else
                http.client.HTTPSConnection("localhost", port, timeout=PATIENCE_S, context=context))
        with closing(link):
            link.request("GET", path)
            response = link.getresponse()
            return response.status, response.read().decode("utf-8", "replace")


def shout(port: int, text: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Bytes on a connection of their own, and then no more: all that came back."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with closing(plain if context is None else context.wrap_socket(plain, server_hostname="localhost")) as link:
        with suppress(OSError):
            link.sendall(text)
            if context is None:
                link.shutdown(socket.SHUT_WR)
            else:
                link.settimeout(QUIET_S)
        return _all(link)


def _all(link: socket.socket) -> bytes:
    found = b""
    with suppress(OSError):
        while piece := link.recv(PIECE_BYTES):
            found += piece
    return found


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])
