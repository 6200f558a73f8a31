"""The keys that an issuer publishes: its JWKS (RFC 7517), read strictly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt import InvalidKeyError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192  # a larger one would make each verification a burden
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
MOST_KEYS = 100

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, and the one algorithm it is for."""

    algorithm: str
    public: PublicKey


class Unusable(ValueError):
    """A key, or a whole set, cannot be used; str() says why."""


def read_keys(jwks: object) -> tuple[dict[str, Key], list[str]]:
    """The usable keys by name (kid), and a sentence for each one that is not.

    Issuers also publish keys for other purposes: those are no reason to do without the rest.

    :param jwks: decoded JSON.
    :raise Unusable: not a key set, or no key in it can be used.
    """
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed) or len(listed) > MOST_KEYS:
        raise Unusable("what it publishes is not a key set")
    keys: dict[str, Key] = {}
    problems = []
    for kid, read in _named(listed):
        try:
            keys[kid] = _key(read)
        except Unusable as problem:
            problems.append(f"key {ascii(kid)[:60]} {problem}")
    if not keys:
        raise Unusable("; ".join(problems) or "it publishes no key with a name (kid)")
    return keys, problems


def _named(listed: list[dict[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Keys whose names are unique: of two with one name, who knows which was meant."""
    names = Counter(jwk["kid"] for jwk in listed if isinstance(jwk.get("kid"), str))
    for jwk in listed:
        kid = jwk.get("kid")
        if isinstance(kid, str) and names[kid] == 1:
            yield kid, jwk


def _key(jwk: Mapping[str, Any]) -> Key:
    if not PRIVATE.isdisjoint(jwk):
        raise Unusable("is a secret one")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise Unusable("is not for signatures")
    key = _read(jwk)
    if jwk.get("alg", key.algorithm) != key.algorithm:
        raise Unusable(f"is for another algorithm than {key.algorithm}")
    return key


def _read(jwk: Mapping[str, Any]) -> Key:
    kinds: Mapping[tuple[Any, Any], Any] = {("RSA", None): RSAAlgorithm, ("EC", "P-256"): ECAlgorithm}
    kind = kinds.get((str(jwk.get("kty")), jwk.get("crv") and str(jwk["crv"])))
    if kind is None:
        raise Unusable("is neither an RSA key nor one on the curve P-256")
    try:
        public = kind.from_jwk(dict(jwk))
    except (InvalidKeyError, ValueError, TypeError) as error:  # such as a point that is not on the curve
        raise Unusable(f"cannot be read ({error})") from None
    if isinstance(public, ec.EllipticCurvePublicKey):
        return Key("ES256", public)
    if not isinstance(public, rsa.RSAPublicKey) or not MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS:
        raise Unusable(f"has not {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")
    return Key("RS256", public)
