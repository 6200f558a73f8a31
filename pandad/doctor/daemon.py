"""A pandad that runs here, as its clients see it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from pandad import __version__
from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.hostcertificate import content_of
from pandad.doctor.installation import Installation
from pandad.doctor.ports import address_of
from pandad.doctor.processes import listener, most_files

RUNBOOKS = "how-to/runbooks.md#"
NOT_RUNNING = warning(
    "pandad-not-running", "no pandad answers on the ports of this configuration",
    "systemctl start pandad, then: journalctl -u pandad -n 50", RUNBOOKS + "pandaddown")
NO_ANSWER = error(
    "pandad-hangs", "something listens on the port, and does not answer",
    "journalctl -u pandad -n 50; then: systemctl restart pandad", RUNBOOKS + "pandadlags")
NOT_READY = error(
    "pandad-not-ready", "pandad says that it cannot work", "do what it says; it goes on by itself", RUNBOOKS + "pandaddown")
NOTE = warning("pandad-notes", "pandad works, and says that something is wrong", "do what it says", RUNBOOKS + "pandadrucioaway")
OTHER_CERTIFICATE = warning(
    "certificate-not-reloaded", "pandad shows another certificate than the one in the file", "systemctl reload pandad",
    RUNBOOKS + "pandadfilesunusable")
NO_TLS = error(
    "tls-refused", "no TLS connection can be made to pandad", "look for the reason in: journalctl -u pandad -n 50",
    RUNBOOKS + "pandadfilesunusable")
OTHER_VERSION = warning(
    "version-other", "the pandad that runs is not the one that is installed", "systemctl restart pandad", "operations.md#upgrade")
FEW_FILES = warning(
    "files-few", "the running pandad may not open as many connections as limits.connections says",
    "write LimitNOFILE={least} into the unit, then: systemctl restart pandad", "operations.md#the-service")

MOST_BYTES = 4 << 20
OWN_FILES = 200


@dataclass(frozen=True, slots=True)
class Door:
    """The port where anybody may ask how it goes."""

    host: str
    port: int
    answer_s: float

    def get(self, path: str) -> Mapping[str, Any]:
        """A JSON object; nothing, if it answers with something else.

        :raise OSError, HTTPException: it does not answer.
        """
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=self.answer_s)) as connection:
            connection.request("GET", path, headers={"Accept": "application/json"})
            try:
                found = json.loads(connection.getresponse().read(MOST_BYTES))
            except ValueError:
                return {}
        return found if isinstance(found, dict) else {}


def daemon(seen: Installation) -> Iterator[Finding]:
    """What it says, and what it shows."""
    server = seen.config.server
    if not server.http_port:
        return  # the system chose, and nobody here knows what
    door = Door(address_of(server.interface), server.http_port, seen.limits.answer_s)
    try:
        ready = door.get("/readyz")
    except ConnectionRefusedError:
        yield NOT_RUNNING.found(f"port {server.http_port} is closed", **seen.place("server", "http_port"))
        return
    except (OSError, http.client.HTTPException) as silent:
        yield NO_ANSWER.found(f"port {server.http_port}: {silent or type(silent).__name__}", **seen.place("server", "http_port"))
        return
    if not isinstance(ready.get("checks"), dict):
        return  # another program, which `ports` tells
    for name, check in ready["checks"].items():
        if not check.get("ok"):
            yield NOT_READY.found(f"{name}: {check.get('problem')}")
    yield from (NOTE.found(str(note)) for note in ready.get("notes", ()))
    yield from _version(door)
    yield from _files(seen, server.http_port)
    if server.tls_port:
        yield from _certificate(seen, door.host, server.tls_port)


def _version(door: Door) -> Iterator[Finding]:
    try:
        version = door.get("/api/v1/openapi.json").get("info", {}).get("version")
    except (OSError, http.client.HTTPException):
        return
    if version and version != __version__:
        yield OTHER_VERSION.found(f"{version} runs, and {__version__} is installed")


def _files(seen: Installation, port: int) -> Iterator[Finding]:
    who, least = listener(port), seen.config.limits.connections + OWN_FILES
    most = most_files(who.pid) if who is not None and not who.is_systemd else None
    if most is not None and most < least:
        yield FEW_FILES.found(f"it may have {most} descriptors, and limits.connections is {seen.config.limits.connections}",
                              **seen.place("limits", "connections"), least=least)


def _certificate(seen: Installation, host: str, port: int) -> Iterator[Finding]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), seen.limits.answer_s) as raw, context.wrap_socket(raw) as secured:
            shown = secured.getpeercert(binary_form=True)
    except OSError as refused:
        yield NO_TLS.found(f"port {port}: {refused}", **seen.place("server", "tls_port"))
        return
    content = content_of(seen.config.tls.host_certificate)
    try:
        there = x509.load_pem_x509_certificate(content or b"")
    except ValueError:
        return
    if shown is not None and x509.load_der_x509_certificate(shown) != there:
        yield OTHER_CERTIFICATE.found(f"port {port} shows another one than {seen.config.tls.host_certificate}",
                                      **seen.place("tls", "host_certificate"))
