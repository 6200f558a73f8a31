"""One person with several credentials: shown to be one by the person, with a code asked for with the one and brought back with
the other."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pandad.spec.act import doer
from pandad.spec.caller import Caller, Identity, compact_name
from pandad.spec.confidential import Confidential
from pandad.spec.errors import BadRequest, Conflict, NotAuthenticated, NotFound
from pandad.taskbuffer import accounts, audit, secrets
from pandad.taskbuffer.oneatatime import Matter, one_at_a_time
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.vault import Unopened, Vault

CODE_LIVES_S = 600
CODE_BYTES = 16


@dataclass(frozen=True, slots=True)
class LinkCode:
    """Worth the identity that asked for it, once, until then."""

    code: Confidential
    expires: datetime


class Accounts:
    """What people do about their own identities.

    :param vault: opens and seals what secrets they have; None: there are none.
    """

    def __init__(self, store: Store, vault: Vault | None) -> None:
        self._store, self._vault = store, vault

    async def code(self, caller: Caller) -> LinkCode:
        """A code to come back with under another identity."""
        identity = _identity(caller)
        code = Confidential(randomness.token_urlsafe(CODE_BYTES))
        return LinkCode(code, await self._store.transact("link_code", _keep_code, _digest(code), identity))

    async def link(self, caller: Caller, code: Confidential, subject: str | None) -> int:
        """Make the caller and who asked for that code one; the number of the account.

        Said again after it was done, because the answer was lost, it is answered again.

        :param subject: of who asked for it, said by the caller: else somebody could be talked into giving his rights away by a
            code that he was sent.
        :raise NotFound: there is no such code, or it is over. :raise Conflict: the subject is to be confirmed, or both belong to
            accounts already. :raise BadRequest: it is another subject.
        """
        _identity(caller)
        return await self._store.transact("link", self._link, caller, _digest(code), subject)

    async def unlink(self, caller: Caller, identity: Identity) -> None:
        """Part from an identity of one's own account, which may be the present one.

        :raise NotFound: it is not one of the caller's, or no more.
        """
        _identity(caller)
        await self._store.transact("unlink", self._unlink, caller, identity)

    async def banned(self) -> Sequence[str]:
        """The labels of those who are banned, each once; reasons are for the banned and their administrators."""
        return sorted(set(await self._store.read("banned", accounts.banned)))

    async def _link(self, txn: Transaction, caller: Caller, digest: bytes, subject: str | None) -> int:
        here = _identity(caller)
        await accounts.lock(txn)
        other = await accounts.of_code(txn, digest)
        if other is None:
            if (number := await _linked_already(txn, here, subject)) is not None:
                return number
            raise NotFound("code", "like this one: it was used, is over, or was mistyped; ask for a new one")
        if other == here:
            raise BadRequest("code", "was asked for with the credential that you come with now; come with the other one")
        whom = f"{other.subject} (vouched for by {other.anchor})"
        if subject is None:
            raise Conflict(f"this code was asked for by {whom}, who will have all your rights: if that is you, send the subject "
                           "along (pandad link CODE --with SUBJECT)")
        if subject != other.subject:
            raise BadRequest("subject", f"is not that of who asked for this code: {whom}")
        number, new = await joined(txn, other, here, here.subject)
        await accounts.use_code(txn, digest)
        if self._vault is not None:
            await share(txn, self._vault, number)
        if new:
            await audit.note(txn, doer(caller)("link", f"{whom} to account {number}"))
        return number

    async def _unlink(self, txn: Transaction, caller: Caller, identity: Identity) -> None:
        await accounts.lock(txn)
        number = await accounts.of(txn, _identity(caller))  # what this process remembers may be over
        if number is None or number != await accounts.of(txn, identity):
            raise NotFound("identity of yours", f"{identity.subject} from {identity.anchor}: it never was, or is no more")
        await accounts.unlink(txn, identity)
        whom = f"{identity.subject} (vouched for by {identity.anchor})"
        await audit.note(txn, doer(caller)("unlink", f"{whom} from account {number}"))


async def _keep_code(txn: Transaction, digest: bytes, identity: Identity) -> datetime:
    await one_at_a_time(txn, Matter.LINK_CODES, [identity])
    return await accounts.put_code(txn, digest, identity, CODE_LIVES_S)


async def _linked_already(txn: Transaction, here: Identity, subject: str | None) -> int | None:
    """The account in which somebody is with another identity of that subject."""
    number = await accounts.of(txn, here)
    others = await accounts.of_subject(txn, subject) if number is not None and subject is not None else []
    return number if any(theirs == number and other != here for other, theirs in others) else None


async def joined(txn: Transaction, first: Identity, second: Identity, by: str) -> tuple[int, bool]:
    """Make two identities one person; the number of the account, and whether they were two until now.

    :raise Conflict: each has an account already, and they are two.
    """
    numbers = {i: await accounts.of(txn, i) for i in (first, second)}
    known = {number for number in numbers.values() if number is not None}
    if len(known) > 1:
        two = " and ".join(map(str, sorted(known)))
        raise Conflict(f"they belong to the accounts {two} already; an administrator has to unlink the one or the other first")
    number = known.pop() if known else await accounts.new(txn, compact_name(first.subject))
    for identity, linked in numbers.items():
        if linked is None:
            await accounts.link(txn, identity, number, by)
    return number, None in numbers.values()


async def share(txn: Transaction, vault: Vault, number: int) -> None:
    """Give each identity of an account the secrets that only another one has: jobs carry those of who submitted them."""
    account = await accounts.find(txn, number)
    assert account is not None
    members = sorted(account.identities, key=lambda i: (i.anchor, i.subject))
    await one_at_a_time(txn, Matter.SECRETS, members)
    found = {member: {s.name: s for s in await secrets.of_owner(txn, member)} for member in members}
    for owner, named in found.items():
        for name, sealed in named.items():
            await _copy(txn, vault, sealed, [m for m in members if m != owner and name not in found[m]])


async def _copy(txn: Transaction, vault: Vault, sealed: secrets.Sealed, to: Collection[Identity]) -> None:
    try:
        text = vault.open(sealed.owner, sealed.name, sealed.sealed)
    except Unopened:
        return  # its owner hears of it when he asks for it
    for member in to:
        await secrets.put(txn, member, sealed.name, vault.seal(member, sealed.name, text), secrets.MOST_BYTES)


def _digest(code: Confidential) -> bytes:
    return sha256(code.reveal().strip().encode()).digest()


def _identity(caller: Caller) -> Identity:
    if caller.identity is None:
        raise NotAuthenticated("accounts are of those with an identity: come with a certificate, a proxy or a token")
    return caller.identity
