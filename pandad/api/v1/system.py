"""API v1, module system: is anybody there, and whom does it take me for."""

from __future__ import annotations

from pandad.api import whoami
from pandad.api.access import IDENTIFIED, PUBLIC
from pandad.api.encode import Envelope
from pandad.api.load import Urgency
from pandad.api.replies import people
from pandad.api.route import GET, Route
from pandad.spec.caller import Caller


class System:
    """One method per call."""

    @Route("/api/v1/system/is_alive", GET, access=PUBLIC, gives=None, passive=True, urgency=Urgency.ALWAYS)
    async def is_alive(self, caller: Caller) -> Envelope:
        """Yes."""
        return Envelope(True, "alive=yes")

    @Route("/api/v1/system/get_attributes", GET, access=IDENTIFIED, gives=people.Environment)
    async def get_attributes(self, caller: Caller) -> Envelope:
        """The caller as this server sees him, under the names of a web server's environment."""
        found = whoami.environment(caller)
        return Envelope(True, whoami.lines(found), {"parameters": {}, "environment": found})

    @Route("/api/v1/system/get_user_attributes", GET, access=IDENTIFIED, gives=people.UserAttributes)
    async def get_user_attributes(self, caller: Caller) -> Envelope:
        """The same, under PanDA's names for a user and in structure."""
        found = whoami.user(caller)
        return Envelope(True, whoami.lines(found), found)

    @Route("/api/v1/system/get_voms_attributes", GET, access=IDENTIFIED, gives=dict[str, str])
    async def get_voms_attributes(self, caller: Caller) -> Envelope:
        """Of the same, the DN and the FQANs."""
        found = whoami.voms(caller)
        return Envelope(True, whoami.lines(found), found)
