"""Tokens in whole requests: what a client is told, in its dialect, whichever way its request was read."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote_plus

import pytest
from twisted.internet.task import Clock

from api.conftest import Connection
from pandad.api import encode
from pandad.api.access import IDENTIFIED
from pandad.api.auth import Authenticators
from pandad.api.route import ANY, LEGACY, LEGACY_GETJOB, V1, Route
from pandad.api.site import build_sites
from pandad.spec.caller import Caller, Credential

from .forge import Stand, good, made, stand


class Handler:
    """Says who called, in three dialects."""

    @Route("/v1", ANY, V1, access=IDENTIFIED, gives=None)
    async def v1(self, caller: Caller) -> str:
        """API v1."""
        return caller.name

    @Route("/legacy", ANY, LEGACY, access=IDENTIFIED, gives=str, encode=encode.as_text)
    async def legacy(self, caller: Caller) -> str:
        """As updateJob."""
        return caller.name

    @Route("/getJob", ANY, LEGACY_GETJOB, access=IDENTIFIED, gives=str, encode=encode.as_text)
    async def get_job(self, caller: Caller) -> str:
        """As getJob."""
        return caller.name


def granted(credential: Credential) -> Caller:
    return Caller(credential.identity, credential=credential)


@pytest.fixture
def here() -> Stand:
    """An authenticator."""
    return stand()


@pytest.fixture
def connect(here: Stand) -> Callable[[], Connection]:
    """Connections to a port where it decides."""
    sites = build_sites([Handler()], Authenticators([here.authenticator], granted).identify, str, Clock())
    return lambda: Connection(sites.active)


def asked(connection: Connection, path: str, *lines: bytes) -> tuple[int, str]:
    """Status and body of the answer to a GET with these lines in its head."""
    connection.send(b"GET %b HTTP/1.1\r\nHost: x\r\n" % path.encode() + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    got = connection.got()
    return got.status, unquote_plus(got.body.decode())


BEARER = b"Authorization: Bearer "
VO = b"Origin: atlas"


@pytest.mark.parametrize("more", [(), (b"Upgrade: x",)], ids=["short way", "long way"])
@pytest.mark.parametrize("path", ["/v1", "/legacy", "/getJob"])
def test_good(connect: Callable[[], Connection], path: str, more: tuple[bytes, ...]) -> None:
    """A good token is let in, whatever the case of its header and scheme."""
    for line in (BEARER + good(), b"AUTHORIZATION: bearer " + good(), b"authorization:BEARER  " + good()):
        status, body = asked(connect(), path, line, VO, *more)
        assert status == 200 and "alice-1" in body


@pytest.mark.parametrize(("path", "status"), [("/v1", 403), ("/legacy", 403), ("/getJob", 200)])
@pytest.mark.parametrize("more", [(), (b"Upgrade: x",)], ids=["short way", "long way"])
@pytest.mark.parametrize(("lines", "says"), [
    ((b"Authorization: Basic YTpi",), "send Authorization: Bearer TOKEN"),
    ((BEARER + b"x",), "HEADER.CLAIMS.SIGNATURE"),
    ((BEARER + good(), BEARER + good()), "more than one Authorization header"),
    ((BEARER + good(), b"authorization: Basic YTpi"), "more than one Authorization header"),
    ((BEARER + good(exp=1),), "has expired"),
    ((BEARER + made(sign=lambda data: b"x"),), "its signature is wrong"),
])
def test_bad(connect: Callable[[], Connection], path: str, status: int, more: tuple[bytes, ...], lines: tuple[bytes, ...],
             says: str) -> None:
    """A bad one is refused with 403 and the reason; getJob is answered in its protocol, or the pilot would give its slot up."""
    found, body = asked(connect(), path, *lines, VO, *more)
    assert (found, says in body) == (status, True), body
    assert "alice" not in body and good().decode()[-20:] not in body
    if path == "/getJob":
        assert body.startswith("StatusCode=60")


@pytest.mark.parametrize("size", [8 * 1024, 12 * 1024])
def test_long(connect: Callable[[], Connection], size: int) -> None:
    """A token of any length that a head may have is answered. (Longer heads are the connection's to refuse.)"""
    assert asked(connect(), "/legacy", BEARER + good() + b"A" * size, VO)[0] == 403


def test_come_again(connect: Callable[[], Connection], here: Stand) -> None:
    """While the keys of its issuer are not here the bearer is told to come again: 503, and for getJob that there is no job."""
    here.clock.advance(24 * 3600 + 1)
    for path, status in (("/v1", 503), ("/legacy", 503), ("/getJob", 200)):
        found, body = asked(connect(), path, BEARER + good(), VO)
        assert (found, "come again" in body) == (status, True)


def test_without(connect: Callable[[], Connection]) -> None:
    """Who sends none has no identity."""
    assert "no identity came with it" in asked(connect(), "/legacy")[1]
