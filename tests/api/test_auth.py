"""Who is calling: the order of the authenticators, and certificates over real TLS."""

from __future__ import annotations

import json
import ssl
import time
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from pandad.api.auth import Authenticators, X509Authenticator
from pandad.api.grants import Grants
from pandad.api.port import listen
from pandad.api.site import build_sites
from pandad.api.v1.system import System
from pandad.api.x509.tls import GridContextFactory, GridFiles
from pandad.embedded.pki import SANDBOX_CA, SANDBOX_USERS, SandboxPki
from pandad.spec.caller import Credential, Identity, Role
from pandad.spec.errors import NotAuthenticated

PATIENCE_S = 30


class Fixed:
    """Finds what it was told to find."""

    def __init__(self, found: Credential | NotAuthenticated | None) -> None:
        self.name, self.found = "fixed", found

    async def authenticate(self, request: Any) -> Credential | None:
        if isinstance(self.found, NotAuthenticated):
            raise self.found
        return self.found


class RequestStandIn:
    def getClientAddress(self) -> None:
        return None


def proof(name: str) -> Credential:
    return Credential(kind="fixed", identity=Identity("/CN=CA", f"/CN={name}"), not_after=datetime.max.replace(tzinfo=UTC))


ALICE, BOB = proof("alice"), proof("bob")
granted = Grants({Role.PILOT: [SANDBOX_USERS["pilot"]]}).granted


@ensureDeferred
async def test_first_credential_decides() -> None:
    """Those who find nothing are passed over; the first credential decides."""
    identify = Authenticators([Fixed(None), Fixed(ALICE), Fixed(BOB)], granted).identify
    assert (await identify(RequestStandIn())).credential is ALICE


@ensureDeferred
async def test_bad_credential_decides() -> None:
    """A bad credential is refused, even if another one would be good."""
    with pytest.raises(NotAuthenticated, match="forged"):
        await Authenticators([Fixed(NotAuthenticated("forged")), Fixed(ALICE)], granted).identify(RequestStandIn())


@ensureDeferred
async def test_anonymous() -> None:
    """Without any credential the caller is nobody, which is not an error yet."""
    caller = await Authenticators([Fixed(None)], granted).identify(RequestStandIn())
    assert caller.identity is None
    assert caller.roles == frozenset()


def attributes(port: int, ca_directory: Path, credential: Path | None) -> list[dict[str, Any]]:
    """Two replies of get_attributes on one connection."""
    context = ssl.create_default_context(capath=str(ca_directory))
    if credential is not None:
        context.load_cert_chain(credential)
    connection = HTTPSConnection("localhost", port, context=context, timeout=PATIENCE_S)
    replies = []
    for _ in range(2):
        connection.request("GET", "/api/v1/system/get_attributes")
        replies.append(json.loads(connection.getresponse().read()))
    connection.close()
    return replies


@ensureDeferred
async def test_over_tls(pki: SandboxPki) -> None:
    """Over real TLS a proxy stands for its user at each request of its connection; without one there is no identity."""
    authenticators = Authenticators([X509Authenticator(time.time)], granted)
    sites = build_sites([System()], authenticators.identify, str, reactor)
    tls = GridContextFactory(GridFiles(pki.host_certificate, pki.host_key, pki.ca_directory))
    port = listen(reactor, 0, sites.active, "127.0.0.1", tls)
    try:
        number = port.getHost().port
        for reply in await deferToThread(attributes, number, pki.ca_directory, pki.proxy("pilot")):
            environment = reply["data"]["environment"]
            assert environment["SSL_CLIENT_S_DN"] == SANDBOX_USERS["pilot"]
            assert environment["SSL_CLIENT_I_DN"] == SANDBOX_CA
            assert environment["PANDAD_ROLES"] == "pilot"
        for reply in await deferToThread(attributes, number, pki.ca_directory, None):
            assert reply["success"] is False
    finally:
        stopped = port.stopListening()
        if isinstance(stopped, Deferred):
            await stopped
