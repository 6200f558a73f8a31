"""API v1, module creds: secrets that users leave for their jobs, and what pilots are lent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pandad.api.access import LENT, LENT_KEY, OWN
from pandad.api.encode import json_bytes
from pandad.api.load import Urgency
from pandad.api.replies import people
from pandad.api.route import GET, MIB, Route
from pandad.spec.caller import Caller
from pandad.spec.confidential import Confidential

if TYPE_CHECKING:
    from pandad.jobdispatcher.lending import Lending
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProxy:
    """Of which DN or other name, the caller's own by default; with which role."""

    role: str | None = None
    dn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedKeys:
    """By their names."""

    public_key_name: str
    private_key_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedToken:
    """Of which client; with its token key, if it needs one."""

    client_name: str = field(metadata={"legacy": "client_name"})
    token_key: str | None = field(default=None, repr=False, metadata={"legacy": "token_key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientName:
    """Which client."""

    client_name: str = field(metadata={"legacy": "client_name"})


class Creds:
    """One method per call."""

    def __init__(self, secrets: Secrets, lending: Lending) -> None:
        self._secrets, self._lending = secrets, lending

    @Route("/api/v1/creds/set_user_secrets", access=OWN, gives=str, takes=UserSecret, body_limit_bytes=SECRET_BYTES)
    async def set_user_secrets(self, caller: Caller, secret: UserSecret) -> str:
        """Keep or forget a secret of the caller's; what was done."""
        return await self._secrets.set(caller, secret.key, secret.confidential)

    @Route("/api/v1/creds/get_user_secrets", GET, access=OWN, gives=str, takes=SecretNames)
    async def get_user_secrets(self, caller: Caller, asked: SecretNames) -> str:
        """The caller's own secrets, as JSON text of {key: value}: so clients read it."""
        return json_bytes(await self._secrets.get(caller, asked.keys)).decode()

    @Route("/api/v1/creds/get_proxy", GET, access=LENT, gives=people.LentProxy, takes=WantedProxy, urgency=Urgency.HEARTBEAT)
    async def get_proxy(self, caller: Caller, asked: WantedProxy) -> dict[str, str]:
        """A proxy for a payload, under PanDA's key and the one that Harvester reads."""
        proxy = (await self._lending.proxy(caller, asked.dn, asked.role)).reveal()
        return {"user_proxy": proxy, "userProxy": proxy}

    @Route("/api/v1/creds/get_key_pair", GET, access=LENT, gives=people.LentKeys, takes=WantedKeys, urgency=Urgency.HEARTBEAT)
    async def get_key_pair(self, caller: Caller, asked: WantedKeys) -> dict[str, str]:
        """Two keys, under PanDA's keys and those that Harvester's users read."""
        public, private = await self._lending.key_pair(caller, asked.public_key_name, asked.private_key_name)
        return {"public_key": public.reveal(), "private_key": private.reveal(),
                "publicKey": public.reveal(), "privateKey": private.reveal()}

    @Route("/api/v1/creds/get_access_token", GET, access=LENT, gives=people.LentProxy, takes=WantedToken,
           urgency=Urgency.HEARTBEAT)
    async def get_access_token(self, caller: Caller, asked: WantedToken) -> dict[str, str]:
        """A token; the keys are PanDA's."""
        token = (await self._lending.token(caller, asked.client_name, asked.token_key)).reveal()
        return {"user_proxy": token, "userProxy": token}

    @Route("/api/v1/creds/get_token_key", GET, access=LENT_KEY, gives=people.LentTokenKey, takes=ClientName,
           urgency=Urgency.HEARTBEAT)
    async def get_token_key(self, caller: Caller, asked: ClientName) -> dict[str, str]:
        """What pilots must show for the token of that client."""
        return {"tokenKey": (await self._lending.token_key(caller, asked.client_name)).reveal()}
