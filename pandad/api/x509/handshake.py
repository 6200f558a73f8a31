"""Who gets through a TLS handshake with which certificate, and what is remembered of it.

OpenSSL verifies; what it does not know is decided in its callback: signing policies, and proxies of Globus 2.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol

from pandad import metrics
from pandad.api.x509.gridcert import (
    UNREADABLE,
    PeerIdentity,
    Reading,
    identify,
    is_malformed_proxy,
    is_old_style,
    read,
    slash_form,
)
from pandad.api.x509.refusal import FAULTS, SENTENCES, PeerRefused, Refusal
from pandad.api.x509.signingpolicy import Policies, may_sign

NO_CRL = 3
"""X509_V_ERR_UNABLE_TO_GET_CRL (OpenSSL: x509_vfy.h)."""
CRL_EXPIRED = 12
"""X509_V_ERR_CRL_HAS_EXPIRED."""
PATH_LENGTH = 25
"""X509_V_ERR_PATH_LENGTH_EXCEEDED."""
WRONG_PURPOSE = 26
"""X509_V_ERR_INVALID_PURPOSE: comes after INVALID_CA for the same certificate."""
KEY_DOES_NOT_SIGN = 32
"""X509_V_ERR_KEYUSAGE_NO_CERTSIGN."""
INVALID_CA = 79
"""X509_V_ERR_INVALID_CA."""

REMEMBERED_CERTIFICATES = 10_000
"""By their encoded form: pilots come back with the same chain, and reading it anew costs a third of the handshake. Only what a
certificate says is remembered, and whether its authority may sign it; whom a connection stands for is found out for each."""

VerifyCallback = Callable[[Any, crypto.X509, int, int, int], bool]

log = Logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site decides. See config.TlsConfig."""

    policies: Policies
    accept_expired_crl: bool = False
    accept_old_style: bool = False


class GridConnection(SSL.Connection):
    """Keeps what was read of its client's chain when that was verified: getting the chain from OpenSSL costs as much again."""

    def __init__(self, context: SSL.Context, protocol: TLSMemoryBIOProtocol, accept_old_style: bool) -> None:
        super().__init__(context, None)
        self.verified_chain: dict[int, Reading] = {}  # by depth, the leaf at 0
        self.no_authorities: set[int] = set()  # depths of those that signed something and may not, until it is known what
        self.too_many_authorities = False  # as OpenSSL counts them, until it is known
        self.refusal: Refusal | None = None
        self.accept_old_style = accept_old_style
        self._protocol = weakref.ref(protocol)  # which has this one: a circle would be freed late

    @property
    def chain(self) -> Sequence[Reading]:
        """Leaf first, root last; empty if no certificate was shown."""
        return [self.verified_chain[depth] for depth in range(len(self.verified_chain))]

    @property
    def is_unsettled(self) -> bool:
        """Whether a fault was overlooked until the whole chain is known."""
        return bool(self.no_authorities) or self.too_many_authorities

    def peer_address(self) -> str:
        """For the log."""
        transport = getattr(self._protocol(), "transport", None)
        return str(getattr(transport.getPeer(), "host", "?")) if transport is not None else "?"


def peer_chain(connection: GridConnection) -> PeerIdentity | None:
    """Who is at the other end of an established connection; None if no certificate was shown.

    The same for the life of the connection: callers keep the answer. Raises PeerRefused."""
    if connection.is_unsettled:
        raise PeerRefused(Refusal.NO_CA)
    chain = connection.chain
    return identify(chain, accept_old_style=connection.accept_old_style) if chain else None


@lru_cache(maxsize=REMEMBERED_CERTIFICATES)
def _reading(der: bytes) -> Reading:
    return read(x509.load_der_x509_certificate(der))


def verifier(rules: Rules) -> VerifyCallback:
    """OpenSSL calls it for each fault it found, and at the end for each certificate of the chain, the root first."""
    tolerated = {NO_CRL, CRL_EXPIRED} if rules.accept_expired_crl else {NO_CRL}
    within_policy = lru_cache(maxsize=REMEMBERED_CERTIFICATES)(partial(_signed_within_policy, rules.policies))

    def verify(connection: GridConnection, shown: crypto.X509, fault: int, depth: int, good: int) -> bool:
        if not good:
            is_overlooked = fault in tolerated or _is_deferred(connection, fault, depth)
            return is_overlooked or _refuse(connection, shown, _reason(shown, fault))
        try:
            reading = _reading(crypto.dump_certificate(crypto.FILETYPE_ASN1, shown))
        except UNREADABLE:
            return _refuse(connection, shown, Refusal.MALFORMED)
        if not within_policy(reading):
            return _refuse(connection, shown, Refusal.SIGNING_POLICY)
        connection.verified_chain[depth] = reading
        return depth > 0 or not connection.is_unsettled or _settle(connection, shown)

    return verify


def _is_deferred(connection: GridConnection, fault: int, depth: int) -> bool:
    """Whether it takes the whole chain to say what this is: a user who signs a proxy of Globus 2 is no authority to OpenSSL."""
    if fault in (INVALID_CA, KEY_DOES_NOT_SIGN):
        connection.no_authorities.add(depth)
        return True
    if fault == PATH_LENGTH and connection.accept_old_style:
        connection.too_many_authorities = True
        return True
    return fault == WRONG_PURPOSE and depth in connection.no_authorities


def _reason(shown: crypto.X509, fault: int) -> Refusal:
    reason = FAULTS.get(fault, Refusal.OTHER)
    try:
        return Refusal.MALFORMED if reason is Refusal.UNKNOWN_CA and is_malformed_proxy(shown.to_cryptography()) else reason
    except UNREADABLE:
        return Refusal.MALFORMED


def _settle(connection: GridConnection, leaf: crypto.X509) -> bool:
    """Say what was put off. Proxies of Globus 2 get through the handshake: `identify` tells their bearers what TLS cannot say."""
    chain, signers = connection.chain, connection.no_authorities
    if not all(depth and is_old_style(chain, depth - 1) for depth in signers):
        return _refuse(connection, leaf, Refusal.NO_CA)
    if connection.too_many_authorities and (not signers or any(_has_too_many(chain, depth) for depth in range(len(chain)))):
        return _refuse(connection, leaf, Refusal.CA_PATH_LENGTH)
    connection.no_authorities.clear()
    connection.too_many_authorities = False
    return True


def _has_too_many(chain: Sequence[Reading], depth: int) -> bool:
    allowed = chain[depth].path_length
    between = [reading for reading in chain[:depth] if reading.is_authority and not reading.self_issued]
    return allowed is not None and len(between) > allowed


def _signed_within_policy(policies: Policies, certificate: Reading) -> bool:
    if certificate.self_issued or certificate.policy is not None:
        return True
    return may_sign(policies, certificate.issuer, certificate.subject)


def _refuse(connection: GridConnection, shown: crypto.X509, reason: Refusal) -> bool:
    """Say so in log and metrics. OpenSSL sends the alert."""
    connection.refusal = reason
    metrics.TLS_REFUSED.add(reason)
    log.info("refused the certificate of {dn!r} from {peer}: {sentence} ({reason})",
             dn=_named(shown), peer=connection.peer_address(), sentence=SENTENCES[reason], reason=reason.value)
    return False


def _named(shown: crypto.X509) -> str:
    """The subject, if it can be read."""
    try:
        return slash_form(shown.to_cryptography().subject)
    except UNREADABLE:
        return "a name that cannot be read"
