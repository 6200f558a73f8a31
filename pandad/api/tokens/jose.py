"""A signed token, taken apart and verified: a compact JWS (RFC 7515) as narrow as RFC 8725 advises. PyJWT does the signature.

Everything that a header may do beyond naming an algorithm and a published key is refused: bring a key, name an address of one,
demand an extension, hold another token.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import jwt

from pandad.api.coerce import count_keys
from pandad.api.tokens.keys import Key
from pandad.spec.token import BadToken, TokenFault
from pandad.tokenconfig import ALGORITHMS

TOKEN_LIMIT_BYTES = 8192
KID_LIMIT = 255
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
KEY_NAMES = frozenset({"jku", "jwk", "x5u", "x5c"})
NESTED_NAMES = frozenset({"enc", "zip", "cty"})

_FORM = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_VERIFIER = jwt.PyJWS(algorithms=ALGORITHMS)

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A token whose form is right. Nothing in it is to be believed before `verify`; what it was made of is not shown."""

    algorithm: str
    kid: str
    claims: Claims


def opened(token: bytes) -> Opened:
    """Take a token apart.

    :raise BadToken: it has not the form of one, or its header wants more than a signature to be verified.
    """
    if len(token) > TOKEN_LIMIT_BYTES:
        raise BadToken(TokenFault.SIZE, f"more than {TOKEN_LIMIT_BYTES} bytes")
    form = _FORM.fullmatch(token)
    if form is None:
        raise BadToken(TokenFault.FORM)
    head, claims, signature = (_decoded(part) for part in form.groups())
    if not signature:
        raise BadToken(TokenFault.FORM)
    algorithm, kid = _header(_json_object(head, TokenFault.JOSE))
    return Opened(algorithm, kid, _json_object(claims, TokenFault.CLAIMS))


def verify(token: bytes, kid: str, algorithm: str, keys: Mapping[str, Key]) -> None:
    """Return if the issuer's key of that name signed the token so.

    :raise KeyError: there is no such key.
    :raise BadToken: it did not.
    """
    key = keys[kid]
    if key.algorithm != algorithm:
        raise BadToken(TokenFault.ALGORITHM, "its key is for another one")
    try:
        _VERIFIER.decode_complete(token, key.public, algorithms=[key.algorithm])
    except jwt.InvalidTokenError:  # its text could have parts of the token
        raise BadToken(TokenFault.SIGNATURE) from None


def _decoded(part: bytes) -> bytes:
    """Base64url in its one canonical form: the last character of a part has spare bits, and they are zero."""
    if len(part) % 4 == 1:
        raise BadToken(TokenFault.FORM)
    plain = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if urlsafe_b64encode(plain).rstrip(b"=") != part:
        raise BadToken(TokenFault.FORM)
    return plain


def _header(header: Mapping[str, Any]) -> tuple[str, str]:
    """The algorithm and the name of the key."""
    if not KEY_NAMES.isdisjoint(header):
        raise BadToken(TokenFault.KEY_IN_HEADER)
    if "crit" in header or "b64" in header:
        raise BadToken(TokenFault.CRITICAL)
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in TYPES or not NESTED_NAMES.isdisjoint(header):
        raise BadToken(TokenFault.TYPE)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadToken(TokenFault.ALGORITHM)
    if not isinstance(kid, str) or not 1 <= len(kid) <= KID_LIMIT:
        raise BadToken(TokenFault.KID)
    return algorithm, kid


def _json_object(text: bytes, fault: TokenFault) -> dict[str, Any]:
    """A JSON object in which no name is ambiguous, that has no numbers but JSON's and is not nested deeply."""
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
        count_keys(value)  # how deep the parser itself goes differs from Python to Python
    except (ValueError, RecursionError):  # ValueError: also bad UTF-8, and numbers with thousands of digits
        raise BadToken(fault) from None
    if not isinstance(value, dict):
        raise BadToken(fault)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
