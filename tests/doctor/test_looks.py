"""What cannot be brought about here, given to the looks as they would see it; and that no look can stop another."""

from __future__ import annotations

import errno
import os
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from doctor.goodconfiguration import lay_out
from pandad.doctor import ports, storage
from pandad.doctor.database import of_server, unreachable
from pandad.doctor.examination import DEADLINE_S, Question, examine
from pandad.doctor.finding import Finding
from pandad.doctor.host import host
from pandad.doctor.installation import Installation, installation
from pandad.doctor.look import Look
from pandad.doctor.names import Resolver, names
from pandad.doctor.processes import listener, most_files
from pandad.embedded.pki import SandboxPki
from pandad.taskbuffer.diagnosis import Server

WELL = Server(
    version=150000, version_name="15.0", standby=False, read_only=False, encoding="UTF8", settings={}, most_sessions=100,
    reserved_sessions=3, others=1, clock_s=0.0, can_create=True, can_write=True, not_mine=None, oldest_s=None, oldest_who=None,
    prepared=None, idle_slots=None, waits_for="", standbys=0, oldest_age=1000, directory=None, local=True)


@pytest.fixture
def seen(tmp_path: Path, pki: SandboxPki) -> Installation:
    """An installation that is well."""
    found, findings = installation(lay_out(tmp_path, pki), datetime.now(UTC))
    assert found is not None, findings
    return found


def faults(findings: Any) -> list[str]:
    """Their names."""
    return [finding.fault for finding in findings]


@pytest.mark.parametrize(("but", "fault"), [
    ({"standby": True, "read_only": True}, "database-standby"),
    ({"oldest_age": 1_600_000_000}, "database-age"),
    ({"settings": {"synchronous_commit": "off"}}, "database-unsafe"),
    ({"settings": {"zero_damaged_pages": "on"}}, "database-unsafe"),
    ({"others": 95}, "database-few-connections"),
    ({"waits_for": "one", "standbys": 1}, None),
])
def test_what_a_server_says_of_itself(seen: Installation, but: dict[str, Any], fault: str | None) -> None:
    """One that is well gives no finding."""
    well = replace(WELL, clock_s=seen.now.timestamp())
    assert faults(of_server(seen, well, {})) == []
    assert faults(of_server(seen, replace(well, **but), {})) == ([] if fault is None else [fault])


@pytest.mark.parametrize(("said", "fault"), [
    ('FATAL:  password authentication failed for user "pandad"', "database-login"),
    ('FATAL:  no pg_hba.conf entry for host "192.0.2.1", user "pandad", database "x", no encryption', "database-login"),
    ('FATAL:  role "pandad" does not exist', "database-login"),
    ('FATAL:  database "pandad" does not exist', "database-missing"),
    ("FATAL:  sorry, too many clients already", "database-full"),
    ("FATAL:  remaining connection slots are reserved for non-replication superuser connections", "database-full"),
    ("FATAL:  the database system is in recovery mode", "database-starting"),
    ("SSL error: certificate verify failed", "database-tls"),
    ('root certificate file "/root/.postgresql/root.crt" does not exist', "database-tls"),
    ("no connection to the database within 5 s", "database-silent"),
    ("connection to server at \"db\", port 5432 failed: session is read-only", "database-standby"),
    ("could not fork new process for connection", "database-unreachable"),
])
def test_what_postgresql_says_when_it_refuses(said: str, fault: str) -> None:
    """Each sentence has its meaning, and stands in the finding."""
    finding = unreachable(said, {})
    assert (finding.fault, finding.text) == (fault, said)


def test_an_address_of_another_name(seen: Installation) -> None:
    """Forth and back must lead to the same; a server that only this host reaches needs no name."""
    def resolver(name: str) -> Resolver:
        return Resolver(addresses=lambda host: ["192.0.2.7"], name=lambda address: name, is_ours=lambda address: True)

    assert faults(names(seen, resolver("other.example.org"))) == []
    server = replace(seen.config.server, interface="")
    for_all = replace(seen, config=replace(seen.config, server=server), host="here.example.org")
    assert faults(names(for_all, resolver("other.example.org"))) == ["name-reverse"]
    assert faults(names(for_all, resolver("Here.example.org."))) == []


def test_a_port_that_is_refused(seen: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who may not have it is told so, and no other program is blamed."""
    monkeypatch.setattr(ports, "_refusal", lambda interface, port: errno.EACCES)
    assert faults(ports.ports(seen)) == ["port-denied", "port-denied"]


def test_folders_that_are_closed(seen: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of an endpoint that is there and closed to this user."""
    assert faults(storage.endpoints(seen)) == []
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert faults(storage.endpoints(seen)) == ["endpoint-unreadable"]


def test_a_console_of_another_account(seen: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is there, and neither ours nor root's."""
    path = seen.config.console.socket
    assert path is not None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else os.path.relpath(path))
        assert faults(host(seen)) == []
        if os.geteuid() == 0:
            os.chown(path, 4242, -1)
        owner = path.stat().st_uid
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        assert faults(host(seen)) == ["console-foreign"]


def test_who_listens_is_found() -> None:
    """This very process, by its number; nobody on a port that is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        who = listener(port)
        assert who is not None and who.pid == os.getpid()
        assert str(os.getpid()) in str(who)
    assert listener(port) is None
    assert (most_files(os.getpid()) or 0) > 0
    assert most_files(2**22 + 1) is None


class Host(Clock):
    """A clock to which threads may speak, and are not heard."""

    def callFromThread(self, work: Any, *args: Any) -> None:
        """Nobody is there any more."""


def test_a_look_that_hangs_is_told(seen: Installation) -> None:
    """When its time is over, whatever it waits for; the others are told too."""
    over, clock = threading.Event(), Host()

    def hang(seen: Installation) -> list[Finding]:
        over.wait()
        return []

    late = Question("late", "a partner that hangs", (), lambda seen, reactor: Deferred())
    looks = Look("disk", "a disk that hangs", (), hang), late
    examined = Deferred.fromCoroutine(examine(clock, seen, looks))
    clock.advance(DEADLINE_S - 0.1)
    assert not examined.called
    clock.advance(0.2)
    over.set()
    found: list[list[Finding]] = []
    examined.addCallback(found.append)
    assert faults(found[0]) == ["look-late", "look-late"]
    assert "a disk that hangs" in found[0][0].text


@ensureDeferred
async def test_a_look_that_may_not_look_is_told(seen: Installation) -> None:
    """And stops no other."""
    def closed(seen: Installation) -> list[Finding]:
        raise PermissionError(errno.EACCES, "Permission denied", "/secret")

    looks = [Look("closed", "a closed folder", (), closed), Look("none", "nothing", (), lambda seen: [])]
    found = await examine(reactor, seen, looks)
    assert faults(found) == ["look-failed"]
    assert "/secret" in found[0].text


@ensureDeferred
async def test_what_is_wrong_in_the_configuration_is_not_looked_at(seen: Installation) -> None:
    """A look whose keys could not be read would look at their defaults, which nobody meant."""
    looked: list[str] = []
    look = Look("x", "x", ("database.dsn", "tls"), lambda seen: looked.append("x") or ())  # type: ignore[func-returns-value]
    for left_out, happens in ((("log", "level"), ["x"]), (("tls", "host_key"), []), (("database",), []), (("tls",), [])):
        looked.clear()
        await examine(reactor, replace(seen, left_out=frozenset({left_out})), [look])
        assert looked == happens, left_out
