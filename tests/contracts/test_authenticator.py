"""What every authenticator keeps to. A new one is one function that makes its Stand, and one line in STANDS."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api.tokens import forge
from cryptography import x509
from twisted.internet.address import IPv4Address

from pandad.api.auth import IAuthenticator, X509Authenticator
from pandad.api.callbackauth import CallbackAuthenticator
from pandad.api.ddm import PATH
from pandad.api.x509.gridcert import read
from pandad.embedded.pki import SandboxPki
from pandad.embedded.proxies import INDEPENDENT, make_proxy
from pandad.spec.caller import Credential
from pandad.spec.errors import NotAuthenticated


@dataclass(frozen=True)
class Stand:
    """An authenticator, and makers of requests for it; each request comes on a connection of its own.

    ``good`` and ``bad`` go by the name of a user.
    """

    authenticator: IAuthenticator
    without: Callable[[], Any]
    good: Callable[[str], Any]
    bad: Mapping[str, Callable[[str], Any]]


class ConnectionStandIn:
    """What is asked of a TLS connection after its handshake."""

    def __init__(self, chain: list[x509.Certificate]) -> None:
        self.chain = [read(certificate) for certificate in chain]
        self.is_unsettled = self.accept_old_style = False

    def getHandle(self) -> ConnectionStandIn:
        return self


class RequestStandIn:
    """What an authenticator may look at. It has no content: reading the body would be an error."""

    def __init__(self, transport: object, headers: Mapping[str, str] | None = None) -> None:
        self.transport, self._headers = transport, headers or {}

    def isSecure(self) -> bool:
        return True

    def getHeader(self, name: str) -> str | None:
        return self._headers.get(name.lower())

    def getClientAddress(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.1", 4711)


def x509_stand(pki: SandboxPki) -> Stand:
    now = datetime.now(UTC)

    def chain(user: str, **how: Any) -> RequestStandIn:
        proxy = make_proxy(pki.users[user], now, **how)
        return RequestStandIn(ConnectionStandIn([proxy.certificate, *proxy.chain, pki.authority.certificate]))

    return Stand(
        X509Authenticator(now.timestamp),
        without=lambda: RequestStandIn(ConnectionStandIn([])),
        good=chain,
        bad={
            "expired while the connection was open": lambda user: chain(user, lifetime=timedelta(seconds=-1)),
            "independent proxy": lambda user: chain(user, policy=INDEPENDENT),
        },
    )


def token_stand(pki: SandboxPki) -> Stand:
    made = forge.stand()

    def bearer(user: str, **claims: Any) -> forge.Request:
        return forge.Request([b"Bearer " + forge.good(sub=f"{user}-1", **claims)], "atlas")

    return Stand(
        made.authenticator,
        without=forge.Request,
        good=bearer,
        bad={
            "expired": lambda user: bearer(user, exp=forge.NOW_S - 1),
            "for somebody else": lambda user: bearer(user, aud="https://other.test"),
            "not signed": lambda user: forge.Request([b"Bearer " + forge.made(sign=lambda data: b"x")], "atlas"),
            "a password": lambda user: forge.Request([b"Basic YWxpY2U6eA=="], "atlas"),
        },
    )


class PathRequest(forge.Request):
    """To one path."""

    def __init__(self, said: Sequence[bytes] = (), path: str = PATH) -> None:
        super().__init__(list(said))
        self.path = path.encode()


def callback_stand(pki: SandboxPki) -> Stand:
    def basic(text: str, path: str = PATH) -> PathRequest:
        return PathRequest([b"Basic " + b64encode(text.encode())], path)

    return Stand(
        CallbackAuthenticator({"alice": "a:b", "bob": "xyzzy", "pilot": "p"}),
        without=lambda: basic("alice:a:b", "/server/panda/getJob"),
        good=lambda user: basic({"alice": "alice:a:b", "bob": "bob:xyzzy"}[user]),
        bad={
            "wrong password": lambda user: basic(f"{user}:x"),
            "no password": lambda user: basic(f"{user}:"),
            "nobody": lambda user: basic(":"),
            "an unknown user": lambda user: basic("eve:p"),
            "no base64": lambda user: PathRequest([b"Basic ///"]),
        },
    )


STANDS: Mapping[str, Callable[[SandboxPki], Stand]] = {"x509": x509_stand, "token": token_stand, "callback": callback_stand}


@pytest.fixture(params=STANDS)
def stand(request: pytest.FixtureRequest, pki: SandboxPki) -> Stand:
    """Each authenticator in turn."""
    return STANDS[request.param](pki)


def run(work: Coroutine[Any, Any, Credential | None]) -> Credential | None:
    """The result of a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as done:
        work.send(None)
    result: Credential | None = done.value.value
    return result


def asked(stand: Stand, request: Any) -> Credential | None:
    return run(stand.authenticator.authenticate(request))


def test_name(stand: Stand) -> None:
    """It has a name for messages."""
    assert stand.authenticator.name


def test_no_credential(stand: Stand) -> None:
    """Without its kind of credential it has nothing to say, and leaves the request to others."""
    assert asked(stand, stand.without()) is None


def test_identity(stand: Stand) -> None:
    """A credential gives an identity with an anchor, and the peer's address."""
    found = asked(stand, stand.good("alice"))
    assert found is not None
    assert found.kind == stand.authenticator.name
    assert found.identity.anchor
    assert "alice" in found.identity.subject
    assert found.host == "192.0.2.1"


def test_same_credential_same_identity(stand: Stand) -> None:
    """Who comes again, on the same connection or another, is the same."""
    request = stand.good("alice")
    assert asked(stand, request) == asked(stand, request) == asked(stand, stand.good("alice"))


def test_two_people(stand: Stand) -> None:
    """Two people are never one."""
    alice, bob = asked(stand, stand.good("alice")), asked(stand, stand.good("bob"))
    assert alice is not None
    assert bob is not None
    assert alice.identity != bob.identity


def test_bad_credentials(stand: Stand) -> None:
    """A bad credential is refused with a reason; it never counts as none, and never as good at a second try."""
    for name, bad in stand.bad.items():
        request = bad("pilot")
        for _ in range(2):
            with pytest.raises(NotAuthenticated) as refused:
                asked(stand, request)
            assert len(str(refused.value)) > 20, name
