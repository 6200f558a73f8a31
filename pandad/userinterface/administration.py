"""What administrators do about people: link, unlink, give roles, ban, deny tokens. Each change is in the audit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from pandad.spec.account import Account, Ban
from pandad.spec.act import Doer
from pandad.spec.caller import Identity, Role, compact_name
from pandad.spec.errors import BadRequest, Conflict, NotFound
from pandad.spec.principal import FROM, identity_of
from pandad.spec.token import Denial
from pandad.taskbuffer import accounts, audit, denials
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.vault import Vault
from pandad.userinterface.accounts import joined, share

ACCOUNT = "account "


class Whom:
    """Somebody in the words of an administrator: ``account 7``, ``SUBJECT from ANCHOR``, or a subject whoever vouches for it."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if not self.text:
            raise BadRequest("who", f'is empty; write "{ACCOUNT}7", "SUBJECT{FROM}ANCHOR" or a SUBJECT')
        number = self.text.removeprefix(ACCOUNT)
        self.account = int(number) if number != self.text and number.isdigit() else None
        self.identity = identity_of(self.text) if self.account is None else None
        self.subject = self.identity.subject if self.identity else self.text if self.account is None else None

    def exact(self) -> Identity:
        """The one identity that is meant.

        :raise BadRequest: it is not said who vouches for it.
        """
        if self.identity is None:
            raise BadRequest("who", f"{self.text!r} may be several: write SUBJECT{FROM}ANCHOR")
        return self.identity


async def account_of(txn: Transaction, whom: Whom) -> Account | None:
    """The account of somebody; None: he was never linked.

    :raise Conflict: several have that subject, in different accounts. :raise NotFound: there is no account of that number.
    """
    numbers = {whom.account} if whom.account is not None else await _numbers(txn, whom)
    if len(numbers) > 1:
        raise Conflict(f"{whom.text} is in the accounts {', '.join(map(str, sorted(numbers)))}: write which")
    found = [await accounts.find(txn, number) for number in numbers]
    if whom.account is not None and found == [None]:
        raise NotFound("account", whom.account)
    return found[0] if found else None


async def _numbers(txn: Transaction, whom: Whom) -> set[int]:
    if whom.identity is not None:
        number = await accounts.of(txn, whom.identity)
        return set() if number is None else {number}
    return {number for _, number in await accounts.of_subject(txn, whom.subject or "")}


async def link(txn: Transaction, first: Whom, second: Whom, why: str, by: Doer, vault: Vault | None = None) -> int:
    """Make two identities one person, on the administrator's word; the number of the account. See `joined`.

    :param vault: with it their secrets become common, as when they link themselves.
    """
    await accounts.lock(txn)
    act = by("link", f"{first.text} and {second.text}", why)
    number, new = await joined(txn, first.exact(), second.exact(), act.who)
    if vault is not None:
        await share(txn, vault, number)
    if new:
        await audit.note(txn, act)
    return number


async def unlink(txn: Transaction, whom: Whom, why: str, by: Doer) -> int:
    """Take an identity out of its account; the number of that. What it owned stays its own.

    :raise NotFound: it is in none.
    """
    await accounts.lock(txn)
    number = await accounts.unlink(txn, whom.exact())
    if number is None:
        raise NotFound("linked identity", whom.text)
    await audit.note(txn, by("unlink", f"{whom.text} from account {number}", why))
    return number


async def set_role(txn: Transaction, whom: Whom, role: Role, given: bool, why: str, by: Doer) -> Account:
    """Give an account a role, or take it; an identity without an account gets one with its first role.

    :raise NotFound: there is no account to take it from.
    """
    await accounts.lock(txn)
    account = await account_of(txn, whom)
    if account is None:
        if not given:
            raise NotFound("account of", whom.text)
        identity = whom.exact()
        number = await accounts.new(txn, compact_name(identity.subject))
        await accounts.link(txn, identity, number, "administrator")
        account = Account(number, "", frozenset({identity}))
    roles = account.roles | {role} if given else account.roles - {role}
    if roles != account.roles:
        await accounts.set_roles(txn, account.id, sorted(roles))
        await audit.note(txn, by("grant" if given else "revoke", f"{role} of account {account.id}", why))
    found = await accounts.find(txn, account.id)
    assert found is not None
    return found


async def ban(txn: Transaction, whom: Whom, reason: str, until: datetime | None, identity_only: bool, by: Doer) -> str:
    """Keep somebody out: the person, with all linked identities, or with `identity_only` that identity; who was hit, in words.
    The same ban once more is none."""
    if not reason.strip():
        raise BadRequest("reason", "is empty; who is banned is told it")
    await accounts.lock(txn)
    account = None if identity_only else await account_of(txn, whom)
    subject = None if account is not None else whom.subject
    if account is None and subject is None:
        raise BadRequest("who", "is an account; name an identity, or leave out that only one is meant")
    anchor = whom.identity.anchor if whom.identity and account is None else None
    act = by("ban", f"{ACCOUNT}{account.id}" if account else whom.text, reason)
    if await accounts.ban(txn, account=account.id if account else None, subject=subject, anchor=anchor, reason=reason,
                          until=until, by=act.who):
        await audit.note(txn, act)
    return act.target


async def unban(txn: Transaction, whom: Whom, why: str, by: Doer) -> int:
    """Lift all bans on somebody, and on his account; how many.

    :raise NotFound: there is none.
    """
    await accounts.lock(txn)
    found = await bans_on(txn, whom)
    if not found:
        raise NotFound("ban on", whom.text)
    await accounts.unban(txn, [each.id for each in found])
    await audit.note(txn, by("unban", whom.text, why))
    return len(found)


async def bans_on(txn: Transaction, whom: Whom) -> Sequence[Ban]:
    """All in force on that person, by account or by any identity of it."""
    account = await account_of(txn, whom)
    identities: Collection[Identity] = account.identities if account else [whom.identity] if whom.identity else []
    number = account.id if account else None
    return [each for each in await accounts.bans(txn)
            if (each.account is not None and each.account == number)
            or (whom.identity is None and each.subject is not None and each.subject == whom.subject)
            or any(each.hits(identity, None) for identity in identities)]


async def deny_tokens(txn: Transaction, denial: Denial, reason: str, by: Doer) -> None:
    """Refuse tokens from now on; their bearers are told the reason."""
    act = by("deny tokens", denial.words, reason)
    await denials.put(txn, denial, reason, act.operator)
    await audit.note(txn, act)


async def allow_tokens(txn: Transaction, denial: Denial, by: Doer) -> None:
    """Take a denial back.

    :raise NotFound: there is none.
    """
    if not await denials.remove(txn, denial):
        raise NotFound("denial of", denial.words)
    await audit.note(txn, by("allow tokens", denial.words))
