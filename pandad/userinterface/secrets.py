"""Secrets that users leave here for their jobs, as tokens for a service: stored sealed, and shown to nobody but their owner."""

from __future__ import annotations

from collections.abc import Collection

from pandad.spec.act import doer
from pandad.spec.caller import Caller, Identity
from pandad.spec.confidential import Confidential
from pandad.spec.errors import BadRequest, NotAuthenticated, PandadError
from pandad.taskbuffer import audit, secrets
from pandad.taskbuffer.oneatatime import Matter, one_at_a_time
from pandad.taskbuffer.secrets import MOST_BYTES
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.vault import Vault

LONGEST_NAME = 256  # characters


class NoVault(PandadError):
    """This server keeps no secrets."""

    def __init__(self) -> None:
        super().__init__("this server keeps no secrets: its administrator has to set [secrets] key_file")


class Secrets:
    """The secrets of a person, by name. Each identity of the account has all of them, sealed for itself: a job carries those of
    the identity that submitted it."""

    def __init__(self, store: Store, vault: Vault | None) -> None:
        self._store, self._vault = store, vault

    async def set(self, caller: Caller, name: str | None, value: Confidential | None) -> str:
        """Keep a secret, in the place of an older one of that name; without a value forget it; without a name too, forget all.

        :return: what was done, for a person.
        :raise NoVault: there is no key to seal them with. :raise BadRequest: no name for a value, or too large.
        """
        _owner(caller)
        self._opened()
        if value is None:
            count = await self._store.transact("forget_secrets", self._forget, caller, name)
            return f"{count} secret{'' if count == 1 else 's'} forgotten"
        if not name or len(name) > LONGEST_NAME:
            raise BadRequest("key", f"must have 1 to {LONGEST_NAME} characters")
        await self._store.transact("set_secret", self._put, caller, name, value)
        return "OK"

    async def _put(self, txn: Transaction, caller: Caller, name: str, value: Confidential) -> None:
        vault = self._opened()
        await one_at_a_time(txn, Matter.SECRETS, caller.identities)
        for owner in (_owner(caller), *caller.others):
            if not await secrets.put(txn, owner, name, vault.seal(owner, name, value.reveal()), MOST_BYTES):
                raise BadRequest("value", f"is too large: all secrets of an identity may have {MOST_BYTES} bytes together")
        await audit.note(txn, doer(caller)("set secret", name))

    async def _forget(self, txn: Transaction, caller: Caller, name: str | None) -> int:
        count = await secrets.remove(txn, _owner(caller), name)
        for other in caller.others:
            await secrets.remove(txn, other, name)
        await audit.note(txn, doer(caller)("forget secret", name or "all"))
        return count

    async def get(self, caller: Caller, names: Collection[str] | None) -> dict[str, str]:
        """The caller's own secrets: those of these names that are there, or all.

        :raise NoVault: none can be opened. :raise Unopened: one was sealed with a key that is gone.
        """
        owner, vault = _owner(caller), self._opened()
        found = await self._store.once("get_secrets", secrets.of_owner, owner)
        return {s.name: vault.open(s.owner, s.name, s.sealed) for s in found if names is None or s.name in names}

    def _opened(self) -> Vault:
        if self._vault is None:
            raise NoVault
        return self._vault


def _owner(caller: Caller) -> Identity:
    if caller.identity is None:
        raise NotAuthenticated("secrets belong to an identity: come with a certificate, a proxy or a token")
    return caller.identity
