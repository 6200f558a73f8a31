"""Tokens made to order, good ones and others, and an authenticator that has to tell them apart."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from pandad.api.tokens.accepted import Catalogue, from_config
from pandad.api.tokens.authenticator import TokenAuthenticator
from pandad.api.tokens.denials import Denials
from pandad.api.tokens.discovery import FetchFailed, KeySource
from pandad.embedded.tokens import Signer
from pandad.spec.caller import Credential
from pandad.spec.token import Denial, DenialKind
from pandad.tokenconfig import TokenIssuerConfig, TokensConfig

NOW_S = 1_800_000_000
ISSUER, OTHER_ISSUER = "https://iam.test/", "https://idp.test/realms/x"
AUDIENCE = "https://panda.test"
ROBOT = "robot-client"
LEEWAY_S = 10

CONFIG = TokensConfig(leeway_s=LEEWAY_S, issuers={
    "iam": TokenIssuerConfig(issuer=ISSUER, vo="atlas", audience=(AUDIENCE, "panda-client"), scope_roles=("scoped",),
                             groups={"odd name": "/atlas/Role=odd", "sub": "/atlas/sub"}, robots={ROBOT: ("atlas/pilot",)}),
    "idp": TokenIssuerConfig(issuer=OTHER_ISSUER, vo="vo.x.org", audience=(AUDIENCE,), profile="wlcg", algorithms=("ES256",),
                             auto_roles=("production",)),
})

T = TypeVar("T")
Sign = Callable[[bytes], bytes]


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing; it is an error if it does."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits")


def b64(data: bytes) -> bytes:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=")


def part(content: object) -> bytes:
    """A part of a token: bytes as they are, everything else as JSON."""
    return b64(content if isinstance(content, bytes) else json.dumps(content).encode())


def token(header: object, claims: object, sign: Sign) -> bytes:
    """A compact token of whatever it is given."""
    signed = part(header) + b"." + part(claims)
    return signed + b"." + b64(sign(signed))


def rs256(key: rsa.RSAPrivateKey) -> Sign:
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def es256(key: ec.EllipticCurvePrivateKey) -> Sign:
    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def hs256(secret: bytes, digest: str = "sha256") -> Sign:
    return lambda data: hmac.digest(secret, data, digest)


_signers: dict[tuple[int, int], Signer] = {}


def rsa_signer(bits: int = 2048, number: int = 0) -> Signer:
    """A key; another number is another key."""
    if (bits, number) not in _signers:
        _signers[bits, number] = Signer(rsa.generate_private_key(public_exponent=65537, key_size=bits))
    return _signers[bits, number]


def ec_signer(number: int = 0) -> Signer:
    """The same, on the curve P-256."""
    if (256, number) not in _signers:
        _signers[256, number] = Signer(ec.generate_private_key(ec.SECP256R1()))
    return _signers[256, number]


def public_pem(signer: Signer) -> bytes:
    """What a server that mixes algorithms up takes for a shared secret."""
    return signer.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class Web:
    """What issuers answer with, by address; ``trouble`` instead of all of it. ``asked``: the addresses so far."""

    def __init__(self, documents: Mapping[str, object]) -> None:
        self.documents = dict(documents)
        self.trouble: FetchFailed | None = None
        self.asked: list[str] = []

    async def get(self, address: str) -> bytes:
        self.asked.append(address)
        if self.trouble is not None:
            raise self.trouble
        if address not in self.documents:
            raise FetchFailed(f"{address} answers with HTTP status 404")
        return json.dumps(self.documents[address]).encode()


def published(issuer: str, jwks: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The two documents of an issuer."""
    base = issuer.rstrip("/")
    return {f"{base}/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{base}/jwks"},
            f"{base}/jwks": {"keys": list(jwks)}}


class StoreStandIn:
    """Knows what is denied."""

    def __init__(self) -> None:
        self.denied: dict[Denial, str] = {}

    async def read(self, name: str, body: object) -> dict[Denial, str]:
        return self.denied


class Request:
    """What an authenticator may look at."""

    def __init__(self, authorization: Sequence[bytes] = (), origin: str | None = None, host: str = "192.0.2.1") -> None:
        self._authorization, self._origin, self._host = list(authorization), origin, host

    def values(self, name: bytes) -> list[bytes]:
        assert name == b"authorization"
        return self._authorization

    def getHeader(self, name: bytes) -> bytes | None:
        assert name == b"origin"
        return None if self._origin is None else self._origin.encode("utf-8")

    def getClientAddress(self) -> IPv4Address:
        return IPv4Address("TCP", self._host, 4711)


@dataclass
class Stand:
    """An authenticator at NOW_S, two issuers whose keys it has, and what can be turned."""

    authenticator: TokenAuthenticator
    sources: dict[str, KeySource]
    denials: Denials
    store: StoreStandIn
    web: Web
    clock: Clock
    now_s: float = NOW_S

    def ask(self, token: bytes | str, origin: str | None = "atlas", host: str = "192.0.2.1") -> Credential | None:
        """What a request with that token proves."""
        text = token.encode() if isinstance(token, str) else token
        return self.ask_raw([b"Bearer " + text], origin, host)

    def ask_raw(self, authorization: Sequence[bytes], origin: str | None = "atlas", host: str = "192.0.2.1") -> Credential | None:
        """The same, with these Authorization headers."""
        return at_once(self.authenticator.authenticate(Request(authorization, origin, host)))

    def deny(self, kind: DenialKind, value: str, issuer: str = ISSUER) -> None:
        """As an administrator, some seconds ago."""
        self.store.denied[Denial(issuer, kind, value)] = "stolen"
        at_once(self.denials.run_once())

    def fetch(self) -> None:
        """One round of each loop that fetches keys."""
        for source in self.sources.values():
            at_once(source.run_once())


def jwks() -> dict[str, object]:
    """What the two issuers publish at first."""
    return {**published(ISSUER, [rsa_signer().jwk(), ec_signer().jwk()]), **published(OTHER_ISSUER, [ec_signer(1).jwk()])}


def stand(documents: Mapping[str, object] | None = None, config: TokensConfig = CONFIG, *, fetched: bool = True) -> Stand:
    """A new one, its keys fetched and the minute after a fetch for an unknown key just begun."""
    accepted = tuple(from_config(name, issuer) for name, issuer in config.issuers.items())
    web, clock, store = Web(jwks() if documents is None else documents), Clock(), StoreStandIn()
    sources = {each.discovery: KeySource(clock, web.get, each.discovery, each.issuers, config) for each in accepted}
    denials = Denials(store)  # type: ignore[arg-type]
    authenticator = TokenAuthenticator(Catalogue(accepted), sources, denials, lambda: here.now_s, config.leeway_s)
    here = Stand(authenticator, sources, denials, store, web, clock)
    at_once(denials.run_once())
    if fetched:
        for source in sources.values():
            source.ask()
        here.fetch()
    return here


def good_claims(**but: Any) -> dict[str, Any]:
    """Claims of alice; None takes one away."""
    claims = {"iss": ISSUER, "sub": "alice-1", "aud": AUDIENCE, "iat": NOW_S - 60, "nbf": NOW_S - 60, "exp": NOW_S + 3600,
              "jti": "token-1", "name": "Alice Example", "preferred_username": "alice", "groups": ["atlas", "/atlas/production"]}
    return {name: value for name, value in {**claims, **but}.items() if value is not None}


def good_header(**but: Any) -> dict[str, Any]:
    """The header of a token that the RSA key of ISSUER signed; None takes a name away."""
    header = {"alg": "RS256", "typ": "JWT", "kid": rsa_signer().kid, **but}
    return {name: value for name, value in header.items() if value is not None}


def good(**but: Any) -> bytes:
    """A token of ISSUER with claims that are good, but for these."""
    return made(claims=good_claims(**but))


def made(header: object = None, claims: object = None, sign: Sign | None = None) -> bytes:
    """A good token, but for these."""
    key = rsa_signer().key
    assert isinstance(key, rsa.RSAPrivateKey)
    return token(good_header() if header is None else header, good_claims() if claims is None else claims, sign or rs256(key))
