"""API v1, module system: is anybody there, and whom does it take me for."""

from __future__ import annotations

from typing import Any

from pandad import __version__
from pandad.api.access import IDENTIFIED, PUBLIC
from pandad.api.encode import Envelope
from pandad.api.route import GET, Route
from pandad.spec.caller import Caller


class System:
    """One method per call."""

    @Route("/api/v1/system/is_alive", GET, access=PUBLIC, passive=True)
    async def is_alive(self, caller: Caller) -> Envelope:
        """Yes."""
        return Envelope(True, "alive=yes")

    @Route("/api/v1/system/get_attributes", GET, access=IDENTIFIED)
    async def get_attributes(self, caller: Caller) -> dict[str, Any]:
        """The caller as this server sees it, under the names that clients look for."""
        assert caller.identity is not None
        environment = {
            "SSL_CLIENT_S_DN": caller.identity.subject,
            "SSL_CLIENT_I_DN": caller.identity.anchor,
            "GRST_CRED_AURI_0": f"dn:{caller.identity.subject}",  # panda-client shows the keys of this kind only
            "REMOTE_ADDR": caller.host,
            "PANDAD_ROLES": ",".join(sorted(caller.roles)),
            "PANDAD_VERSION": __version__,
        }
        return {"parameters": {}, "environment": environment}
