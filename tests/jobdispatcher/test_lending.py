"""What pilots are lent, on the real store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from factories import a_caller
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.jobdispatcher import lending
from pandad.jobdispatcher.lending import Lending, NotLent
from pandad.spec.act import operator_on
from pandad.spec.caller import Caller, Role
from pandad.spec.confidential import Confidential
from pandad.spec.errors import BadRequest, Forbidden, NotFound
from pandad.spec.pilotcredential import Kind
from pandad.taskbuffer import pilotcredentials
from pandad.taskbuffer.vault import Unopened, Vault

VAULT = Vault([b"k" * 32])
ROOT = operator_on("root", "host")
PILOT, PRODUCTION = a_caller("pilot", Role.PILOT), a_caller("prod", Role.PRODUCTION)


def room(stage: Stage) -> Lending:
    return Lending(stage.store, VAULT)


async def lend(stage: Stage, kind: Kind, name: str, text: str = "canary", role: str = "", until: datetime | None = None) -> None:
    await stage.store.transact("t", lending.put, VAULT, kind, name, role, Confidential(text), until, ROOT)


@ensureDeferred
async def test_proxies(stage: Stage) -> None:
    """By name and role, the pilot's own DN by default; a newer one takes the place of the old."""
    assert PILOT.identity
    for name, role, text in (("atlpilo2", "atlas", "old"), ("atlpilo2", "atlas", "1"), ("atlpilo2", "", "2"),
                             (PILOT.identity.subject, "", "3")):
        await lend(stage, Kind.PROXY, name, text, role)
    asked = [("atlpilo2", "atlas"), ("atlpilo2", None), (None, None), ("", "")]
    assert [(await room(stage).proxy(PILOT, *each)).reveal() for each in asked] == ["1", "2", "3", "3"]
    for name, other in (("atlpilo2", "cms"), ("atlpilo", None)):
        with pytest.raises(NotLent, match=f"no proxy for {name}.*pandad credential put"):
            await room(stage).proxy(PILOT, name, other)


@ensureDeferred
async def test_tokens_and_keys(stage: Stage) -> None:
    """A token with a token key is for those who show it; the key is for those who start pilots."""
    await lend(stage, Kind.TOKEN, "free", "1")
    await lend(stage, Kind.TOKEN, "pilot_server", "2")
    await lend(stage, Kind.TOKEN_KEY, "pilot_server", "K")
    assert (await room(stage).token(PILOT, "free", None)).reveal() == "1"
    assert (await room(stage).token(PILOT, "pilot_server", "K")).reveal() == "2"
    for key in (None, "", "k", "K "):
        with pytest.raises(Forbidden, match="needs its token key.*you are .*pilot"):
            await room(stage).token(PILOT, "pilot_server", key)
    assert (await room(stage).token_key(PRODUCTION, "pilot_server")).reveal() == "K"
    with pytest.raises(Forbidden):
        await room(stage).token_key(PILOT, "pilot_server")
    await lend(stage, Kind.PUBLIC_KEY, "p", "3")
    await lend(stage, Kind.PRIVATE_KEY, "q", "4")
    assert [key.reveal() for key in await room(stage).key_pair(PILOT, "p", "q")] == ["3", "4"]
    with pytest.raises(NotLent):
        await room(stage).key_pair(PILOT, "q", "p")


@pytest.mark.parametrize("caller", [
    a_caller("alice"), a_caller("pilot", Role.PILOT, limited=True), a_caller("root", Role.ADMIN, limited=True), Caller(None)])
@ensureDeferred
async def test_not_for_everybody(stage: Stage, caller: Caller) -> None:
    """Neither users nor limited proxies, which jobs have, get any of it."""
    await lend(stage, Kind.PROXY, "x")
    calls: list[Any] = [room(stage).proxy(caller, "x", None), room(stage).key_pair(caller, "x", "x"),
                        room(stage).token(caller, "x", None), room(stage).token_key(caller, "x")]
    for call in calls:
        with pytest.raises(Forbidden):
            await call


@ensureDeferred
async def test_it_ends(stage: Stage) -> None:
    """What is over or was removed is lent no more."""
    await lend(stage, Kind.TOKEN, "x", until=datetime(2000, 1, 1, tzinfo=UTC))
    with pytest.raises(NotLent):
        await room(stage).token(PILOT, "x", None)
    await lend(stage, Kind.TOKEN, "x", until=datetime(2100, 1, 1, tzinfo=UTC))
    assert await room(stage).token(PILOT, "x", None)
    await stage.store.transact("t", lending.remove, Kind.TOKEN, "x", "", ROOT)
    with pytest.raises(NotLent):
        await room(stage).token(PILOT, "x", None)
    with pytest.raises(NotFound):
        await stage.store.transact("t", lending.remove, Kind.TOKEN, "x", "", ROOT)
    assert await stage.sql("SELECT act, target FROM audit ORDER BY id") == [
        ("put credential", "token x"), ("put credential", "token x"), ("remove credential", "token x")]


@ensureDeferred
async def test_what_the_database_holds(stage: Stage) -> None:
    """Nothing that could be used, in no table; a row under another name does not open; without a key there is nothing."""
    await lend(stage, Kind.TOKEN, "x")
    assert "canary" not in str(await stage.sql("SELECT to_jsonb(c), encode(sealed, 'escape') FROM pilot_credential c"))
    assert "canary" not in str(await stage.sql("SELECT to_jsonb(a) FROM audit a"))
    (listed,) = await stage.store.read("t", pilotcredentials.find_all)
    assert (listed.kind, listed.name, listed.by) == (Kind.TOKEN, "x", "root")
    await stage.sql("UPDATE pilot_credential SET name = 'y' RETURNING 1")
    with pytest.raises(Unopened):
        await room(stage).token(PILOT, "y", None)
    with pytest.raises(NotLent):
        await Lending(stage.store, None).token(PILOT, "y", None)


@ensureDeferred
async def test_nonsense_is_refused(stage: Stage) -> None:
    """A name is needed, and something to lend."""
    for name, text in (("", "x"), ("x" * 501, "x"), ("x", " \n")):
        with pytest.raises(BadRequest):
            await lend(stage, Kind.TOKEN, name, text)
