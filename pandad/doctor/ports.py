"""The ports: whether they can be had, and if not, who has them."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress

from pandad.doctor.finding import Finding, error
from pandad.doctor.installation import Installation
from pandad.doctor.processes import listener

PAGE = "how-to/runbooks.md#pandaddown"
TAKEN = error("port-taken", "another program has a port of pandad", "stop it (`ss -ltnp`), or write another port", PAGE)
DENIED = error(
    "port-denied", "this user may not use a port below 1024", "write a port from 1024, or let systemd listen (pandad.socket)",
    "operations.md#the-service")
NO_ADDRESS = error(
    "address-unknown", "this host has no such address", 'write interface = "", or an address that `ip address` lists', PAGE)


def ports(seen: Installation) -> Iterator[Finding]:
    """Each that is set."""
    server, console = seen.config.server, seen.config.console
    for section, name, interface, port in (
        ("server", "tls_port", server.interface, server.tls_port), ("server", "http_port", server.interface, server.http_port),
        ("console", "ssh_port", console.ssh_interface, console.ssh_port),
        ("console", "telnet_port", console.telnet_interface, console.telnet_port),
    ):
        if port:
            yield from _port(seen, interface, port, seen.place(section, name))


def _port(seen: Installation, interface: str, port: int, where: dict[str, str]) -> Iterator[Finding]:
    number = _refusal(interface, port)
    if number == errno.EADDRINUSE:
        if _is_pandad(interface, port, seen.limits.answer_s):
            return
        who = listener(port)
        if who is None or not (who.is_systemd or (where["key"].startswith("console") and who.is_pandad)):
            yield TAKEN.found(f"{port} belongs to {who or 'another program'}", **where)
    elif number == errno.EACCES:
        yield DENIED.found(f"{port} is refused to this user", **where)
    elif number is not None:
        yield NO_ADDRESS.found(f"{interface} cannot be listened on", **where)


def _refusal(interface: str, port: int) -> int | None:
    """The number of the error with which the daemon would fail, None if it would not."""
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        # As the daemon does it: connections of an earlier one that linger do not count.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((interface, port))
            listening.listen()
        except OSError as refused:
            return refused.errno
    return None


def address_of(interface: str) -> str:
    """Where to reach from this host what listens there."""
    return interface if interface not in ("", "0.0.0.0", "::") else "127.0.0.1"


def _is_pandad(interface: str, port: int, answer_s: float) -> bool:
    """Whether a pandad answers there, over TLS or without. It proves nothing to us, and gets nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host = address_of(interface)
    for connection in (http.client.HTTPConnection(host, port, timeout=answer_s),
                       http.client.HTTPSConnection(host, port, timeout=answer_s, context=context)):
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/api/v1/system/is_alive")
            if b"alive=yes" in connection.getresponse().read(1000):
                return True
    return False


