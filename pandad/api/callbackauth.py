"""A password for one call alone: Rucio's hermes can show nothing else."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any

from pandad.api.ddm import PATH
from pandad.spec.caller import Credential, Identity
from pandad.spec.errors import NotAuthenticated

ANCHOR = "http://pandad" + PATH  # nobody else can vouch in this name


class CallbackAuthenticator:
    """``Authorization: Basic`` for that call, and for no other.

    :param passwords: by user name.
    """

    name = "password"

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = {user.encode(): password.encode() for user, password in passwords.items()}

    @property
    def principals(self) -> Sequence[str]:
        """Who they are, in the words of [identity]."""
        return [f"{user.decode()} from {ANCHOR}" for user in self._passwords]

    async def authenticate(self, request: Any) -> Credential | None:
        """See IAuthenticator."""
        if request.path != PATH.encode():
            return None
        kind, _, said = next(iter(request.values(b"authorization")), b"").partition(b" ")
        if kind.lower() != b"basic":
            return None
        user, _, password = _decoded(said).partition(b":")
        right = self._passwords.get(user)
        if not right or not compare_digest(right, password):
            raise NotAuthenticated(f"the user name or the password is none of those that {PATH} is called with")
        return Credential(kind=self.name, identity=Identity(ANCHOR, user.decode()), not_after=datetime.max.replace(tzinfo=UTC),
                          host=getattr(request.getClientAddress(), "host", ""))


def _decoded(said: bytes) -> bytes:
    try:
        return b64decode(said.strip(), validate=True)
    except binascii.Error:
        return b""
