"""The protocols of systemd, from this side."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from pandad import systemd
from pandad.config import ServerConfig
from pandad.consoleconfig import ConsoleConfig
from pandad.operation import CLOSE_LIMIT_S
from pandad.systemd import Wanted, WrongSocket, passed

WANTED = Wanted("tls", 25443), Wanted("http", 25080)


def listening(port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> int:
    """The descriptor of a new one, which is nobody else's."""
    opened = socket.socket(family)
    if family == socket.AF_INET:
        opened.bind(("127.0.0.1", port))
        opened.listen()
    return opened.detach()


def port_of(descriptor: int) -> int:
    """Its number."""
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        return int(opened.getsockname()[1])


def test_by_name() -> None:
    """FileDescriptorName= says which is which; none is blocking, nor inherited by children."""
    found = passed(WANTED, [(listening(), "http"), (listening(), "tls")])
    assert set(found) == {"tls", "http"}
    for each in found.values():
        assert not each.getblocking() and not os.get_inheritable(each.fileno())
        each.close()


def test_by_port() -> None:
    """So does the number, where the unit has one name for both."""
    first, second = listening(), listening()
    wanted = Wanted("tls", port_of(second)), Wanted("http", port_of(first))
    found = passed(wanted, [(first, "pandad.socket"), (second, "pandad.socket")])
    assert (found["http"].fileno(), found["tls"].fileno()) == (first, second)
    for each in found.values():
        each.close()


@pytest.mark.parametrize(("names", "sentence"), [
    (["pandad.socket"], r"on port \d+, and \[server\] has 25443 \(tls\) or 25080 \(http\); make the ListenStream="),
    (["tls", "tls"], "two sockets for tls")])
def test_a_socket_that_fits_nothing_is_refused(names: list[str], sentence: str) -> None:
    """The daemon would listen elsewhere, and nobody would come."""
    with pytest.raises(WrongSocket, match=sentence):
        passed(WANTED, [(listening(), name) for name in names])


def test_only_tcp() -> None:
    """A unix socket is none of ours."""
    with pytest.raises(WrongSocket, match="no TCP port"):
        passed(WANTED, [(listening(family=socket.AF_UNIX), "tls")])


def test_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without systemd nothing is sent, and no sign of life wanted."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    systemd.tell("READY=1")
    assert systemd.watchdog_s() is None


@pytest.mark.parametrize("abstract", [False, True])
def test_what_is_told(abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One datagram, one line each; to a path, or to a name of Linux's own."""
    name = f"@pandad-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(name.replace("@", "\0", 1))
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        systemd.tell("READY=1", "STATUS=works")
        assert heard.recv(1000) == b"READY=1\nSTATUS=works"


def test_a_manager_that_is_away_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon works on."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.tell("WATCHDOG=1")


@pytest.mark.parametrize(("usec", "pid", "wanted"), [
    ("3000000", None, 3.0), ("3000000", "own", 3.0), ("3000000", "1", None), ("0", None, None), ("soon", None, None)])
def test_signs_of_life(usec: str, pid: str | None, wanted: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wanted of this process, or of none."""
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert systemd.watchdog_s() == wanted


UNITS = Path(__file__).parents[1] / "etc"


def test_the_units_and_the_configuration_agree() -> None:
    """systemd listens where pandad would; a stop is given more time than it takes; a sign of life comes well within its time."""
    lines = [line for name in ("pandad.socket", "pandad.service") for line in (UNITS / name).read_text("utf-8").splitlines()]
    said = {line.partition("=")[0]: line.partition("=")[2] for line in lines if "=" in line and not line.startswith("#")}
    server = ServerConfig()
    ports = {int(line.rpartition(":")[2]) for line in lines if line.startswith("ListenStream=")}
    assert ports == {server.tls_port, server.http_port}
    assert said["Type"] == "notify" and said["Sockets"] == "pandad.socket"
    assert int(said["TimeoutStopSec"]) > server.stop_s + 2 * CLOSE_LIMIT_S
    assert f"/run/{said['RuntimeDirectory']}/console" == str(ConsoleConfig().socket)


MOST_EXPOSED = 20  # tenths: 2.0 is what is asked for, and 0 a service that can do nothing


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_what_a_taken_daemon_could_do() -> None:
    """Little: systemd rates what the unit leaves open."""
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(UNITS / "pandad.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units() -> None:
    """It complains of nothing but that pandad is not installed where the unit says."""
    done = subprocess.run(["systemd-analyze", "verify", UNITS / "pandad.socket", UNITS / "pandad.service"], capture_output=True,
                          text=True, timeout=30, check=False)
    assert [line for line in done.stderr.splitlines() if "is not executable" not in line] == []
