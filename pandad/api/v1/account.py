"""API v1, module account: one person with several credentials. pandad's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pandad.api.access import OWN
from pandad.api.replies import people
from pandad.api.route import Route
from pandad.spec.caller import Caller, Identity
from pandad.spec.confidential import Confidential

if TYPE_CHECKING:
    from pandad.userinterface.accounts import Accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The code that was asked for with the other credential, and the subject of that one."""

    code: str = field(repr=False)
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfMine:
    """Which identity."""

    subject: str
    anchor: str


class Account:
    """One method per call."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    @Route("/api/v1/account/get_link_code", access=OWN, gives=people.LinkCode)
    async def get_link_code(self, caller: Caller) -> dict[str, Any]:
        """A code that is good once and for some minutes; call `link` with it under the other identity."""
        found = await self._accounts.code(caller)
        return {"code": found.code.reveal(), "expires": found.expires}

    @Route("/api/v1/account/link", access=OWN, gives=people.LinkedAccount, takes=Proof)
    async def link(self, caller: Caller, proof: Proof) -> dict[str, int]:
        """Be one with who asked for that code; the account."""
        return {"account": await self._accounts.link(caller, Confidential(proof.code), proof.subject)}

    @Route("/api/v1/account/unlink", access=OWN, gives=None, takes=OfMine)
    async def unlink(self, caller: Caller, asked: OfMine) -> None:
        """Be no longer one with an identity of one's own account."""
        await self._accounts.unlink(caller, Identity(asked.anchor, asked.subject))
