"""API v1, module workflow: there are none here; clients that ask are told so in the form they read."""

from __future__ import annotations

from pandad.api.access import IDENTIFIED
from pandad.api.encode import Envelope
from pandad.api.route import GET, Route
from pandad.spec.caller import Caller


class Workflow:
    """One method per call."""

    @Route("/api/v1/workflow/get_workflow_details", GET, access=IDENTIFIED, gives=None)
    async def get_workflow_details(self, caller: Caller) -> Envelope:
        """panda-client 2.2.0 asks for this, and takes a 403 for a broken server."""
        return Envelope(False, "this server keeps no workflows")
