"""What a VO says of a user, on his credential: as long as it lasts, and why not if it does not count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from pandad import metrics
from pandad.api.auth import X509Authenticator
from pandad.api.x509.gridcert import read
from pandad.api.x509.tls import GridContextFactory, GridFiles
from pandad.embedded.pki import BASE, SANDBOX_USERS, SandboxPki
from pandad.embedded.proxies import LIMITED, Credential, make_proxy
from pandad.embedded.voms import VomsServer, in_extension
from pandad.spec.errors import NotAuthenticated

NOW = datetime.now(UTC)
HOUR_S = 3600


class Connection:
    """What is asked of a TLS connection after its handshake."""

    is_unsettled = accept_old_style = False

    def __init__(self, pki: SandboxPki, shown: Credential) -> None:
        self.chain = [read(link) for link in (shown.certificate, *shown.chain, pki.authority.certificate)]

    def getHandle(self) -> Connection:
        return self


class Request:
    """On a connection of its own."""

    def __init__(self, pki: SandboxPki, shown: Credential) -> None:
        self.transport = Connection(pki, shown)

    def isSecure(self) -> bool:
        return True

    def getClientAddress(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.1", 4711)


class Stand:
    """An authenticator with a clock, and a VOMS server that is not known to it until `install`."""

    def __init__(self, pki: SandboxPki, vomsdir: Path) -> None:
        self.pki, self.vomsdir, self.clock = pki, vomsdir, Clock()
        self.server = VomsServer("pandad", "localhost", pki.authority.issue_user(f"{BASE}/OU=Hosts/CN=voms", NOW))
        self.tls = GridContextFactory(GridFiles(pki.host_certificate, pki.host_key, pki.ca_directory, vomsdir))
        self.authenticator = X509Authenticator(self.clock.seconds, self.tls.attributes)
        self.clock.advance(NOW.timestamp())

    def install(self) -> None:
        self.server.install(self.vomsdir)
        self.tls.reload()

    def extension(self, *fqans: str, hours: int = 1) -> bytes:
        return in_extension(self.server.attribute_certificate(
            self.pki.users["alice"].certificate, NOW, fqans=fqans, nickname="ali", lifetime=timedelta(hours=hours)))

    def request(self, shown: Credential) -> Request:
        return Request(self.pki, shown)


@pytest.fixture
def stand(pki: SandboxPki, tmp_path: Path) -> Stand:
    return Stand(pki, tmp_path)


def of_alice(stand: Stand, *fqans: str, **how: str) -> Credential:
    return make_proxy(stand.pki.users["alice"], NOW, attributes=stand.extension(*fqans), **how)  # type: ignore[arg-type]


@ensureDeferred
async def test_as_long_as_they_last(stand: Stand) -> None:
    """They end before the proxy: then the identity is left, and it says why there is no more; in the end nothing is."""
    stand.install()
    request = stand.request(of_alice(stand, "/pandad/Role=production", "/pandad"))
    for _ in range(2):
        credential = await stand.authenticator.authenticate(request)
        assert credential is not None
        assert (credential.vo, credential.fqans) == ("pandad", ("/pandad/Role=production", "/pandad"))
        assert (credential.nickname, credential.unproved) == ("ali", "")
    stand.clock.advance(2 * HOUR_S)
    for _ in range(2):
        later = await stand.authenticator.authenticate(request)
        assert later is not None
        assert later.identity.subject == SANDBOX_USERS["alice"]
        assert (later.vo, later.fqans, later.nickname) == ("", (), "")
        assert "expired" in later.unproved
    stand.clock.advance(24 * HOUR_S)
    for _ in range(2):
        with pytest.raises(NotAuthenticated, match="expired"):
            await stand.authenticator.authenticate(request)


@ensureDeferred
async def test_bad_ones_leave_the_identity(stand: Stand) -> None:
    """Attributes that do not count take nothing from who the user is, and say why they do not; a metric counts them."""
    before = metrics.VOMS_REFUSED.values["unknown_vo",]
    credential = await stand.authenticator.authenticate(stand.request(of_alice(stand, "/pandad/Role=production")))
    assert credential is not None
    assert credential.identity.subject == SANDBOX_USERS["alice"]
    assert (credential.vo, credential.fqans, credential.nickname) == ("", (), "")
    assert "this VO is not known here" in credential.unproved
    assert metrics.VOMS_REFUSED.values["unknown_vo",] == before + 1
    stand.install()
    known = await stand.authenticator.authenticate(stand.request(of_alice(stand, "/pandad/Role=production")))
    assert known is not None
    assert known.fqans


@ensureDeferred
async def test_the_last_delegation_counts(stand: Stand) -> None:
    """Of several proxies with attributes the one that was delegated last counts, as in libvomsapi; one without passes over."""
    stand.install()
    first = of_alice(stand, "/pandad/Role=production")
    second = make_proxy(first, NOW, attributes=stand.extension("/pandad"))
    third = make_proxy(second, NOW, policy=LIMITED)
    for shown, fqans in ((first, ("/pandad/Role=production",)), (second, ("/pandad",)), (third, ("/pandad",))):
        credential = await stand.authenticator.authenticate(stand.request(shown))
        assert credential is not None
        assert credential.fqans == fqans
        assert credential.limited is (shown is third)


@ensureDeferred
async def test_bad_ones_do_not_fall_back(stand: Stand) -> None:
    """Bad attributes of the last delegation do not bring back the good ones before it."""
    stand.install()
    second = make_proxy(of_alice(stand, "/pandad/Role=production"), NOW, attributes=stand.extension("/pandad", hours=-1))
    credential = await stand.authenticator.authenticate(stand.request(second))
    assert credential is not None
    assert credential.fqans == ()
    assert "expired" in credential.unproved


@ensureDeferred
async def test_without_any(stand: Stand) -> None:
    """A proxy without attributes says nothing, and nothing is said of it."""
    credential = await stand.authenticator.authenticate(stand.request(stand.pki.users["alice"]))
    assert credential is not None
    assert (credential.vo, credential.fqans, credential.nickname, credential.unproved) == ("", (), "", "")
