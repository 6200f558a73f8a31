"""Secrets of users, as their owners handle them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from factories import ALICE, a_caller
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.caller import ANONYMOUS, Caller, Role
from pandad.spec.confidential import Confidential
from pandad.spec.errors import BadRequest, NotAuthenticated
from pandad.taskbuffer.secrets import MOST_BYTES
from pandad.taskbuffer.vault import Unopened, Vault
from pandad.userinterface.secrets import LONGEST_NAME, NoVault, Secrets

from .wishes import ALICE_CALLER

VAULT = Vault([b"k" * 32])
STRANGERS = [
    a_caller("bob"),
    a_caller("root", Role.ADMIN, Role.PRODUCTION, Role.PILOT),
    Caller(replace(ALICE, anchor="/CN=Another CA")),
    Caller(replace(ALICE, subject=ALICE.subject.upper())),
]


def room(stage: Stage) -> Secrets:
    return Secrets(stage.store, VAULT)


async def keep(stage: Stage, name: str, text: str, caller: Caller = ALICE_CALLER) -> str:
    return await room(stage).set(caller, name, Confidential(text))


@ensureDeferred
async def test_kept_changed_and_forgotten(stage: Stage) -> None:
    """A secret comes back as it was given, the newest of a name counts, and forgetting one leaves the others; twice is once."""
    for name, text in (("a", "1"), ("b", "2\nü"), ("a", "3"), ("a", "3")):
        assert await keep(stage, name, text) == "OK"
    assert await room(stage).get(ALICE_CALLER, None) == {"a": "3", "b": "2\nü"}
    assert await room(stage).get(ALICE_CALLER, ["b", "none"]) == {"b": "2\nü"}
    assert [await room(stage).set(ALICE_CALLER, "a", None) for _ in range(2)] == ["1 secret forgotten", "0 secrets forgotten"]
    assert await room(stage).get(ALICE_CALLER, None) == {"b": "2\nü"}
    assert await room(stage).set(ALICE_CALLER, None, None) == "1 secret forgotten"
    assert await room(stage).get(ALICE_CALLER, None) == {}


@pytest.mark.parametrize("stranger", STRANGERS, ids=range(len(STRANGERS)))
@ensureDeferred
async def test_they_are_their_owners(stage: Stage, stranger: Caller) -> None:
    """Nobody else sees, changes or forgets them, whatever the role, and the same DN of another CA is somebody else."""
    await keep(stage, "a", "1")
    assert await room(stage).get(stranger, ["a"]) == {}
    await keep(stage, "a", "theirs", stranger)
    await room(stage).set(stranger, None, None)
    assert await room(stage).get(ALICE_CALLER, None) == {"a": "1"}


@ensureDeferred
async def test_what_the_database_holds(stage: Stage) -> None:
    """Neither the secret nor anything that opens it; a row under another owner's name does not open."""
    await keep(stage, "a", "canary")
    assert "canary" not in str(await stage.sql("SELECT to_jsonb(s), encode(sealed, 'escape') FROM user_secret s"))
    await stage.sql("UPDATE user_secret SET subject = %(bob)s RETURNING 1", bob="/DC=org/DC=test/CN=bob")
    with pytest.raises(Unopened, match="the secret a of .*bob is not sealed with a key"):
        await room(stage).get(a_caller("bob"), None)


@ensureDeferred
async def test_limits(stage: Stage) -> None:
    """A value needs a name, and all of an identity's together have a limit: they travel with each job. Others have theirs."""
    for name in ("", "x" * (LONGEST_NAME + 1)):
        with pytest.raises(BadRequest, match="key: must have 1 to"):
            await keep(stage, name, "1")
    half = "x" * (MOST_BYTES // 2)
    await keep(stage, "a", half)
    with pytest.raises(BadRequest, match=f"value: is too large: .*{MOST_BYTES} bytes") as refused:
        await keep(stage, "b", half)
    assert "xxx" not in str(refused.value)
    await keep(stage, "a", half + "x")
    await keep(stage, "b", half, a_caller("bob"))


@ensureDeferred
async def test_refusals(stage: Stage) -> None:
    """Without a key nothing is kept and the refusal says what to set; nobody has no secrets."""
    closed = Secrets(stage.store, None)
    for call in (
        closed.set(ALICE_CALLER, "a", Confidential("1")),
        closed.set(ALICE_CALLER, "a", None),
        closed.get(ALICE_CALLER, None),
    ):
        with pytest.raises(NoVault, match=r"\[secrets\] key_file"):
            await call
    for call in (room(stage).set(ANONYMOUS, "a", None), room(stage).get(ANONYMOUS, None)):
        with pytest.raises(NotAuthenticated):
            await call
