"""API v1, module creds: secrets that users leave for their jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pandad.api.access import IDENTIFIED
from pandad.api.encode import json_bytes
from pandad.api.route import GET, MIB, Route
from pandad.spec.caller import Caller
from pandad.spec.confidential import Confidential

if TYPE_CHECKING:
    from pandad.userinterface.secrets import Secrets

SECRET_BYTES = 2 * MIB  # of a call; panda-client sends up to 1000 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSecret:
    """A secret to keep. Without a value: to forget; without both: forget all."""

    key: str | None = None
    value: str | None = field(default=None, repr=False)

    @property
    def confidential(self) -> Confidential | None:
        """The value, in a form that no log line shows."""
        return None if self.value is None else Confidential(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretNames:
    """Which secrets; None: all."""

    keys: list[str] | None = None


class Creds:
    """One method per call."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    @Route("/api/v1/creds/set_user_secrets", access=IDENTIFIED, takes=UserSecret, body_limit_bytes=SECRET_BYTES)
    async def set_user_secrets(self, caller: Caller, secret: UserSecret) -> str:
        """Keep or forget a secret of the caller's; what was done."""
        return await self._secrets.set(caller, secret.key, secret.confidential)

    @Route("/api/v1/creds/get_user_secrets", GET, access=IDENTIFIED, takes=SecretNames)
    async def get_user_secrets(self, caller: Caller, asked: SecretNames) -> str:
        """The caller's own secrets, as JSON text of {key: value}: so clients read it."""
        return json_bytes(await self._secrets.get(caller, asked.keys)).decode()
