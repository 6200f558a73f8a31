"""Who is calling: the seam between requests and Credentials. A request meets the authenticators in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

from pandad.api.gridcert import PeerIdentity, PeerRefused
from pandad.api.tls import peer_chain
from pandad.spec.caller import Caller, Credential, Identity
from pandad.spec.errors import NotAuthenticated


class IAuthenticator(Protocol):
    """One way to tell who is calling. Every implementation passes tests/contracts/test_authenticator.py."""

    @property
    def name(self) -> str:
        """The kind of credential, for messages: x509, token, ..."""

    async def authenticate(self, request: Any) -> Credential | None:
        """What the request proves, or None if it holds no credential of this kind.

        The same credential always gives the same identity. Must be cheap: it runs before every active call.

        :param request: a twisted.web.http.Request; its body is not to be touched.
        :raise NotAuthenticated: there is a credential, and it is not good; says why.
        :raise Unavailable: there is one, and whether it is good cannot be told now.
        """


class Authenticators:
    """All the ways of this server, tried in order: the first credential that is there decides, good or bad."""

    def __init__(self, members: Sequence[IAuthenticator], granted: Callable[[Credential], Caller]) -> None:
        self._members, self._granted = tuple(members), granted

    async def identify(self, request: Any) -> Caller:
        """The caller; anonymous without any credential.

        :raise NotAuthenticated: the first credential found is not good. :raise Forbidden: it is, and its bearer is banned.
        """
        for member in self._members:
            credential = await member.authenticate(request)
            if credential is not None:
                return self._granted(credential)
        return Caller(None, host=_host(request))


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about the other end of a connection; without a certificate it is nobody, for ever."""

    credential: Credential | None = None
    not_after_s: float = inf  # since 1970


class X509Authenticator:
    """Certificates and proxies, as verified in the TLS handshake.

    :param now_s: the wall clock, seconds since 1970: certificates end by it.
    """

    name = "x509"

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s

    async def authenticate(self, request: Any) -> Credential | None:
        """See IAuthenticator."""
        connection = request.transport
        # Kept on the connection: reading a chain costs more than all the rest of a heartbeat.
        known: _Known | None = getattr(connection, "pandad_peer", None)
        if known is None:
            known = connection.pandad_peer = self._read(request)
        if known.credential is not None and known.not_after_s < self._now_s():
            subject, not_after = known.credential.identity.subject, known.credential.not_after
            raise NotAuthenticated(f"the certificate of {subject} expired at {not_after.isoformat()}")
        return known.credential

    def _read(self, request: Any) -> _Known:
        handle = getattr(request.transport, "getHandle", None)
        if handle is None or not request.isSecure():
            return _Known()
        try:
            peer = peer_chain(handle())
        except PeerRefused as refused:
            raise NotAuthenticated(str(refused)) from None
        if peer is None:
            return _Known()
        return _Known(_credential(peer, _host(request)), peer.not_after.timestamp())


def _credential(peer: PeerIdentity, host: str) -> Credential:
    return Credential(
        kind=X509Authenticator.name, identity=Identity(peer.anchor, peer.dn), not_after=peer.not_after, host=host,
        limited=peer.limited)


def _host(request: Any) -> str:
    return getattr(request.getClientAddress(), "host", "")
