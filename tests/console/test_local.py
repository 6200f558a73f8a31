"""The console on its unix socket: who gets in, and that a dialogue goes on."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from codewatch import findings
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

import pandad
from console.conftest import Office
from pandad.console import whose
from pandad.console.local import Place

LIMIT_S = 20
NOBODY = 65534
HELLO = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    print(s.makefile().readline())
except OSError as error:
    print(type(error).__name__)
"""


class Wire:
    """A client, in threads: the reactor serves it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(LIMIT_S)
        self._socket.connect(str(path))
        self._received = self._socket.makefile("rb")

    def send(self, **message: Any) -> None:
        """Say something."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    async def heard(self) -> dict[str, Any]:
        """The next message; empty if the other end hung up."""
        try:
            line = await deferToThread(self._received.readline)
        except ConnectionResetError:  # what it had still sent was not read
            line = b""
        got: dict[str, Any] = json.loads(line) if line else {}
        return got

    async def said(self, **message: Any) -> dict[str, Any]:
        """The answer to a message."""
        self.send(**message)
        return await self.heard()

    def close(self) -> None:
        """Hang up."""
        self._received.close()
        self._socket.close()


@async_yield_fixture
async def place(office: Office, open_directory: Path) -> AsyncIterator[Path]:
    """The path of the socket of that office; its folder is one that everybody may enter."""
    path = open_directory / f"console{os.urandom(4).hex()}"
    opened = Place(reactor, office.desk, path)
    await opened.take()
    yield path
    await opened.leave()
    assert not path.exists()


async def hello(path: Path) -> tuple[Wire, str]:
    """A client that is in."""
    wire = await deferToThread(Wire, path)
    return wire, (await wire.heard())["hello"]


@ensureDeferred
async def test_a_dialogue(place: Path, office: Office) -> None:
    """Hello says who one is; a line is answered in text and as data; completions come; the audit names the account."""
    wire, said = await hello(place)
    assert f"you are {whose._login(os.geteuid())} (uid {os.geteuid()}, pid {os.getpid()}), an operator, over socket" in said
    answer = await wire.said(line="reload")
    assert (answer["good"], answer["text"], answer["prompt"]) == (True, "all was read again", "pandad> ")
    assert json.loads((await wire.said(line="loops"))["data"])[0]["loop"] == "brokerage"
    assert (await wire.said(complete="dra"))["completions"] == ["drain"]
    assert not (await wire.said(line="drain"))["good"]
    assert len(json.loads((await wire.said(line="sessions"))["data"])) == 1
    wire.close()
    assert {who for who, *_ in await office.audited()} == {whose._login(os.geteuid())}


@ensureDeferred
async def test_for_its_own_account(place: Path) -> None:
    """The socket and its lock are of mode 0600."""
    for path in (place, Path(f"{place}.lock")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")
@pytest.mark.parametrize(("mode", "answer"), [(0o600, "PermissionError"), (0o666, "the console is for root and root; you are ")])
@ensureDeferred
async def test_other_accounts_are_refused(place: Path, office: Office, mode: int, answer: str) -> None:
    """By the mode of the socket; and should that be changed, by what the kernel says of the other end, which the audit keeps."""
    place.chmod(mode)
    said = await deferToThread(_as_nobody, place)
    assert answer in said
    if mode == 0o666:
        assert f"(uid {NOBODY}, pid " in said
        assert [target for *_, target in await office.audited(1)][0].startswith("refused: the console is for root")


def _as_nobody(path: Path) -> str:
    done = subprocess.run([sys.executable, "-I", "-S", "-c", HELLO, str(path), str(NOBODY)], capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("nonsense", [b"GET / HTTP/1.1\r\n", b"{}\n", b'{"line": 5}\n', b"[" * 5000 + b"\n", b'"\xff"\n'])
@ensureDeferred
async def test_nonsense_ends_it(place: Path, nonsense: bytes) -> None:
    """What is no message is told so, and hung up on."""
    wire, _ = await hello(place)
    wire._socket.sendall(nonsense)
    assert "not understood" in (await wire.heard())["refused"]
    assert await wire.heard() == {}
    wire.close()


@ensureDeferred
async def test_endless_lines_end_it(place: Path) -> None:
    """Nobody fills the memory."""
    wire, _ = await hello(place)
    wire._socket.sendall(b"x" * 100_000)
    assert await wire.heard() == {}
    wire.close()


@ensureDeferred
async def test_one_line_at_a_time(place: Path, office: Office) -> None:
    """A second one is refused until the first is done, and Ctrl-C ends that."""
    for loop in office.desk.bench.loops:
        loop._body = lambda: Deferred()  # a round that does not end
    wire, _ = await hello(place)
    wire.send(line="loop run brokerage")
    assert "is not done" in (await wire.said(line="help"))["text"]
    assert "interrupted" in (await wire.said(cancel=True))["text"]
    assert (await wire.said(line="help"))["good"]
    wire.close()
    for loop in office.desk.bench.loops:
        loop._ended = None


@ensureDeferred
async def test_who_comes_second_waits(place: Path, office: Office) -> None:
    """Another process on the same path does not take it away; once the first is gone it has it."""
    second = Place(reactor, office.desk, place)
    await second.take()
    assert second._port is None and "another process's" in second._said
    wire, _ = await hello(place)
    wire.close()


@ensureDeferred
async def test_what_a_killed_process_left_is_no_hindrance(office: Office, open_directory: Path) -> None:
    """Its socket is replaced: the lock went with it."""
    path = open_directory / "left"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    opened = Place(reactor, office.desk, path)
    await opened.take()
    wire, _ = await hello(path)
    wire.close()
    await opened.leave()


@ensureDeferred
async def test_not_where_anybody_could_put_his_own(office: Office, open_directory: Path) -> None:
    """In a folder that all may write in, somebody else's socket could stand there and be told what only operators say."""
    folder = open_directory / "anybodys"
    folder.mkdir()
    folder.chmod(0o777)
    opened = Place(reactor, office.desk, folder / "console")
    await opened.take()
    assert "anybody may put another file in its place" in opened._said and list(folder.iterdir()) == []


@ensureDeferred
async def test_no_python_unless_configured(place: Path) -> None:
    """The verb says what would have to be done, and the next line is no Python."""
    wire, _ = await hello(place)
    assert "[console] python = true makes one" in (await wire.said(line="python"))["text"]
    assert "is no verb" in (await wire.said(line="1 + 1"))["text"]
    wire.close()


@ensureDeferred
async def test_the_interpreter_is_not_even_loaded() -> None:
    """Of a daemon whose configuration does not ask for it."""
    question = ("import sys, pandad.console.room\n"
                "print([m for m in ('pandad.console.prompt', 'twisted.conch.manhole') if m in sys.modules])")
    done = await deferToThread(subprocess.run, [sys.executable, "-c", question], capture_output=True, text=True, check=True,
                               env={**os.environ, "PYTHONPATH": str(Path(pandad.__file__).parents[1])})
    assert done.stdout.strip() == "[]"


@ensureDeferred
async def test_python_if_configured(place: Path, office: Office) -> None:
    """Lines of Python over several lines, an error, what is printed later; each of them in the audit; exit leads back."""
    later: Deferred[str] = Deferred()
    office.desk.bench.__dict__["python"] = {"later": later}
    wire, _ = await hello(place)
    assert "There are: later" in (await wire.said(line="python"))["text"]
    assert (await wire.said(line="6 * 7"))["text"] == "42"
    assert (await wire.said(line="for n in (1, 2):"))["prompt"] == "... "
    assert (await wire.said(line="    print(n)"))["prompt"] == "... "
    assert (await wire.said(line=""))["text"] == "1\n2"
    assert "ZeroDivisionError" in (await wire.said(line="1 / 0"))["text"]
    assert "Deferred" in (await wire.said(line="later"))["text"]
    later.callback("fired")
    assert "fired" in (await wire.heard())["later"]
    assert (await wire.said(line="exit"))["prompt"] == "pandad> "
    assert (await wire.said(line="help"))["good"]
    wire.close()
    assert [target for *_, target in await office.audited()][:3] == ["python", "python: 6 * 7", "python: for n in (1, 2):"]
    found, findings[:] = {each.split(":")[0].rpartition("/")[2] for each in findings}, []
    assert found <= {"code.py", "codeop.py"}, "Python was to be run by Python's own interpreter loop, and by nothing else"
