"""Calls of users, and of pilots about a user's job, in the legacy dialect. Behaviour: panda-server 0.8.1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pandad.api import encode, whoami
from pandad.api.access import DEBUG, DEBUG_AS_PILOT, IDENTIFIED, OWN
from pandad.api.encode import json_bytes
from pandad.api.route import ANY, LEGACY, POST, Route
from pandad.api.v1.creds import SECRET_BYTES, UserSecret
from pandad.api.v1.job import SUCCEEDED
from pandad.jobdispatcher.requests import legacy
from pandad.spec.caller import Caller

if TYPE_CHECKING:
    from pandad.userinterface.debug import Debug
    from pandad.userinterface.secrets import Secrets

Answer = tuple[bool, Any]  # on the wire a JSON list


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugMode:
    """Of which job, and whether on."""

    panda_id: int = field(metadata={"legacy": "pandaID"})
    mode_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCommand:
    """Which job's pilot is to do what."""

    panda_id: int = field(metadata={"legacy": "panda_id"})
    com: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSecrets:
    """Which secrets; None: all. ``get_json``: as an object, not as text of one."""

    keys: list[str] | None = None
    get_json: bool = legacy("get_json", False)


class LegacyUser:
    """One method per call, under its name on the wire."""

    def __init__(self, debug: Debug, secrets: Secrets) -> None:
        self._debug, self._secrets = debug, secrets

    @Route("/server/panda/setDebugMode", POST, LEGACY, access=DEBUG_AS_PILOT, gives=str, takes=DebugMode, encode=encode.as_text)
    async def setDebugMode(self, caller: Caller, asked: DebugMode) -> str:
        """Switch debug mode of a job; pilots do so for their own."""
        await self._debug.set_mode(caller, asked.panda_id, asked.mode_on)
        return SUCCEEDED

    @Route("/server/panda/send_command_to_job", POST, LEGACY, access=DEBUG, gives=tuple[bool, str], takes=JobCommand,
           encode=encode.as_json)
    async def send_command_to_job(self, caller: Caller, asked: JobCommand) -> Answer:
        """Have the pilot of a job do a debug command."""
        command = await self._debug.command(caller, asked.panda_id, asked.com)
        return True, f"{command} is told to the pilot at its next heartbeat"

    @Route("/server/panda/set_user_secret", POST, LEGACY, access=OWN, gives=tuple[bool, str], takes=UserSecret,
           encode=encode.as_json,
           body_limit_bytes=SECRET_BYTES)
    async def set_user_secret(self, caller: Caller, secret: UserSecret) -> Answer:
        """Keep or forget a secret of the caller's."""
        return True, await self._secrets.set(caller, secret.key, secret.confidential)

    @Route("/server/panda/get_user_secrets", ANY, LEGACY, access=OWN, gives=tuple[bool, str | dict[str, str]],
           takes=WantedSecrets, encode=encode.as_json)
    async def get_user_secrets(self, caller: Caller, asked: WantedSecrets) -> Answer:
        """The caller's own secrets."""
        found = await self._secrets.get(caller, asked.keys)
        return True, found if asked.get_json else json_bytes(found).decode()

    @Route("/server/panda/getAttr", ANY, LEGACY, access=IDENTIFIED, gives=str, encode=encode.as_text)
    async def getAttr(self, caller: Caller) -> str:
        """Whom this server takes the caller for, a line for each thing."""
        return whoami.lines(whoami.environment(caller))

    @Route("/server/panda/getVomsAttr", ANY, LEGACY, access=IDENTIFIED, gives=str, encode=encode.as_text)
    async def getVomsAttr(self, caller: Caller) -> str:
        """Of the same, the DN and the FQANs."""
        return whoami.lines(whoami.voms(caller))
