"""One person with several credentials, and what administrators do about people, on the real store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from factories import ALICE, a_caller
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.act import operator_on
from pandad.spec.caller import ANONYMOUS, Caller, Identity, Role
from pandad.spec.confidential import Confidential
from pandad.spec.errors import BadRequest, Conflict, NotAuthenticated, NotFound
from pandad.taskbuffer import accounts
from pandad.taskbuffer.vault import Vault
from pandad.userinterface import administration
from pandad.userinterface.accounts import CODE_LIVES_S, Accounts
from pandad.userinterface.administration import Whom
from pandad.userinterface.secrets import Secrets

VAULT = Vault([b"k" * 32])
TOKEN = Identity("https://iam.test/", "12-34")
HERSELF, HER_TOKEN, BOB = Caller(ALICE, host="h"), Caller(TOKEN, host="h"), a_caller("bob")
BOBS = "/DC=org/DC=test/CN=bob"
ROOT = operator_on("root", "host")


def room(stage: Stage) -> Accounts:
    return Accounts(stage.store, VAULT)


async def members(stage: Stage) -> dict[str, int]:
    """Account by subject."""
    found = await stage.store.read("t", accounts.directory)
    return {identity.subject: account.id for identity, account in found.accounts.items()}


async def acts(stage: Stage) -> list[tuple[str, str]]:
    return [(who, act) for who, act in await stage.sql("SELECT who, act FROM audit ORDER BY id")]


def whom(identity: Identity) -> Whom:
    return Whom(f"{identity.subject} from {identity.anchor}")


@ensureDeferred
async def test_linked_by_a_code(stage: Stage) -> None:
    """Both were proved: they are one account, and each has the secrets of the other."""
    await Secrets(stage.store, VAULT).set(HERSELF, "a", Confidential("1"))
    code = await room(stage).code(HERSELF)
    number = await room(stage).link(HER_TOKEN, code.code, ALICE.subject)
    assert await members(stage) == {ALICE.subject: number, TOKEN.subject: number}
    assert await Secrets(stage.store, VAULT).get(HER_TOKEN, None) == {"a": "1"}
    await Secrets(stage.store, VAULT).set(replace(HER_TOKEN, account=number, others=frozenset({ALICE})), "b", Confidential("2"))
    assert await Secrets(stage.store, VAULT).get(HERSELF, None) == {"a": "1", "b": "2"}
    assert await acts(stage) == [(ALICE.subject, "set secret"), (TOKEN.subject, "link"), (TOKEN.subject, "set secret")]


@ensureDeferred
async def test_a_code_is_good_once_and_not_for_long(stage: Stage) -> None:
    """Used, over, mistyped, or brought back by who asked for it: nothing is linked."""
    code = (await room(stage).code(HERSELF)).code
    with pytest.raises(BadRequest, match="come with the other one"):
        await room(stage).link(HERSELF, code, ALICE.subject)
    with pytest.raises(NotFound):
        await room(stage).link(HER_TOKEN, Confidential(code.reveal()[:-1]), ALICE.subject)
    await stage.sql(f"UPDATE link_code SET expires = expires - interval '{CODE_LIVES_S} s' RETURNING 1")
    with pytest.raises(NotFound, match="was used, is over, or was mistyped"):
        await room(stage).link(HER_TOKEN, code, ALICE.subject)
    assert await members(stage) == {} and await acts(stage) == []
    code = (await room(stage).code(HERSELF)).code
    assert await room(stage).link(HER_TOKEN, code, ALICE.subject)
    with pytest.raises(NotFound):
        await room(stage).link(BOB, code, ALICE.subject)
    with pytest.raises(NotFound):
        await room(stage).link(HER_TOKEN, code, "/CN=somebody else")
    stored = str(await stage.sql("SELECT encode(digest, 'escape') FROM link_code"))
    assert code.reveal() not in stored and code.reveal() not in repr(code)


@ensureDeferred
async def test_nobody_is_talked_into_it(stage: Stage) -> None:
    """Who brings a code must say whose it is; without, he is told, and the code stays good."""
    code = (await room(stage).code(BOB)).code
    with pytest.raises(Conflict, match=r"was asked for by .*CN=bob .*, who will have all your rights: .*--with SUBJECT"):
        await room(stage).link(HERSELF, code, None)
    with pytest.raises(BadRequest, match="is not that of who asked"):
        await room(stage).link(HERSELF, code, ALICE.subject)
    assert await members(stage) == {}


@ensureDeferred
async def test_two_accounts_are_not_merged(stage: Stage) -> None:
    """That would join the roles of both: an administrator has to look at it."""
    other = Caller(Identity(ALICE.anchor, "/CN=x"))
    for one, two in ((HERSELF, HER_TOKEN), (BOB, other)):
        assert one.identity
        await room(stage).link(two, (await room(stage).code(one)).code, one.identity.subject)
    with pytest.raises(Conflict, match="belong to the accounts 1 and 2 already"):
        await room(stage).link(BOB, (await room(stage).code(HERSELF)).code, ALICE.subject)
    third = Caller(Identity("https://iam.test/", "third"))
    assert await room(stage).link(third, (await room(stage).code(HERSELF)).code, ALICE.subject) == 1


@ensureDeferred
async def test_unlinked(stage: Stage) -> None:
    """Only from one's own account; who leaves loses the common secrets."""
    await Secrets(stage.store, VAULT).set(HERSELF, "a", Confidential("1"))
    number = await room(stage).link(HER_TOKEN, (await room(stage).code(HERSELF)).code, ALICE.subject)
    with pytest.raises(NotFound):
        await room(stage).unlink(BOB, TOKEN)
    await room(stage).unlink(HERSELF, TOKEN)
    assert await members(stage) == {ALICE.subject: number}
    assert await Secrets(stage.store, VAULT).get(HER_TOKEN, None) == {}
    assert await Secrets(stage.store, VAULT).get(HERSELF, None) == {"a": "1"}


@ensureDeferred
async def test_who_was_linked_is_told_so_again(stage: Stage) -> None:
    """The answer was lost, and the same call comes again: it is answered as before, and nothing is done or noted twice."""
    code = (await room(stage).code(HERSELF)).code
    assert {await room(stage).link(HER_TOKEN, code, ALICE.subject) for _ in range(2)} == {1}
    for stranger, subject in ((BOB, ALICE.subject), (HER_TOKEN, TOKEN.subject), (HER_TOKEN, None)):
        with pytest.raises(NotFound):
            await room(stage).link(stranger, code, subject)
    assert await acts(stage) == [(TOKEN.subject, "link")]


@ensureDeferred
async def test_what_was_remembered_takes_nobody_out_of_an_account(stage: Stage) -> None:
    """An identity left and became somebody else's: a process that has not heard of it takes it from nobody, and notes nothing."""
    number = await room(stage).link(HER_TOKEN, (await room(stage).code(HERSELF)).code, ALICE.subject)
    remembered = replace(HERSELF, account=number, others=frozenset({TOKEN}))
    await room(stage).unlink(HER_TOKEN, TOKEN)
    with pytest.raises(NotFound, match="or is no more"):
        await room(stage).unlink(remembered, TOKEN)
    bobs = await room(stage).link(HER_TOKEN, (await room(stage).code(BOB)).code, BOBS)
    with pytest.raises(NotFound, match="or is no more"):
        await room(stage).unlink(remembered, TOKEN)
    assert await members(stage) == {ALICE.subject: number, BOBS: bobs, TOKEN.subject: bobs}
    assert [act for _, act in await acts(stage)] == ["link", "unlink", "link"]


@ensureDeferred
async def test_nobody_has_no_account(stage: Stage) -> None:
    """An identity is needed."""
    for call in (room(stage).code(ANONYMOUS), room(stage).link(ANONYMOUS, Confidential("x"), None),
                 room(stage).unlink(ANONYMOUS, ALICE)):
        with pytest.raises(NotAuthenticated):
            await call


@ensureDeferred
async def test_codes_do_not_pile_up(stage: Stage) -> None:
    """An identity has a few of them, and those that are over go."""
    for _ in range(accounts.CODES_EACH + 3):
        await room(stage).code(HERSELF)
    assert await stage.sql("SELECT count(*) FROM link_code") == [(accounts.CODES_EACH,)]


@ensureDeferred
async def test_an_administrator_says_so(stage: Stage) -> None:
    """Link, role, unlink: each is there, twice is once, and what changed something is in the audit with its reason."""
    for _ in range(2):
        number = await stage.store.transact("t", administration.link, whom(ALICE), whom(TOKEN), "ticket 1", ROOT, VAULT)
    for given, roles in ((True, {Role.PILOT}), (True, {Role.PILOT}), (False, frozenset())):
        account = await stage.store.transact("t", administration.set_role, whom(TOKEN), Role.PILOT, given, "", ROOT)
        assert (account.id, account.roles) == (number, roles)
    assert await stage.store.transact("t", administration.unlink, whom(TOKEN), "left", ROOT) == number
    with pytest.raises(NotFound):
        await stage.store.transact("t", administration.unlink, whom(TOKEN), "left", ROOT)
    assert [act for _, act in await acts(stage)] == ["link", "grant", "revoke", "unlink"]
    new = whom(Identity("/CN=CA", "/CN=new"))
    fresh = await stage.store.transact("t", administration.set_role, new, Role.ADMIN, True, "", ROOT)
    assert fresh.roles == {Role.ADMIN}
    with pytest.raises(NotFound, match="no account of /CN=nobody"):
        await stage.store.transact(
            "t", administration.set_role, whom(Identity("/CN=CA", "/CN=nobody")), Role.ADMIN, False, "", ROOT)


@ensureDeferred
async def test_bans_are_put_and_lifted(stage: Stage) -> None:
    """On the person where there is an account, else on the identity or the subject, once; lifting lifts all that hit him."""
    number = await stage.store.transact("t", administration.link, whom(ALICE), whom(TOKEN), "", ROOT)
    ban = administration.ban
    for _ in range(2):
        assert await stage.store.transact("t", ban, whom(TOKEN), "why", None, False, ROOT) == f"account {number}"
    until = datetime(2100, 1, 1, tzinfo=UTC)
    assert await stage.store.transact("t", ban, whom(TOKEN), "stolen", until, True, ROOT) == f"12-34 from {TOKEN.anchor}"
    assert await stage.store.transact("t", ban, Whom("/CN=eve"), "why", None, False, ROOT) == "/CN=eve"
    found = await stage.store.read("t", accounts.bans)
    assert [(b.account, b.subject, b.anchor, b.until) for b in found] == [
        (number, None, None, None), (None, "12-34", TOKEN.anchor, until), (None, "/CN=eve", None, None)]
    over = datetime(2000, 1, 1, tzinfo=UTC)
    await stage.store.transact("t", ban, Whom("/CN=mallory 17"), "why", over, False, ROOT)
    assert await room(stage).banned() == ["12-34", "alice", "eve"]
    assert await stage.store.transact("t", administration.unban, whom(ALICE), "", ROOT) == 2
    assert await stage.store.transact("t", administration.unban, Whom("/CN=eve from /CN=CA"), "", ROOT) == 1
    with pytest.raises(NotFound, match="there is no ban on /CN=eve"):
        await stage.store.transact("t", administration.unban, Whom("/CN=eve"), "", ROOT)
    assert [act for _, act in await acts(stage)] == ["link", "ban", "ban", "ban", "ban", "unban", "unban"]


@ensureDeferred
async def test_mistakes_of_an_administrator(stage: Stage) -> None:
    """Who may be several must be said exactly; a ban has a reason; and nothing is left behind."""
    await stage.store.transact("t", administration.link, whom(ALICE), whom(TOKEN), "", ROOT)
    wrong = [
        (administration.link, (Whom("/CN=a"), whom(TOKEN), "", ROOT), "write SUBJECT from ANCHOR"),
        (administration.ban, (Whom("/CN=a"), " ", None, False, ROOT), "reason: is empty"),
        (administration.ban, (Whom("account 1"), "why", None, True, ROOT), "name an identity"),
        (administration.ban, (Whom("account 9"), "why", None, False, ROOT), "there is no account 9"),
        (administration.set_role, (Whom("/CN=a"), Role.PILOT, True, "", ROOT), "write SUBJECT from ANCHOR"),
    ]
    for body, arguments, words in wrong:
        with pytest.raises((BadRequest, NotFound), match=words):
            await stage.store.transact("t", body, *arguments)  # type: ignore[arg-type]
    assert [act for _, act in await acts(stage)] == ["link"]
    with pytest.raises(BadRequest):
        Whom("  ")
