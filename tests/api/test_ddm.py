"""The call with which Rucio tells: who may make it, and what is answered."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pandad.api.auth import Authenticators
from pandad.api.callbackauth import CallbackAuthenticator
from pandad.api.ddm import PATH, Ddm
from pandad.api.grants import Grants
from pandad.api.site import build_sites
from pandad.dataservice.notices import Notices, read
from pandad.spec.caller import Role
from pandad.spec.errors import StoreUnavailable

from .conftest import ACTIVE_URL, HeaderAuthenticator, Port, granted

OK = b'{"index": {}}\n{"event_type": "rule-ok", "payload": {"rule_id": "x"}}\n'
PASSWORD = CallbackAuthenticator({"hermes": "sesame"})


class BulletinStandIn:
    """Reads, and tells nobody."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.heard: list[Notices] = []

    async def post(self, body: bytes) -> Notices:
        """As Bulletin's."""
        if self.trouble is not None:
            raise self.trouble
        self.heard.append(read(body))
        return self.heard[-1]


@pytest.fixture
def bulletin() -> BulletinStandIn:
    return BulletinStandIn()


def port(bulletin: BulletinStandIn, authenticators: Authenticators) -> Port:
    sites = build_sites([Ddm(bulletin)], authenticators.identify, lambda: ACTIVE_URL, Clock())  # type: ignore[arg-type]
    return Port(sites.active, "https")


@pytest.fixture
def by_header(bulletin: BulletinStandIn) -> Port:
    """Who calls is what the headers say."""
    return port(bulletin, Authenticators([HeaderAuthenticator()], granted))


@pytest.fixture
def by_password(bulletin: BulletinStandIn) -> Port:
    """As it is configured."""
    return port(bulletin, Authenticators([PASSWORD], Grants({Role.DDM: PASSWORD.principals}).granted))


def test_who_may(by_header: Port, bulletin: BulletinStandIn) -> None:
    """The role ddm, and admins; nobody else, and nothing is read then."""
    assert by_header.post(PATH, dn="/CN=rucio", roles="ddm", data=OK).text == "heard of 1, ignored 0\n"
    assert by_header.post(PATH, dn="/CN=root", roles="admin", data=OK).status == 200
    for refused in (by_header.post(PATH, data=OK), by_header.post(PATH, dn="/CN=pilot", roles="pilot,production", data=OK)):
        assert refused.status == 403 and "the data management system (role ddm)" in refused.text
    assert len(bulletin.heard) == 2


@pytest.mark.parametrize(("auth", "status"), [
    (("hermes", "sesame"), 200), (("hermes", "x"), 403), (("hermes", ""), 403), (("eve", "sesame"), 403), (("", ""), 403)])
def test_by_password(by_password: Port, auth: tuple[str, str], status: int) -> None:
    """Hermes shows a user name and a password."""
    got = by_password.post(PATH, auth=auth, data=OK)
    assert got.status == status and "sesame" not in got.text


def test_trouble(by_header: Port, bulletin: BulletinStandIn) -> None:
    """What cannot be stored is to be sent again; what is no JSON is refused, and says what is wanted."""
    assert by_header.post(PATH, dn="/CN=rucio", roles="ddm", data=b"<html>").status == 400
    bulletin.trouble = StoreUnavailable("later")
    assert by_header.post(PATH, dn="/CN=rucio", roles="ddm", data=OK).status == 503
    assert by_header.post(PATH, dn="/CN=rucio", roles="ddm", data=b" " * (9 << 20)).status == 413
    assert by_header.get(PATH, dn="/CN=rucio", roles="ddm").status == 405
