"""What pilots are lent: proxies and tokens for payloads, key pairs. Who puts them there, and renews them, is an administrator or
a program of his; this server fetches none from anywhere. (PanDA: getProxy, getKeyPair, get_access_token, get_token_key.)
"""

from __future__ import annotations

import hmac
from datetime import datetime

from pandad.spec.act import Doer
from pandad.spec.caller import Caller, Role
from pandad.spec.confidential import Confidential
from pandad.spec.errors import BadRequest, Forbidden, NotFound, PandadError
from pandad.spec.pilotcredential import Kind
from pandad.taskbuffer import audit, pilotcredentials
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.vault import Vault

LONGEST_NAME = 500  # characters


class NotLent(PandadError):
    """There is nothing of that name, or it is over."""

    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(f"this server has no {kind} for {name}; its administrator puts one there with `pandad credential put`")


class Lending:
    """Hands out what there is to those who may have it.

    :param vault: opens it; None: this server keeps nothing.
    """


    def __init__(self, store: Store, vault: Vault | None) -> None:
        self._store, self._vault = store, vault

    async def proxy(self, caller: Caller, name: str | None, role: str | None) -> Confidential:
        """A proxy in PEM, of that DN or other name (the caller's own DN by default) with that role.

        :raise Forbidden: the caller is no pilot. :raise NotLent: there is none.
        """
        _refuse(caller, Role.PILOT, Role.PRODUCTION)
        assert caller.identity is not None
        return await self._open(Kind.PROXY, name or caller.identity.subject, role or "")

    async def key_pair(self, caller: Caller, public: str, private: str) -> tuple[Confidential, Confidential]:
        """The keys of these names: (public, private). For the same callers."""
        _refuse(caller, Role.PILOT, Role.PRODUCTION)
        return await self._open(Kind.PUBLIC_KEY, public), await self._open(Kind.PRIVATE_KEY, private)

    async def token(self, caller: Caller, client: str, key: str | None) -> Confidential:
        """The access token of that client; where there is a token key for it, the pilot must show that."""
        _refuse(caller, Role.PILOT, Role.PRODUCTION)
        wanted = await self._find(Kind.TOKEN_KEY, client)
        if wanted is not None and not hmac.compare_digest(wanted.reveal().encode(), (key or "").encode()):
            came = "another one" if key else "none"
            raise Forbidden(f"the token of {client} needs its token key, and {came} came with the call; {caller.described}")
        return await self._open(Kind.TOKEN, client)

    async def token_key(self, caller: Caller, client: str) -> Confidential:
        """What pilots must show for the token of that client: for those who start pilots, as Harvester."""
        _refuse(caller, Role.PRODUCTION)
        return await self._open(Kind.TOKEN_KEY, client)

    async def _open(self, kind: Kind, name: str, role: str = "") -> Confidential:
        found = await self._find(kind, name, role)
        if found is None:
            raise NotLent(kind, f"{name} with role {role}" if role else name)
        return found

    async def _find(self, kind: Kind, name: str, role: str = "") -> Confidential | None:
        if self._vault is None:
            return None
        sealed = await self._store.read("pilot_credential", pilotcredentials.find, kind, name, role)
        if sealed is None:
            return None
        return Confidential(self._vault.open(pilotcredentials.bound_to(kind, role), name, sealed))


def _refuse(caller: Caller, *roles: Role) -> None:
    if caller.limited or not caller.has(*roles):
        names = " or ".join([*roles, Role.ADMIN])
        raise Forbidden(f"this is lent to those with the role {names} and a credential that is not limited; {caller.described}")


async def put(txn: Transaction, vault: Vault, kind: Kind, name: str, role: str, text: Confidential, not_after: datetime | None,
              by: Doer) -> None:
    """Lend something from now on, in the place of what was lent under that name."""
    if not name or max(len(name), len(role)) > LONGEST_NAME:
        raise BadRequest("name", f"must have 1 to {LONGEST_NAME} characters, as a role has at most")
    if not text.reveal().strip():
        raise BadRequest("text", "is empty")
    act = by("put credential", f"{kind} {name} {role}".strip())
    sealed = vault.seal(pilotcredentials.bound_to(kind, role), name, text.reveal())
    await pilotcredentials.put(txn, kind, name, role, sealed, not_after, act.who)
    await audit.note(txn, act)


async def remove(txn: Transaction, kind: Kind, name: str, role: str, by: Doer) -> None:
    """Lend it no more.

    :raise NotFound: it was not there.
    """
    if not await pilotcredentials.remove(txn, kind, name, role):
        raise NotFound("credential", f"{kind} {name} {role}".strip())
    await audit.note(txn, by("remove credential", f"{kind} {name} {role}".strip()))
