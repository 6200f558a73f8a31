"""Which account of this host is at the other end of a connection. The kernel says it; nobody is asked."""

from __future__ import annotations

import os
import pwd
import socket
import struct
import sys
from pathlib import Path

from pandad.console.policy import HIGHEST, Peer, Rank, Way
from pandad.spec.errors import Forbidden

ROOT = 0
TABLE = Path("/proc/net/tcp")
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7)


def of_socket(connection: socket.socket) -> Peer:
    """Who connected to the unix socket."""
    pid, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return _peer(Way.SOCKET, uid, f"uid {uid}, pid {pid}")


def of_loopback(theirs: tuple[str, int], ours: tuple[str, int], table: Path = TABLE) -> Peer:
    """Who connected from an address of this host: the owner of the socket at the other end.

    :raise Forbidden: it is not from here, or the kernel does not know it.
    """
    wanted = [_written(theirs), _written(ours)]
    with table.open(encoding="ascii") as lines:
        for line in lines:
            fields = line.split()
            if fields[1:3] == wanted:
                return _peer(Way.TELNET, int(fields[7]), f"uid {fields[7]}")
    raise Forbidden(f"the console is for this host alone, and {theirs[0]} port {theirs[1]} is no socket of it")


def check(peer: Peer, uid: int) -> None:
    """:raise Forbidden: only root and the account of this process may come in."""
    if uid not in (ROOT, os.geteuid()):
        raise Forbidden(f"the console is for root and {_login(os.geteuid())}; you are {peer.who} ({peer.detail})")


def uid_of(peer: Peer) -> int:
    """The account's number."""
    return int(peer.detail.removeprefix("uid ").partition(",")[0])


def _peer(way: Way, uid: int, detail: str) -> Peer:
    return Peer(way, min(HIGHEST[way], Rank.OPERATOR), _login(uid), detail, socket.gethostname())


def _login(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _written(address: tuple[str, int]) -> str:
    """As in /proc/net/tcp: the number as it lies in memory, and the port."""
    return f"{int.from_bytes(socket.inet_aton(address[0]), sys.byteorder):08X}:{address[1]:04X}"
