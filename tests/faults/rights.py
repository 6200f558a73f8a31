"""Lives of what people and operators change about themselves and others: each act is done once, and stands in the audit once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from pandad.api.grants import Banned
from pandad.api.v1.account import OfMine, Proof
from pandad.jobdispatcher import lending
from pandad.spec.caller import Identity, Role
from pandad.spec.confidential import Confidential
from pandad.spec.errors import NotFound
from pandad.spec.jobstatus import JobStatus
from pandad.spec.pilotcredential import Kind
from pandad.spec.principal import FROM
from pandad.spec.token import Denial, DenialKind
from pandad.taskbuffer import denials, fsck, pilotcredentials
from pandad.taskbuffer.store import Transaction
from pandad.userinterface import administration
from pandad.userinterface.administration import Whom

from .errands import ROOT, expect
from .lives import ANCHOR, DAYS, Life
from .ways import Scenario, cut
from .world import LATER_S, VAULT, World

P = ParamSpec("P")
T = TypeVar("T")

ISSUER = "https://iam.test/"
ACTS = "SELECT act FROM audit WHERE strpos(concat_ws(' ', who, target, why), %(mark)s) > 0 ORDER BY id"
ACCOUNT = """SELECT a.id, a.roles, (SELECT count(*) FROM account_identity o WHERE o.account = a.id)
             FROM account_identity i JOIN account a ON a.id = i.account WHERE i.subject = %(subject)s"""
BANS = "SELECT count(*) FROM ban WHERE reason = %(mark)s"
CODES = "SELECT count(*) FROM link_code WHERE strpos(subject, %(mark)s) > 0"
BEHIND = "SELECT setval('job_pandaid', max(pandaid), false) FROM job_ever"
FORGOTTEN = "UPDATE submitter SET jobdefinitionid = 0 RETURNING 1"
REPAIRS = "SELECT count(*) FROM audit WHERE act = 'fsck --repair'"
REPAIRED = f"""SELECT (SELECT last_value FROM job_pandaid) > (SELECT max(pandaid) FROM job_ever),
                      (SELECT min(jobdefinitionid) FROM submitter) > 0, ({REPAIRS})"""
UNWANTED = "UPDATE cache_file SET used = now() - interval '1 day' RETURNING 1"
UPLOADS = "SELECT name FROM cache_file WHERE subject = %(subject)s"
PLACES = "SELECT place FROM audit WHERE who = %(subject)s ORDER BY id"


class Marked:
    """Two credentials that this life alone has, and all that stands in the audit about them."""

    def __init__(self, life: Life) -> None:
        self._life, self.mark = life, uuid.uuid4().hex
        self.certificate = Identity(ANCHOR, f"/DC=org/DC=test/CN={self.mark}")
        self.token = Identity(ISSUER, self.mark)

    async def acts(self) -> list[str]:
        """What was done, in its order."""
        return [act for (act,) in await self._life.place.observer.rows(ACTS, mark=self.mark)]

    async def account(self, identity: Identity) -> tuple[list[str], int] | None:
        """Roles and number of members of the account of that identity, if it has one."""
        found = await self._life.place.observer.rows(ACCOUNT, subject=identity.subject)
        return (found[0][1], found[0][2]) if found else None


async def once(life: Life, call: Callable[[World], Awaitable[T]]) -> T | None:
    """The answer to a call; None: its answer was lost, and when it came again there was nothing left to do.

    :raise NotFound: the first time already.
    """
    tries = 0

    async def counted(world: World) -> T:
        nonlocal tries
        tries += 1
        return await call(world)

    try:
        return await life.answered(counted)
    except NotFound:
        if tries == 1:
            raise
        return None


async def refused(life: Life, call: Callable[[World], Awaitable[object]], what: str) -> None:
    """There is no such thing, or no more."""
    try:
        found = await life.answered(call)
    except NotFound:
        return
    expect(found, "refused", what)


async def typed(life: Life, name: str, body: Callable[Concatenate[Transaction, P], Awaitable[T]], *args: P.args,
                **kwargs: P.kwargs) -> T | None:
    """An operator types a command, and again when he sees no success: the transaction that the command is."""
    return await once(life, lambda world: world.store.transact(name, body, *args, **kwargs))


# --- by calls


async def code_of(life: Life, identity: Identity) -> str:
    """A code to link with."""
    async def ask(world: World) -> dict[str, Any]:
        return await world.account.get_link_code(await world.known(identity))

    return str((await life.answered(ask))["code"])


def linking(identity: Identity, code: str, subject: str) -> Callable[[World], Awaitable[int]]:
    """The call that links, made with that identity; its answer is the account."""
    async def call(world: World) -> int:
        return (await world.account.link(await world.known(identity), Proof(code=code, subject=subject)))["account"]

    return call


def unlinking(identity: Identity, other: Identity) -> Callable[[World], Awaitable[None]]:
    """The call that parts from the other one."""
    async def call(world: World) -> None:
        await world.account.unlink(await world.known(identity), OfMine(subject=other.subject, anchor=other.anchor))

    return call


async def linked(life: Life) -> None:
    """Somebody shows that two credentials are his; nobody else can use the code, and the account is the same however often he
    asks."""
    his = Marked(life)
    stranger = Marked(life)
    with cut(life):
        code = await code_of(life, his.certificate)
        number = await life.answered(linking(his.token, code, his.certificate.subject))
    expect(await life.answered(linking(his.token, code, his.certificate.subject)), number, "the account")
    expect(await his.account(his.certificate), ([], 2), "roles and members of the account")
    await refused(life, linking(stranger.token, code, his.certificate.subject), "a code that was used")
    expect(await his.acts(), ["link"], "the audit")


async def unlinked(life: Life) -> None:
    """He parts from one of his credentials, which takes the common secrets from it."""
    his = Marked(life)
    await life.answered(linking(his.token, await code_of(life, his.certificate), his.certificate.subject))
    await life.answered(_keeping(his.certificate, "abc"))
    with cut(life):
        await once(life, unlinking(his.certificate, his.token))
    await refused(life, unlinking(his.certificate, his.token), "to part once more")
    expect([await his.account(his.certificate), await his.account(his.token)], [([], 1), None], "the accounts")
    expect([await life.answered(_kept(i)) for i in (his.certificate, his.token)], [{"a": "abc"}, {}], "the secrets")
    expect(await his.acts(), ["link", "set secret", "unlink"], "the audit")


def _keeping(identity: Identity, value: str) -> Callable[[World], Awaitable[str]]:
    async def call(world: World) -> str:
        return await world.secrets.set(await world.known(identity), "a", Confidential(value))

    return call


def _kept(identity: Identity) -> Callable[[World], Awaitable[dict[str, str]]]:
    async def call(world: World) -> dict[str, str]:
        return await world.secrets.get(await world.known(identity), None)

    return call


async def asked_for_codes(life: Life) -> None:
    """However often he asks for a code, few are open."""
    his = Marked(life)
    for _ in range(5):
        await code_of(life, his.certificate)
    with cut(life):
        await code_of(life, his.certificate)
    ((count,),) = await life.place.observer.rows(CODES, mark=his.mark)
    expect(count, 5, "open codes")


def _uploading(identity: Identity, name: str, content: bytes) -> Callable[[World], Awaitable[None]]:
    async def call(world: World) -> None:
        upload = world.cache.begin(await world.known(identity), len(content))
        try:
            upload.called(name)
            upload.write(content)
            await upload.keep()
        finally:
            upload.end()

    return call


def _about(identity: Identity, name: str, act: str) -> Callable[[World], Awaitable[None]]:
    async def call(world: World) -> None:
        await getattr(world.cache, act)(await world.known(identity), name)

    return call


async def uploaded(life: Life) -> None:
    """He uploads files, says that he still wants them, and deletes one; one was fetched lately and stays, one nobody wants."""
    his, content = Marked(life), bytes(8) + b"x"
    deleted, fetched, unwanted = names = [f"jobO.{uuid.uuid4()}.tar.gz" for _ in range(3)]

    async def kept() -> list[bool]:
        return [(life.place.storage / name).exists() for name in names]

    async def look(world: World) -> str | None:
        return await world.cache.look(await world.known(his.certificate), len(content), 0)

    with cut(life):
        await life.answered(_uploading(his.certificate, deleted, content))
        await life.answered(_about(his.certificate, deleted, "touch"))
        expect(await life.answered(look), deleted, "what is found again")
        await once(life, _about(his.certificate, deleted, "delete"))
    for name in (fetched, unwanted):
        await life.answered(_uploading(his.certificate, name, content))
    expect(await kept(), [False, True, True], "the files")
    os.utime(life.place.storage / fetched, (LATER_S, LATER_S))
    await life.place.observer.rows(UNWANTED)
    with cut(life):
        await life.loop("cache", kept)
        await life.round("cache")
    expect(await kept(), [False, True, False], "the files")
    expect(await life.place.observer.rows(UPLOADS, subject=his.certificate.subject), [(fetched,)], "the rows")
    expect(await his.acts(), ["upload", "delete upload", "upload", "upload"], "the audit")


# --- by commands


def _whom(identity: Identity) -> Whom:
    return Whom(f"{identity.subject}{FROM}{identity.anchor}")


async def joined_by_an_operator(life: Life) -> None:
    """`pandad user link`, `grant`, `revoke` and `unlink`."""
    his = Marked(life)
    one, other, why = _whom(his.certificate), _whom(his.token), his.mark
    await life.answered(_keeping(his.certificate, "abc"))
    with cut(life):
        await typed(life, "user_link", administration.link, one, other, why, ROOT, VAULT)
        await typed(life, "user_role", administration.set_role, other, Role.PILOT, True, why, ROOT)
    expect(await his.account(his.certificate), (["pilot"], 2), "roles and members of the account")
    expect(await life.answered(_kept(his.token)), {"a": "abc"}, "the common secrets")
    with cut(life):
        await typed(life, "user_role", administration.set_role, one, Role.PILOT, False, why, ROOT)
        await typed(life, "user_unlink", administration.unlink, other, why, ROOT)
    expect([await his.account(his.certificate), await his.account(his.token)], [([], 1), None], "the accounts")
    expect(await his.acts(), ["set secret", "link", "grant", "revoke", "unlink"], "the audit")


async def banned(life: Life) -> None:
    """`pandad user ban` and `unban`."""
    his = Marked(life)
    with cut(life):
        await typed(life, "user_ban", administration.ban, _whom(his.certificate), his.mark, None, False, ROOT)
    expect([await life.place.observer.rows(BANS, mark=his.mark), await _kept_out(life, his)], [[(1,)], True], "bans")
    with cut(life):
        await typed(life, "user_unban", administration.unban, _whom(his.certificate), his.mark, ROOT)
    expect([await life.place.observer.rows(BANS, mark=his.mark), await _kept_out(life, his)], [[(0,)], False], "bans")
    expect(await his.acts(), ["ban", "unban"], "the audit")


async def _kept_out(life: Life, his: Marked) -> bool:
    try:
        await life.answered(lambda world: world.known(his.certificate))
    except Banned:
        return True
    return False


async def lent(life: Life) -> None:
    """`pandad credential put` and `rm`. Who puts once more what he put has put it twice."""
    his = Marked(life)
    with cut(life):
        await typed(life, "credential_put", lending.put, VAULT, Kind.PROXY, his.mark, "", Confidential("abc"), None, ROOT)
    expect(await _lent(life, his.mark), "abc", "what is lent")
    with cut(life):
        await typed(life, "credential_rm", lending.remove, Kind.PROXY, his.mark, "", ROOT)
    expect(await _lent(life, his.mark), None, "what is lent")
    expect(list(dict.fromkeys(await his.acts())), ["put credential", "remove credential"], "the audit")


async def _lent(life: Life, name: str) -> str | None:
    sealed = await life.answered(lambda world: world.store.read("t", pilotcredentials.find, Kind.PROXY, name))
    return None if sealed is None else VAULT.open(pilotcredentials.bound_to(Kind.PROXY, ""), name, sealed)


async def denied(life: Life) -> None:
    """`pandad token deny` and `allow`. Who denies once more has denied twice."""
    his = Marked(life)
    denial = Denial(ISSUER, DenialKind.SUBJECT, his.mark)
    with cut(life):
        await typed(life, "token_deny", administration.deny_tokens, denial, "stolen", ROOT)
    expect((await _denied(life)).get(denial), "stolen", "the denial")
    with cut(life):
        await typed(life, "token_allow", administration.allow_tokens, denial, ROOT)
    expect(denial in await _denied(life), False, "the denial")
    expect(list(dict.fromkeys(await his.acts())), ["deny tokens", "allow tokens"], "the audit")


async def _denied(life: Life) -> Mapping[Denial, str]:
    return await life.answered(lambda world: world.store.read("t", denials.reasons))


async def repaired(life: Life) -> None:
    """`pandad fsck --repair`, of a sequence and a serial that a restore left behind."""
    await life.submit()
    observer = life.place.observer
    await observer.rows(BEHIND)
    await observer.rows(FORGOTTEN)
    ((before,),) = await observer.rows(REPAIRS)
    with cut(life):
        await life.answered(lambda world: fsck.repair(world.store, fsck.bounds(DAYS, 0), ROOT))
    ((ahead, known, after),) = await observer.rows(REPAIRED)
    expect((ahead, known, after > before), (True, True, True), "the next PandaID, the serial, the audit")


# --- what becomes of all that


async def sealed(life: Life) -> None:
    """What was done gets its place in the chain, each act one."""
    his = Marked(life)
    for value in ("a", "b", "c"):
        await life.answered(_keeping(his.certificate, value))
    with cut(life):
        await life.loop("audit", life.unsealed)
    places = [place for (place,) in await life.place.observer.rows(PLACES, subject=his.certificate.subject)]
    expect((len(places), None in places, places == sorted(set(places))), (3, False, True), "places in the chain")


RIGHTS: Mapping[Scenario, JobStatus | None] = dict.fromkeys((
    linked, unlinked, asked_for_codes, uploaded, joined_by_an_operator, banned, lent, denied, repaired, sealed))
