"""The console over telnet: this host, these accounts, to look only."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from console.conftest import Office
from pandad.config import ConfigError, parse
from pandad.console import telnet, whose
from pandad.spec.errors import Forbidden

LIMIT_S = 20
NOBODY = 65534
TALK = """
import os, socket, sys
"x".encode("idna")  # loaded while its file can be read
if sys.argv[2] != "-":
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
s.sendall(sys.stdin.buffer.read())
got = b""
try:
    while part := s.recv(65536):
        got += part
except ConnectionResetError:
    pass
sys.stdout.buffer.write(got)
"""


@async_yield_fixture
async def port(office: Office) -> AsyncIterator[int]:
    """That of the console."""
    real: Any = reactor
    opened = real.listenTCP(0, telnet.factory(reactor, office.desk), interface="127.0.0.1")
    yield opened.getHost().port
    await opened.stopListening()


def talk(port: int, lines: str, account: str = "-") -> str:
    """All that the other end says."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", TALK, str(port), account], input=lines.encode(), capture_output=True,
                          timeout=LIMIT_S, check=True)
    return re.sub(rb"\xff[\xfb-\xfe].|\xff\xfa.*?\xff\xf0", b"", done.stdout).decode("utf-8", "replace")


@ensureDeferred
async def test_a_dialogue(port: int, office: Office) -> None:
    """One looks, steers not, and is in the audit by the name of the account."""
    said = await deferToThread(talk, port, "loops\r\nreload\r\nquit\r\n")
    assert "a reader, over telnet" in said and "brokerage" in said and "cannot be used over telnet" in said
    assert not office.desk.bench.sessions
    me = whose._login(os.geteuid())
    assert [(who, target) for who, _, _, target in await office.audited()] == [(me, "loops"), (me, "reload")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")
@ensureDeferred
async def test_other_accounts_are_refused(port: int, office: Office) -> None:
    """Whose socket it is at the other end the kernel knows."""
    said = await deferToThread(talk, port, "loops\r\n", str(NOBODY))
    assert "the console is for root and" in said and "brokerage" not in said
    assert [target for *_, target in await office.audited(1)][0].startswith("refused:")


def test_from_elsewhere_nobody_comes_in(tmp_path: Path) -> None:
    """An address whose sockets this kernel does not have is refused, even if somehow it got here."""
    table = tmp_path / "tcp"
    table.write_text("  sl  local_address rem_address\n   0: 0100007F:0017 00000000:0000 0A 0:0 0:0 0 0 0 1\n")
    with pytest.raises(Forbidden, match=r"the console is for this host alone, and 192\.0\.2\.1 port 5000"):
        whose.of_loopback(("192.0.2.1", 5000), ("127.0.0.1", 23), table)


def test_the_kernel_knows_its_own() -> None:
    """Both ends of a connection on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as client:
        served, theirs = listening.accept()
        with served:
            peer = whose.of_loopback(theirs, served.getsockname())
            assert whose.uid_of(peer) == os.geteuid()
            assert client.getsockname() == theirs


@pytest.mark.parametrize("interface", ["0.0.0.0", "", "192.0.2.1", "::", "localhost"])
def test_only_on_loopback(interface: str) -> None:
    """Any other address is a mistake in the configuration, which says what to do instead."""
    with pytest.raises(ConfigError, match="which other hosts can reach; write \"127.0.0.1\", or use SSH"):
        parse(f'[database]\ndsn = "dbname=x"\n[console]\ntelnet_port = 2323\ntelnet_interface = "{interface}"\n')


def test_nothing_but_the_socket_by_default() -> None:
    """No port beyond the two of calls, and no Python."""
    console = parse('[database]\ndsn = "dbname=x"\n').console
    assert (console.ssh_port, console.telnet_port, console.python) == (0, 0, False)


@pytest.mark.parametrize(("keys", "sentence"), [
    ("ssh_port = 22022", "has ssh_port and no ssh_host_key"),
    ('ssh_port = 22022\nssh_host_key = "k"', "has ssh_port and no keys of persons")])
def test_what_goes_together(keys: str, sentence: str) -> None:
    """A port without keys lets nobody in; the configuration says so."""
    with pytest.raises(ConfigError, match=sentence):
        parse(f'[database]\ndsn = "dbname=x"\n[console]\n{keys}\n')
