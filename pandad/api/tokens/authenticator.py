"""Who is calling, by a bearer token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from twisted.logger import Logger

from pandad import metrics
from pandad.api.tokens.accepted import Catalogue
from pandad.api.tokens.denials import Denials
from pandad.api.tokens.discovery import KeySource, Published
from pandad.api.tokens.jose import Claims, Opened, opened, verify
from pandad.api.tokens.membership import fqans, nickname
from pandad.spec.caller import Credential, Identity
from pandad.spec.errors import BadRequest
from pandad.spec.token import BadToken, KeysUnknown, TokenFault, vo_and_role

REMEMBERED = 10_000
LATEST_S = 253_402_300_799  # the last second of the year 9999, which is as far as datetimes go
SUBJECT_LIMIT = 255  # OpenID Connect Core 1.0, section 2


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found out about a token with these keys of its issuer. Good from ``starts_s`` to before ``ends_s``, since 1970."""

    credential: Credential
    jti: str
    starts_s: float
    ends_s: int
    source: KeySource
    published: Published


class TokenAuthenticator:
    """``Authorization: Bearer TOKEN`` with ``Origin: VO[:ROLE]``.

    A token is taken apart and verified once, and remembered by its hash; its times, the denials, and that its issuer still
    publishes the keys it was verified with, are looked at for each call.

    :param sources: the keys, by the address of the issuer's OpenID configuration.
    :param now_s: the wall clock, seconds since 1970: tokens end by it.
    :param leeway_s: how far an issuer's clock may be ahead of it.
    """

    name = "token"
    log = Logger()

    def __init__(self, catalogue: Catalogue, sources: Mapping[str, KeySource], denials: Denials, now_s: Callable[[], float],
                 leeway_s: float) -> None:
        self._denials, self._now_s = denials, now_s
        self.learn(catalogue, sources, leeway_s)

    def learn(self, catalogue: Catalogue, sources: Mapping[str, KeySource], leeway_s: float) -> None:
        """Take these tokens from now on, and no others: those that were taken before are looked at anew."""
        self._catalogue, self._sources, self._leeway_s = catalogue, sources, leeway_s
        self._known: dict[tuple[bytes, str], _Known] = {}  # by hash and host

    async def authenticate(self, request: Any) -> Credential | None:
        """See IAuthenticator.

        :raise KeysUnknown: whether the token is good cannot be told now.
        """
        said = request.values(b"authorization")
        if not said:
            return None
        try:
            return self._found(request, said)
        except BadToken as bad:
            metrics.TOKENS_REFUSED.add(bad.fault)
            self.log.info("{host}: {refusal}", host=_host(request), refusal=str(bad))
            raise

    def _found(self, request: Any, said: list[bytes]) -> Credential:
        if len(said) > 1:
            raise BadToken(TokenFault.HEADER)
        origin = request.getHeader(b"origin") or b""
        host = _host(request)
        key = sha256(said[0] + b"\n" + origin).digest(), host
        known = self._known.get(key)
        if known is None or known.published is not known.source.published():
            known = self._verified(_bearer(said[0]), origin.decode("latin-1"), host)
            self._remember(key, known)
        self._check(known)
        return known.credential

    def _verified(self, token: bytes, origin: str, host: str) -> _Known:
        if not self._catalogue.all:
            raise BadToken(TokenFault.OFF)
        vo, role = self._asked(origin)
        parts = opened(token)
        claims = parts.claims
        accepted = self._catalogue.find(claims, vo, role)
        if parts.algorithm not in accepted.algorithms:
            raise BadToken(TokenFault.ALGORITHM, "here it is " + " or ".join(sorted(accepted.algorithms)))
        starts_s, ends_s = _times(claims)
        starts_s -= self._leeway_s
        self._check_times(starts_s, ends_s)  # for the clearer refusal: the key of an old token may be gone
        source = self._sources[accepted.discovery]
        published = _signed(token, parts, source)
        credential = Credential(
            kind=self.name, identity=Identity(published.issuer, _subject(claims)), not_after=datetime.fromtimestamp(ends_s, UTC),
            host=host, vo=accepted.vo, fqans=fqans(claims, accepted, role), nickname=nickname(claims))
        jti = claims.get("jti")
        return _Known(credential, jti if isinstance(jti, str) else "", starts_s, ends_s, source, published)

    def _asked(self, origin: str) -> tuple[str, str]:
        try:
            return vo_and_role(origin, self._catalogue.vos) if origin else ("", "")
        except BadRequest:
            raise BadToken(TokenFault.ORIGIN) from None

    def _remember(self, key: tuple[bytes, str], known: _Known) -> None:
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[key] = known

    def _check(self, known: _Known) -> None:
        self._check_times(known.starts_s, known.ends_s)
        reason = self._denials.reason(known.credential.identity, known.jti)
        if reason is not None:
            raise BadToken(TokenFault.DENIED, reason)

    def _check_times(self, starts_s: float, ends_s: int) -> None:
        now_s = self._now_s()
        if now_s >= ends_s:
            raise BadToken(TokenFault.EXPIRED, f"at {datetime.fromtimestamp(ends_s, UTC):%Y-%m-%d %H:%M:%S} UTC")
        if now_s < starts_s:
            raise BadToken(TokenFault.EARLY)


def _host(request: Any) -> str:
    return getattr(request.getClientAddress(), "host", "")


def _bearer(header: bytes) -> bytes:
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer":
        raise BadToken(TokenFault.SCHEME)
    return token.strip(b" ")


def _signed(token: bytes, parts: Opened, source: KeySource) -> Published:
    """The published keys with which the signature is good."""
    published = source.published()
    if published is None:
        raise KeysUnknown(source.address, f"the keys of its issuer could not be fetched ({source.problem or 'not asked yet'})")
    try:
        verify(token, parts.kid, parts.algorithm, published.keys)
    except KeyError:
        if source.ask():
            raise KeysUnknown(source.address, "its key is being asked for") from None
        raise BadToken(TokenFault.KEY) from None
    return published


def _times(claims: Claims) -> tuple[float, int]:
    """From when a token is good, and when no more."""
    said = [claims.get(name, missing) for name, missing in (("exp", None), ("nbf", 0), ("iat", 0))]
    if not all(type(each) is int and 0 <= each <= LATEST_S for each in said):
        raise BadToken(TokenFault.TIMES)
    ends_s, not_before_s, issued_s = said
    return max(not_before_s, issued_s), ends_s


def _subject(claims: Claims) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_LIMIT or not subject.isprintable():
        raise BadToken(TokenFault.SUBJECT)
    return subject
