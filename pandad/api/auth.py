"""Who is calling: the seam between requests and Credentials. A request meets the authenticators in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Any, Protocol

from twisted.logger import Logger

from pandad import metrics
from pandad.api.x509.gridcert import PeerIdentity
from pandad.api.x509.handshake import peer_chain
from pandad.api.x509.refusal import AttributeRefusal, AttributesRefused, PeerRefused
from pandad.api.x509.voms import VomsAttributes
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
        return _nobody(_host(request))


@lru_cache(maxsize=1000)
def _nobody(host: str) -> Caller:
    """Who shows no credential, from that address."""
    return Caller(None, host=host)


Attributes = Callable[[PeerIdentity], VomsAttributes | None]
"""What a VO says of a peer; raises AttributesRefused. See tls.GridContextFactory."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about the other end of a connection, until then; without a certificate it is nobody, for ever."""

    credential: Credential | None = None
    until_s: float = inf  # since 1970


class X509Authenticator:
    """Certificates and proxies, as verified in the TLS handshake, and the VOMS attributes that they carry.

    Attributes that are not good are not counted, and the identity stays: the credential says why.

    :param now_s: the wall clock, seconds since 1970: certificates end by it.
    :param attributes: None: what a VO says counts for nothing.
    """

    name = "x509"
    log = Logger()

    def __init__(self, now_s: Callable[[], float], attributes: Attributes | None = None) -> None:
        self._now_s, self._attributes = now_s, attributes

    async def authenticate(self, request: Any) -> Credential | None:
        """See IAuthenticator."""
        connection = request.transport
        # Kept on the connection: reading a chain costs more than all the rest of a heartbeat.
        known: _Known | None = getattr(connection, "pandad_peer", None)
        if known is None:
            known = connection.pandad_peer = self._read(request)
        if known.until_s < self._now_s() and known.credential is not None:
            known = connection.pandad_peer = self._later(known.credential)
        return known.credential

    def _read(self, request: Any) -> _Known:
        handle = getattr(request.transport, "getHandle", None)
        if handle is None or not request.isSecure():
            return _Known()
        try:
            peer = peer_chain(handle())
        except PeerRefused as refused:
            metrics.TLS_REFUSED.add(refused.reason)
            self.log.info("refused the chain from {peer}: {sentence} ({reason})",
                          peer=_host(request), sentence=str(refused), reason=refused.reason.value)
            raise NotAuthenticated(str(refused)) from None
        return self._known(peer, _host(request)) if peer is not None else _Known()

    def _known(self, peer: PeerIdentity, host: str) -> _Known:
        credential = Credential(
            kind=self.name, identity=Identity(peer.anchor, peer.dn), not_after=peer.not_after, host=host, limited=peer.limited)
        try:
            proved = self._attributes(peer) if self._attributes is not None else None
        except AttributesRefused as refused:
            metrics.VOMS_REFUSED.add(refused.reason)
            self.log.info("the VOMS attributes of {dn!r} from {peer} do not count, {why} ({reason})",
                          dn=peer.dn, peer=host, why=str(refused), reason=refused.reason.value)
            return _Known(replace(credential, unproved=_unproved(refused)), peer.not_after.timestamp())
        if proved is None:
            return _Known(credential, peer.not_after.timestamp())
        credential = replace(credential, vo=proved.vo, fqans=proved.fqans, nickname=proved.nickname)
        return _Known(credential, min(peer.not_after, proved.not_after).timestamp())

    def _later(self, credential: Credential) -> _Known:
        """What is left when the first thing of a credential has ended.

        :raise NotAuthenticated: nothing is.
        """
        if credential.not_after.timestamp() < self._now_s():
            subject, not_after = credential.identity.subject, credential.not_after
            raise NotAuthenticated(f"the certificate of {subject} expired at {not_after.isoformat()}")
        refused = AttributesRefused(AttributeRefusal.EXPIRED, "while the connection was open")
        less = replace(credential, vo="", fqans=(), nickname="", unproved=_unproved(refused))
        return _Known(less, credential.not_after.timestamp())


def _unproved(refused: AttributesRefused) -> str:
    return f"the VOMS attributes of the proxy do not count, {refused}"


def _host(request: Any) -> str:
    return getattr(request.getClientAddress(), "host", "")
