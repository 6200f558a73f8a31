"""What systemd and this process tell each other: readiness, signs of life, and sockets that outlive the process.

sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3): a datagram, two variables, and descriptors from 3 on. Where nobody set the
variables, nothing happens.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.endpoints import _SystemdParser
from twisted.logger import Logger
from twisted.python.systemd import ListenFDs

log = Logger()


class WrongSocket(Exception):
    """systemd passed a socket that this server has no use for; says which, and what to write."""


def tell(*lines: str) -> None:
    """Send ``READY=1``, ``WATCHDOG=1``, ... to systemd. One that does not listen is no reason to stop working."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.setblocking(False)
            s.sendto("\n".join(lines).encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
    except OSError as error:
        log.warn("systemd was not told {lines}: {problem}", lines=" ".join(lines), problem=str(error))


def watchdog_s() -> float | None:
    """Within which time systemd wants each sign of life of this process; None: it wants none."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    of_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(wanted) / 1e6 if wanted.isdigit() and int(wanted) and of_us else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port that this server opens: `name` is what FileDescriptorName= may say; the port's number does as well."""

    name: str
    port: int


def inherited() -> Sequence[tuple[int, str]]:
    """Descriptors and names that systemd passed. Twisted takes them out of the environment as soon as it is imported."""
    found: ListenFDs = _SystemdParser._sddaemon
    return list(zip(found.inheritedDescriptors(), found._names, strict=True))


def passed(wanted: tuple[Wanted, ...], found_here: Sequence[tuple[int, str]]) -> Mapping[str, socket.socket]:
    """The sockets that systemd listens on for us, by the names of what is wanted. Asked once: they are ours from then on.

    :param found_here: see `inherited`.
    :raise WrongSocket: one of them is nothing that is wanted, or is wanted twice.
    """
    found: dict[str, socket.socket] = {}
    for descriptor, said in found_here:
        os.set_inheritable(descriptor, False)
        listening = socket.socket(fileno=descriptor)
        listening.setblocking(False)
        name = _name(listening, said, wanted)
        if name in found:
            raise WrongSocket(f"systemd passed two sockets for {name}; keep one ListenStream= for it")
        found[name] = listening
    return found


def _name(listening: socket.socket, said: str, wanted: tuple[Wanted, ...]) -> str:
    if listening.family not in (socket.AF_INET, socket.AF_INET6) or listening.type != socket.SOCK_STREAM:
        raise WrongSocket(f"systemd passed a socket ({said or 'nameless'}) that is no TCP port; write ListenStream=0.0.0.0:PORT")
    port = listening.getsockname()[1]
    for each in wanted:
        if said == each.name or port == each.port:
            return each.name
    ports = " or ".join(f"{each.port} ({each.name})" for each in wanted)
    raise WrongSocket(f"systemd passed a socket on port {port}, and [server] has {ports}; make the ListenStream= in the socket "
                      "unit and [server] the same")
