"""New files without a restart, and warnings long before something ends."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from pandad import metrics
from pandad.api.x509.expiry import endings
from pandad.api.x509.tls import GridContextFactory, GridFiles
from pandad.api.x509.tlswatch import WARNING_PERIOD_S, TlsWatch
from pandad.embedded.pki import SandboxPki, make_sandbox_pki
from pandad.embedded.proxies import pem_of, write_private

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PERIOD_S = 600
WARN_DAYS = 14


class Stand:
    """A watch over files of its own; ``said``: what it logged."""

    def __init__(self, directory: Path) -> None:
        self.pki = make_sandbox_pki(directory)
        self.files = GridFiles(self.pki.host_certificate, self.pki.host_key, self.pki.ca_directory, self.pki.vomsdir)
        self.tls, self.clock, self.said = GridContextFactory(self.files), Clock(), list[str]()
        self.now = NOW
        self.watch = TlsWatch(self.clock, lambda: self.now, self.tls, PERIOD_S, WARN_DAYS)

    def note(self, event: Any) -> None:
        if event.get("log_namespace", "").endswith("tlswatch.TlsWatch") and event["log_level"] >= LogLevel.warn:
            self.said.append(event["log_format"].format(**event))

    def round(self) -> list[str]:
        """One; what it logged."""
        self.said.clear()
        observer: Any = self.note
        globalLogPublisher.addObserver(observer)
        try:
            finish(self.watch.run_once())
        finally:
            globalLogPublisher.removeObserver(observer)
        return list(self.said)


def finish(work: Coroutine[Any, Any, bool]) -> None:
    """It waits for nothing."""
    with pytest.raises(StopIteration) as done:
        work.send(None)
    assert done.value.value is False


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def new_host(pki: SandboxPki, lifetime: timedelta) -> None:
    host = pki.authority.issue_host(["localhost"], NOW, lifetime)
    write_private(pki.host_key, pem_of(host.key))
    write_private(pki.host_certificate, pem_of(host.certificate), 0o644)


def new_list(pki: SandboxPki, age: timedelta, lifetime: timedelta) -> None:
    pki.authority.install_revocations(pki.ca_directory, pki.authority.revocation_list(NOW - age, lifetime=lifetime))


def test_nothing_to_say(stand: Stand) -> None:
    """While all is well there is no word, and the days that are left are numbers."""
    assert stand.round() == []
    days = metrics.DAYS_LEFT.values
    assert days["host",] == pytest.approx(395, abs=1)
    assert days["ca",] > 3000
    assert days["crl",] > 3000


@pytest.mark.parametrize(("days", "warned"), [(30, False), (15, False), (13, True), (1, True)])
def test_host_certificate_ends(stand: Stand, days: int, warned: bool) -> None:
    """The end of the host certificate is told two weeks before, with what to do."""
    new_host(stand.pki, days * DAY)
    said = stand.round()
    assert bool(said) is warned
    assert all("hostcert.pem expires in" in sentence and "replace it" in sentence for sentence in said)


def test_authority_ends(stand: Stand) -> None:
    """That of an authority too, once, though it lies there under two names by link or not."""
    stand.now = stand.pki.authority.certificate.not_valid_after_utc - 10 * DAY
    new_list(stand.pki, timedelta(0), 9000 * DAY)
    said = [sentence for sentence in stand.round() if ".0 " in sentence]
    assert said
    assert all("expires in 10.0 days" in sentence for sentence in said)


@pytest.mark.parametrize(("age", "lifetime", "warned"), [
    (0, 30, False), (20, 30, False), (24, 30, True), (40, 30, True), (2, 2.5, True)])
def test_revocation_list_ends(stand: Stand, age: float, lifetime: float, warned: bool) -> None:
    """A list that nobody renewed in three quarters of its time is told, and so is one that has ended."""
    new_list(stand.pki, age * DAY, lifetime * DAY)
    said = stand.round()
    assert bool(said) is warned
    assert all("fetch-crl" in sentence for sentence in said)


def test_once_a_day(stand: Stand) -> None:
    """Warnings come again after a day, not with each round; what begins to end meanwhile is told at once if nothing else was."""
    assert stand.round() == []
    new_host(stand.pki, 3 * DAY)
    assert len(stand.round()) == 1
    for _ in range(WARNING_PERIOD_S // PERIOD_S - 1):
        stand.clock.advance(PERIOD_S)
        assert stand.round() == []
    stand.clock.advance(PERIOD_S)
    assert len(stand.round()) == 1


def test_broken_reload(stand: Stand) -> None:
    """Files that cannot be used leave in force what was read before; the log says so each time, and readiness after a while."""
    stand.round()
    before = stand.tls.serverConnectionForTLS(stand).get_context()  # type: ignore[arg-type]
    stand.pki.host_key.rename(stand.pki.directory / "moved")
    failures = metrics.TLS_RELOADS.values["not done",]
    for number in range(1, 4):
        (said,) = stand.round()
        assert "stay in force" in said
        assert "hostkey.pem" in said
        assert metrics.TLS_RELOADS.values["not done",] == failures + number
        assert stand.watch.complaint() is None
        stand.clock.advance(PERIOD_S)
    assert stand.tls.serverConnectionForTLS(stand).get_context() is before  # type: ignore[arg-type]
    complaint = stand.watch.complaint()
    assert complaint is not None
    assert "hostkey.pem" in complaint
    (stand.pki.directory / "moved").rename(stand.pki.host_key)
    assert stand.round() == []
    assert stand.watch.complaint() is None
    assert stand.tls.serverConnectionForTLS(stand).get_context() is not before  # type: ignore[arg-type]


def test_unreadable_files_are_left_out(stand: Stand) -> None:
    """A file that is no certificate and no list has no end, and keeps nothing from being looked at."""
    (stand.pki.ca_directory / "00000000.0").write_text("nothing")
    (stand.pki.ca_directory / "00000000.r0").write_text("nothing")
    kinds = {ending.kind for ending in endings(stand.files, WARN_DAYS)}
    assert kinds == {"host", "ca", "crl"}
    assert stand.round() == []
