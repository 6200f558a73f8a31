"""API v1, module metaconfig: how this PanDA is set up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pandad.api.access import IDENTIFIED, PUBLIC
from pandad.api.load import Urgency
from pandad.api.route import GET, Route
from pandad.spec.caller import Caller
from pandad.spec.resourcetype import RESOURCE_TYPES, ResourceType

if TYPE_CHECKING:
    from pandad.userinterface.accounts import Accounts


class Metaconfig:
    """One method per call."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    @Route("/api/v1/metaconfig/get_banned_users", GET, access=IDENTIFIED, gives=dict[str, bool])
    async def get_banned_users(self, caller: Caller) -> Mapping[str, bool]:
        """Who is banned, by the short names that PanDA shows, which are no identities; each is false, as in PanDA."""
        return dict.fromkeys(await self._accounts.banned(), False)

    @Route("/api/v1/metaconfig/get_resource_types", GET, access=PUBLIC, gives=list[ResourceType], passive=True,
           urgency=Urgency.ALWAYS)
    async def get_resource_types(self, caller: Caller) -> Sequence[ResourceType]:
        """The classes of jobs by cores and memory per core."""
        return RESOURCE_TYPES
