"""Who is calling: the seam between credentials and Callers. A request meets the authenticators in their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Protocol

from pandad.api.gridcert import PeerIdentity, PeerRefused
from pandad.api.tls import peer_chain
from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.errors import NotAuthenticated


class IAuthenticator(Protocol):
    """One way to tell who is calling. Every implementation passes tests/contracts/test_authenticator.py."""

    @property
    def name(self) -> str:
        """The kind of credential, for messages: x509, token, ..."""

    async def authenticate(self, request: Any) -> Caller | None:
        """The caller, or None if the request holds no credential of this kind.

        The same credential always gives the same identity. Must be cheap: it runs before every active call.

        :param request: a twisted.web.http.Request; its body is not to be touched.
        :raise NotAuthenticated: there is a credential, and it is not good; says why.
        """


class Authenticators:
    """All the ways of this server, tried in order: the first credential that is there decides, good or bad."""

    def __init__(self, members: Sequence[IAuthenticator]) -> None:
        self._members = tuple(members)

    async def identify(self, request: Any) -> Caller:
        """The caller; anonymous without any credential.

        :raise NotAuthenticated: the first credential found is not good.
        """
        for member in self._members:
            caller = await member.authenticate(request)
            if caller is not None:
                return caller
        return Caller(None, host=_host(request))


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about the other end of a connection; without a certificate it is nobody, for ever."""

    caller: Caller | None = None
    dn: str = ""
    not_after: datetime = datetime.max
    not_after_s: float = inf  # since 1970


class X509Authenticator:
    """Certificates and proxies, as verified in the TLS handshake. Roles go by the exact DN of the end entity.

    :param now_s: the wall clock, seconds since 1970: certificates end by it.
    """

    name = "x509"

    def __init__(self, roles: Mapping[Role, Collection[str]], now_s: Callable[[], float]) -> None:
        subjects = {subject for members in roles.values() for subject in members}
        self._roles = {s: frozenset(role for role, members in roles.items() if s in members) for s in subjects}
        self._now_s = now_s

    async def authenticate(self, request: Any) -> Caller | None:
        """See IAuthenticator."""
        connection = request.transport
        # Kept on the connection: reading a chain costs more than all the rest of a heartbeat.
        known: _Known | None = getattr(connection, "pandad_peer", None)
        if known is None:
            known = connection.pandad_peer = self._read(request)
        if known.not_after_s < self._now_s():
            raise NotAuthenticated(f"the certificate of {known.dn} expired at {known.not_after.isoformat()}")
        return known.caller

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
        return _Known(self.caller(peer, _host(request)), peer.dn, peer.not_after, peer.not_after.timestamp())

    def caller(self, peer: PeerIdentity, host: str) -> Caller:
        """What a verified peer may act as. A limited proxy keeps the roles: which calls it is enough for, the calls say."""
        return Caller(
            Identity(peer.anchor, peer.dn), self._roles.get(peer.dn, frozenset()), peer.limited, host)


def _host(request: Any) -> str:
    return getattr(request.getClientAddress(), "host", "")
