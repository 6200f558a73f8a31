"""Accounts, the identities linked to them, and bans. Whoever changes one counts up the generation and wakes those who remember
them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from pandad.spec.account import Account, Ban, Directory
from pandad.spec.caller import Identity, Role, compact_name
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

CODES_EACH = 5  # open codes of an identity; an older one goes

_VERSION = sql("accounts.version", """
    SELECT generation, (SELECT count(*) FROM ban WHERE until IS NULL OR until > now()) FROM rights""")

_LOCK = sql("accounts.lock", "SELECT FROM rights FOR UPDATE")

_MEMBERS = sql("accounts.members", """
    SELECT i.anchor, i.subject, a.id, a.label, a.roles FROM account_identity i JOIN account a ON a.id = i.account""")

_BANS = sql("accounts.bans", """
    SELECT id, account, subject, anchor, reason, since, until, bannedby FROM ban
    WHERE until IS NULL OR until > now() ORDER BY id""")

_BANNED = sql("accounts.banned", """
    SELECT b.subject, a.label FROM ban b LEFT JOIN account a ON a.id = b.account
    WHERE b.until IS NULL OR b.until > now()""")

_CHANGED = sql("accounts.changed", "UPDATE rights SET generation = generation + 1")

_OF = sql("accounts.of", """
    SELECT account FROM account_identity WHERE subject = %(subject)s AND anchor = %(anchor)s""")

_OF_SUBJECT = sql("accounts.of_subject", """
    SELECT anchor, subject, account FROM account_identity WHERE subject = %(subject)s ORDER BY anchor""")

_ONE = sql("accounts.one", """
    SELECT a.id, a.label, a.roles, ARRAY(SELECT ARRAY[i.anchor, i.subject] FROM account_identity i WHERE i.account = a.id)
    FROM account a WHERE a.id = %(id)s::bigint""")

_NEW = sql("accounts.new", "INSERT INTO account (label) VALUES (%(label)s) RETURNING id")

_LINK = sql("accounts.link", """
    INSERT INTO account_identity (anchor, subject, account, linkedby)
    VALUES (%(anchor)s, %(subject)s, %(account)s::bigint, %(by)s)""")

_UNLINK = sql("accounts.unlink", """
    DELETE FROM account_identity WHERE subject = %(subject)s AND anchor = %(anchor)s RETURNING account""")

_FORGET_SECRETS = sql("accounts.forget_secrets", """
    DELETE FROM user_secret WHERE subject = %(subject)s AND anchor = %(anchor)s""")

_SET_ROLES = sql("accounts.set_roles", "UPDATE account SET roles = %(roles)s::text[] WHERE id = %(id)s::bigint")

_BAN = sql("accounts.ban", """
    INSERT INTO ban (account, subject, anchor, reason, until, bannedby)
    SELECT n.account, n.subject, n.anchor, n.reason, n.until, %(by)s::text
    FROM (VALUES (%(account)s::bigint, %(subject)s::text, %(anchor)s::text, %(reason)s::text, %(until)s::timestamptz))
        AS n(account, subject, anchor, reason, until)
    WHERE NOT EXISTS (
        SELECT FROM ban b WHERE (b.account, b.subject, b.anchor, b.reason, b.until) IS NOT DISTINCT FROM
            (n.account, n.subject, n.anchor, n.reason, n.until))""")

_UNBAN = sql("accounts.unban", "DELETE FROM ban WHERE id = ANY (%(ids)s::bigint[])")

_PUT_CODE = sql("accounts.put_code", f"""
    WITH gone AS (
        DELETE FROM link_code WHERE expires <= now() OR digest IN (
            SELECT digest FROM link_code WHERE subject = %(subject)s AND anchor = %(anchor)s
            ORDER BY expires DESC OFFSET {CODES_EACH - 1}))
    INSERT INTO link_code (digest, anchor, subject, expires)
    VALUES (%(digest)s::bytea, %(anchor)s, %(subject)s, now() + make_interval(secs => %(lives_s)s)) RETURNING expires""")

_CODE = sql("accounts.code", """
    SELECT anchor, subject FROM link_code WHERE digest = %(digest)s::bytea AND expires > now() FOR UPDATE""")

_USE_CODE = sql("accounts.use_code", "DELETE FROM link_code WHERE digest = %(digest)s::bytea")


async def version(txn: Transaction) -> tuple[int, int]:
    """Of the directory as it is now."""
    generation, bans = await txn.one(_VERSION)
    return generation, bans


async def directory(txn: Transaction) -> Directory:
    """All accounts with identities, and the bans in force. The version is read first: what changes after that is found at the
    next look at the version."""
    read = await version(txn)
    in_force = await bans(txn)
    members: dict[int, set[Identity]] = defaultdict(set)
    about: dict[int, tuple[str, frozenset[Role]]] = {}
    for anchor, subject, number, label, roles in await txn.many(_MEMBERS):
        members[number].add(Identity(anchor, subject))
        about[number] = label, _roles(roles)
    accounts = [Account(number, label, frozenset(members[number]), roles) for number, (label, roles) in about.items()]
    return Directory(read, {i: account for account in accounts for i in account.identities}, in_force)


async def lock(txn: Transaction) -> None:
    """Let nobody else change accounts or bans before this transaction ends."""
    await txn.run(_LOCK)


async def of(txn: Transaction, identity: Identity) -> int | None:
    """The number of the account that it is linked to."""
    row = await txn.maybe(_OF, anchor=identity.anchor, subject=identity.subject)
    return row[0] if row else None


async def of_subject(txn: Transaction, subject: str) -> list[tuple[Identity, int]]:
    """Linked identities of that subject, whoever vouches for them, with their accounts."""
    return [(Identity(anchor, name), number) for anchor, name, number in await txn.many(_OF_SUBJECT, subject=subject)]


async def find(txn: Transaction, number: int) -> Account | None:
    """The account of that number."""
    row = await txn.maybe(_ONE, id=number)
    if row is None:
        return None
    found, label, roles, identities = row
    return Account(found, label, frozenset(Identity(anchor, subject) for anchor, subject in identities), _roles(roles))


async def bans(txn: Transaction) -> list[Ban]:
    """Those in force."""
    return [_ban(row) for row in await txn.many(_BANS)]


async def banned(txn: Transaction) -> list[str]:
    """The labels of those whom bans in force are on: of the account, or of the subject."""
    return [compact_name(subject) if label is None else label for subject, label in await txn.many(_BANNED)]


async def new(txn: Transaction, label: str) -> int:
    """A new account; its number."""
    (number,) = await txn.one(_NEW, label=label)
    return int(number)


async def link(txn: Transaction, identity: Identity, account: int, by: str) -> None:
    """Add an identity, which must not be linked yet, to an account."""
    await txn.run(_LINK, anchor=identity.anchor, subject=identity.subject, account=account, by=by)
    await _changed(txn)


async def unlink(txn: Transaction, identity: Identity) -> int | None:
    """Take an identity out of its account, and the account's secrets from it; the number of that account, if there is one."""
    row = await txn.maybe(_UNLINK, anchor=identity.anchor, subject=identity.subject)
    if row is None:
        return None
    await txn.run(_FORGET_SECRETS, anchor=identity.anchor, subject=identity.subject)
    await _changed(txn)
    return int(row[0])


async def set_roles(txn: Transaction, account: int, roles: Sequence[Role]) -> None:
    """What an account may act as, beside what its identities may."""
    await txn.run(_SET_ROLES, id=account, roles=[str(role) for role in roles])
    await _changed(txn)


async def ban(txn: Transaction, *, account: int | None = None, subject: str | None = None, anchor: str | None = None, reason: str,
              until: datetime | None, by: str) -> bool:
    """Keep an account, or a subject, out; False: this very ban is there already."""
    if not await txn.run(_BAN, account=account, subject=subject, anchor=anchor, reason=reason, until=until, by=by):
        return False
    await _changed(txn)
    return True


async def unban(txn: Transaction, ids: Sequence[int]) -> int:
    """Lift these bans; how many there were."""
    count = await txn.run(_UNBAN, ids=list(ids))
    await _changed(txn)
    return count


async def put_code(txn: Transaction, digest: bytes, identity: Identity, lives_s: float) -> datetime:
    """Keep a code for this identity; until when."""
    (expires,) = await txn.one(_PUT_CODE, digest=digest, anchor=identity.anchor, subject=identity.subject, lives_s=lives_s)
    at: datetime = expires
    return at


async def of_code(txn: Transaction, digest: bytes) -> Identity | None:
    """Who asked for that code, if it is still good; nobody else can use it before this transaction ends."""
    row = await txn.maybe(_CODE, digest=digest)
    return Identity(*row) if row else None


async def use_code(txn: Transaction, digest: bytes) -> None:
    """It is good no more."""
    await txn.run(_USE_CODE, digest=digest)


async def _changed(txn: Transaction) -> None:
    await txn.run(_CHANGED)
    txn.hint("rights")


def _ban(row: Row) -> Ban:
    number, account, subject, anchor, reason, since, until, by = row
    return Ban(id=number, account=account, subject=subject, anchor=anchor, reason=reason, since=since, until=until, by=by)


def _roles(names: Sequence[str]) -> frozenset[Role]:
    return frozenset(map(Role, names))
