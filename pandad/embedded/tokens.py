"""Tokens to play with: a signing key, and what the sandbox' users are in its VO. For the sandbox and the tests only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from pandad.embedded.pki import SANDBOX_VO
from pandad.embedded.proxies import PrivateKey, new_rsa_key, pem_of, write_private

CLIENT_ID = "panda-client"
AUDIENCE = "https://pandad.sandbox"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the sandbox, as its issuer knows him. ``origin``: what goes with his token in the Origin header."""

    name: str
    groups: tuple[str, ...]
    origin: str = SANDBOX_VO


PEOPLE: Mapping[str, Person] = {
    "alice": Person("Alice Example", (SANDBOX_VO,)),
    "bob": Person("Bob Example", (SANDBOX_VO,)),
    "pilot": Person("Robot pandad pilot", (SANDBOX_VO, f"{SANDBOX_VO}/pilot"), f"{SANDBOX_VO}:pilot"),
    "prod": Person("Robot pandad production", (SANDBOX_VO, f"{SANDBOX_VO}/production"), f"{SANDBOX_VO}:production"),
}
"""By subject: the users of the sandbox' certificate authority."""


@dataclass(frozen=True)
class Signer:
    """One key of an issuer."""

    key: PrivateKey

    @property
    def algorithm(self) -> str:
        """What it signs with."""
        return "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"

    @property
    def kid(self) -> str:
        """Its name: a digest of the public key."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return sha256(public).hexdigest()[:16]

    def jwk(self) -> dict[str, Any]:
        """The public key, as issuers publish it."""
        public = self.key.public_key()
        text = RSAAlgorithm.to_jwk(public) if isinstance(public, rsa.RSAPublicKey) else ECAlgorithm.to_jwk(public)
        return {**json.loads(text), "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """A signed token of these claims."""
        return jwt.encode(dict(claims), self.key, self.algorithm, headers={"kid": self.kid, **(header or {})})


def kept_signer(path: Path) -> Signer:
    """The key in a file that nobody else may read; a new one if there is none yet."""
    if not path.exists():
        write_private(path, pem_of(new_rsa_key()))
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    return Signer(key)


def claims_of(user: str, issuer: str, audience: str, now_s: float, lifetime_s: int) -> dict[str, Any]:
    """What the sandbox' issuer says about a user, from now on."""
    person = PEOPLE[user]
    return {"iss": issuer, "sub": user, "aud": audience, "iat": int(now_s), "nbf": int(now_s), "exp": int(now_s) + lifetime_s,
            "jti": str(uuid4()), "name": person.name, "preferred_username": user, "groups": list(person.groups)}


def auth_config(issuer: str) -> dict[str, Any]:
    """The auth_config file of the sandbox' VO."""
    return {"audience": AUDIENCE, "client_id": CLIENT_ID, "client_secret": "", "vo": SANDBOX_VO,
            "oidc_config_url": f"{issuer}/.well-known/openid-configuration"}
