"""What pilots are lent, in the legacy dialect. Every answer is JSON with a StatusCode. Behaviour: panda-server 0.8.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pandad.api.access import LENT, LENT_KEY
from pandad.api.load import Urgency
from pandad.api.replies.people import LegacyKeys, LegacyProxy, LegacyTokenKey
from pandad.api.route import ANY, LEGACY_CREDENTIAL, Route
from pandad.api.v1.creds import ClientName, WantedKeys, WantedProxy, WantedToken
from pandad.spec.caller import Caller

if TYPE_CHECKING:
    from pandad.jobdispatcher.lending import Lending

Answer = dict[str, Any]

OK: Answer = {"StatusCode": 0, "errorDialog": "", "ErrorDialog": ""}


class LegacyCreds:
    """One method per call, under its name on the wire."""

    def __init__(self, lending: Lending) -> None:
        self._lending = lending

    @Route("/server/panda/getProxy", ANY, LEGACY_CREDENTIAL, access=LENT, gives=LegacyProxy, takes=WantedProxy,
           urgency=Urgency.HEARTBEAT)
    async def getProxy(self, caller: Caller, asked: WantedProxy) -> Answer:
        """A proxy for a payload."""
        return {**OK, "userProxy": (await self._lending.proxy(caller, asked.dn, asked.role)).reveal()}

    @Route("/server/panda/getKeyPair", ANY, LEGACY_CREDENTIAL, access=LENT, gives=LegacyKeys, takes=WantedKeys,
           urgency=Urgency.HEARTBEAT)
    async def getKeyPair(self, caller: Caller, asked: WantedKeys) -> Answer:
        """Two keys."""
        public, private = await self._lending.key_pair(caller, asked.public_key_name, asked.private_key_name)
        return {**OK, "publicKey": public.reveal(), "privateKey": private.reveal()}

    @Route("/server/panda/get_access_token", ANY, LEGACY_CREDENTIAL, access=LENT, gives=LegacyProxy, takes=WantedToken,
           urgency=Urgency.HEARTBEAT)
    async def get_access_token(self, caller: Caller, asked: WantedToken) -> Answer:
        """A token, under the key of a proxy. A pilot that gets none keeps what it has."""
        return {**OK, "userProxy": (await self._lending.token(caller, asked.client_name, asked.token_key)).reveal()}

    @Route("/server/panda/get_token_key", ANY, LEGACY_CREDENTIAL, access=LENT_KEY, gives=LegacyTokenKey, takes=ClientName,
           urgency=Urgency.HEARTBEAT)
    async def get_token_key(self, caller: Caller, asked: ClientName) -> Answer:
        """What pilots must show for the token of that client."""
        return {**OK, "tokenKey": (await self._lending.token_key(caller, asked.client_name)).reveal()}
