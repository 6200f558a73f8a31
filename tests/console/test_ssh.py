"""The console over SSH, with OpenSSH's own client."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from console.conftest import Office
from pandad.console import ssh
from pandad.console.hostkey import HostKeyError, host_key
from pandad.console.policy import Rank

LIMIT_S = 30
PEOPLE = ("olga", "rita", "mallory")
pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="OpenSSH's client is not installed")


@dataclass
class Town:
    """The console's port, and the folder in which people keep their keys."""

    port: int
    folder: Path

    def ssh(self, who: str, *words: str, stdin: str = "", options: tuple[str, ...] = ()) -> tuple[int, str]:
        """Exit status, and all that was printed."""
        settings = ["IdentitiesOnly=yes", "IdentityAgent=none", "BatchMode=yes", f"UserKnownHostsFile={self.folder / 'known'}",
                    "StrictHostKeyChecking=no", "LogLevel=ERROR", "GlobalKnownHostsFile=none"]
        command = ["ssh", "-F", "none", "-p", str(self.port), "-i", str(self.folder / who)]
        command += [word for each in settings for word in ("-o", each)] + [*options, "anybody@127.0.0.1", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        return done.returncode, done.stdout + done.stderr


def a_key(path: Path, kind: str = "ed25519") -> str:
    """A new one; the line for authorized_keys."""
    key: Any = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 1024)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    public: bytes = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return f"{public.decode()} {path.name}@example\n"


@async_yield_fixture
async def town(office: Office, tmp_path: Path) -> AsyncIterator[Town]:
    """olga is an operator, rita a reader, mallory nobody."""
    lines = {who: a_key(tmp_path / who) for who in PEOPLE}
    (tmp_path / "operators").write_text("# those who may\n\n" + lines["olga"])
    (tmp_path / "readers").write_text("no key at all\n" + lines["rita"])
    keys = ssh.Keys({Rank.OPERATOR: tmp_path / "operators", Rank.READER: tmp_path / "readers"})
    factory = ssh.ConsoleFactory(reactor, office.desk, ssh.usable(host_key(tmp_path / "host")), keys)
    real: Any = reactor
    port = real.listenTCP(0, factory, interface="127.0.0.1")
    yield Town(port.getHost().port, tmp_path)
    await port.stopListening()


@ensureDeferred
async def test_one_line(town: Town, office: Office) -> None:
    """The answer is printed, the exit status says whether it was done; the audit has the key and the address."""
    assert await deferToThread(town.ssh, "olga", "reload") == (0, "all was read again\n")
    assert await deferToThread(town.ssh, "olga", "drain NOWHERE reason=x") == (1, "there is no queue NOWHERE\n")
    shown = subprocess.run(["ssh-keygen", "-lf", town.folder / "olga"], capture_output=True, text=True, check=True).stdout
    printed = shown.split()[1]
    assert [(who, host, target) for who, host, _, target in await office.audited()] == [
        (printed, "127.0.0.1", "reload"), (printed, "127.0.0.1", "drain NOWHERE reason=x")]


@ensureDeferred
async def test_readers_look(town: Town) -> None:
    """A key gives the rank of the file that it is in."""
    assert (await deferToThread(town.ssh, "rita", "loops"))[0] == 0
    code, said = await deferToThread(town.ssh, "rita", "reload")
    assert code == 1 and "this verb is for operators; you are SHA256:" in said


@ensureDeferred
async def test_others_do_not_come_in(town: Town, office: Office) -> None:
    """Another key, a password, and a key that was taken out a moment ago."""
    assert (await deferToThread(town.ssh, "mallory", "loops"))[0] == 255
    code, said = await deferToThread(town.ssh, "mallory", "loops", options=("-o", "PreferredAuthentications=password"))
    assert code == 255 and "Permission denied (publickey)" in said
    (town.folder / "operators").write_text("")
    assert (await deferToThread(town.ssh, "olga", "loops"))[0] == 255
    assert await office.audited() == []


@ensureDeferred
async def test_weak_keys_do_not_count(town: Town) -> None:
    """RSA of less than 2048 bits."""
    line = a_key(town.folder / "weak", "rsa")
    with (town.folder / "operators").open("a") as keys:
        keys.write(line)
    assert (await deferToThread(town.ssh, "weak", "loops", options=("-o", "RequiredRSASize=1024")))[0] == 255


@ensureDeferred
async def test_a_list_that_others_can_change_lets_nobody_in(town: Town) -> None:
    """As sshd's StrictModes."""
    (town.folder / "operators").chmod(0o666)
    assert (await deferToThread(town.ssh, "olga", "loops"))[0] == 255
    assert (await deferToThread(town.ssh, "rita", "loops"))[0] == 0


@ensureDeferred
async def test_nothing_but_sessions(town: Town) -> None:
    """No forwarding, and no subsystem."""
    forward = ("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1")
    code, said = await deferToThread(town.ssh, "olga", "loops", options=forward)
    assert code == 255 and "forwarding" in said
    assert (await deferToThread(town.ssh, "olga", "sftp", options=("-s",)))[0] != 0


@ensureDeferred
async def test_a_terminal(town: Town, office: Office) -> None:
    """Line editing, history and completion are this end's."""
    keys = "relo\t\r" + "hepl\x7f\x7flp\r" + "\x1b[A\x1b[A\r" + "queues status=on\t\r" + "quit\r"
    code, said = await deferToThread(town.ssh, "olga", stdin=keys, options=("-tt",))
    assert said.count("all was read again") == 2, said
    assert await gone(office)
    assert "an operator, over ssh" in said and "what it does" in said and "there are no such queues" in said


async def gone(office: Office) -> bool:
    """Nobody is at the desk any more."""
    while office.desk.bench.sessions:
        await deferToThread(lambda: None)
    return True


@ensureDeferred
async def test_control_keys(town: Town) -> None:
    """Ctrl-C forgets the line, Ctrl-U too, Ctrl-D ends it."""
    code, said = await deferToThread(town.ssh, "olga", stdin="nonsense\x03reload\rmore\x15reload\r\x04", options=("-tt",))
    assert said.count("all was read again") == 2 and "is no verb" not in said, said


def test_the_host_key_is_its_own(tmp_path: Path) -> None:
    """Made once, of mode 0600; one that others can read is refused, and so is what is no key."""
    made = host_key(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert host_key(tmp_path / "key") == made
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(HostKeyError, match="may be read by others"):
        host_key(tmp_path / "key")
    with pytest.raises(HostKeyError, match="cannot be used"):
        host_key(tmp_path / "no" / "such" / "folder")
    with pytest.raises(HostKeyError, match="is no key"):
        ssh.usable(b"-----BEGIN OPENSSH PRIVATE KEY-----\nxx\n-----END OPENSSH PRIVATE KEY-----\n")


