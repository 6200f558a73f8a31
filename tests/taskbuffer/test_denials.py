"""Denied tokens in the store."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from pandad.api.tokens.denials import Denials
from pandad.spec.caller import Identity
from pandad.spec.token import Denial, DenialKind, KeysUnknown
from pandad.taskbuffer import denials
from pandad.taskbuffer.store import Store

ISSUER = "https://iam.test/"
TOKEN, SUBJECT, ALL = (
    Denial(ISSUER, DenialKind.JTI, "7"), Denial(ISSUER, DenialKind.SUBJECT, "alice"), Denial(ISSUER, DenialKind.ISSUER, ""))


async def put(store: Store, denial: Denial, reason: str = "stolen", who: str = "root@here") -> None:
    await store.transact("deny", denials.put, denial, reason, who)


@ensureDeferred
async def test_denials(store: Store) -> None:
    """Each is kept with its reason and by whom; said again it is changed, taken back it is gone."""
    for denial in (TOKEN, SUBJECT, ALL):
        await put(store, denial)
    await put(store, SUBJECT, "left", "op@there")
    found = await store.once("ls", denials.find_all)
    assert {(each.denial, each.reason, each.denied_by) for each in found} == {
        (TOKEN, "stolen", "root@here"), (SUBJECT, "left", "op@there"), (ALL, "stolen", "root@here")}
    assert await store.transact("allow", denials.remove, SUBJECT)
    assert not await store.transact("allow", denials.remove, SUBJECT)
    assert set(await store.once("reasons", denials.reasons)) == {TOKEN, ALL}


@pytest.mark.parametrize("denial", [Denial(ISSUER, DenialKind.ISSUER, "alice"), Denial(ISSUER, DenialKind.SUBJECT, ""),
                                    Denial(ISSUER, DenialKind.JTI, "")])
@ensureDeferred
async def test_nonsense(store: Store, denial: Denial) -> None:
    """The database takes no denial of nobody, which could be read as one of all."""
    with pytest.raises(Exception, match="token_denial_value"):
        await put(store, denial)


@ensureDeferred
async def test_a_process_reads_them(store: Store) -> None:
    """Not before it has read the list does it let anybody in; then it knows each denial a round later."""
    known, alice = Denials(store), Identity(ISSUER, "alice")
    with pytest.raises(KeysUnknown):
        known.reason(alice, "7")
    await known.run_once()
    assert known.reason(alice, "7") is None
    await put(store, TOKEN)
    await known.run_once()
    assert known.reason(alice, "7") == "stolen"
    assert known.reason(alice, "8") is None and known.reason(Identity("https://other.test/", "alice"), "7") is None
    await put(store, ALL, "closed down")
    await known.run_once()
    assert known.reason(alice, "8") == "closed down" and known.reason(Identity(ISSUER, "bob"), "") == "closed down"
