"""API v1, module metaconfig: how this PanDA is set up."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.api.access import PUBLIC
from pandad.api.load import Urgency
from pandad.api.route import GET, Route
from pandad.spec.caller import Caller
from pandad.spec.resourcetype import RESOURCE_TYPES, ResourceType


class Metaconfig:
    """One method per call."""

    @Route("/api/v1/metaconfig/get_resource_types", GET, access=PUBLIC, passive=True, urgency=Urgency.ALWAYS)
    async def get_resource_types(self, caller: Caller) -> Sequence[ResourceType]:
        """The classes of jobs by cores and memory per core."""
        return RESOURCE_TYPES
