"""What the data management system tells: Rucio's hermes posts here, as it would to an Elasticsearch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pandad.api.access import TELLS_OF_DATA
from pandad.api.load import Urgency
from pandad.api.route import MIB, PLAIN, POST, Route
from pandad.spec.caller import Caller

if TYPE_CHECKING:
    from pandad.dataservice.notices import Bulletin

PATH = "/ddm/callback"


class Ddm:
    """One call."""

    def __init__(self, bulletin: Bulletin) -> None:
        self._bulletin = bulletin

    @Route(PATH, POST, PLAIN, access=TELLS_OF_DATA, gives=str, raw=True, body_limit_bytes=8 * MIB, urgency=Urgency.LIST)
    async def callback(self, caller: Caller, body: bytes) -> str:
        """Rules and transfers that something happened to. Pandad would find out by itself, later: what is lost does no harm."""
        notices = await self._bulletin.post(body)
        return f"heard of {notices.count}, ignored {notices.ignored}\n"
