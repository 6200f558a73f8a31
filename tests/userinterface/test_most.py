"""What a person may have at most, however many of his requests come at the same time, by whichever of his identities."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from factories import ALICE, a_caller
from pytest_twisted import ensureDeferred
from stages import Stage
from taskworld import parameters
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList

from pandad.config import CacheConfig, JediConfig, UserInterfaceConfig
from pandad.jedi.drafts import Drafts
from pandad.spec.caller import Caller, Identity
from pandad.spec.confidential import Confidential
from pandad.spec.errors import BadRequest, Conflict
from pandad.taskbuffer.accounts import CODES_EACH
from pandad.taskbuffer.secrets import MOST_BYTES
from pandad.taskbuffer.vault import Vault
from pandad.userinterface.accounts import Accounts
from pandad.userinterface.cache import MIB, Cache, TooManyUploads
from pandad.userinterface.cachefolder import CacheFolder
from pandad.userinterface.secrets import Secrets
from pandad.userinterface.tasks import Tasks
from pandad.userinterface.tasksubmission import Code

VAULT = Vault([b"k" * 32])
TOKEN = Identity("https://iam.test/", "12-34")
BOTH = [Caller(ALICE, others=frozenset({TOKEN})), Caller(TOKEN, others=frozenset({ALICE}))]
BOB = Identity(ALICE.anchor, "/DC=org/DC=test/CN=bob")
TRIES = 8  # by one person at the same time; what there is room for is less


async def together(calls: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """What came of each, all begun at once: its answer or its error."""
    outcomes = await DeferredList([Deferred.fromCoroutine(call) for call in calls], consumeErrors=True)
    return [result if success else result.value for success, result in outcomes]


async def uploaded(cache: Cache, caller: Caller, size: int) -> str:
    upload = cache.begin(caller, size)
    try:
        upload.called(f"jobO.{uuid4()}.tar.gz")
        upload.write(b"x" * size)
        await upload.keep()
    finally:
        upload.end()
    return "kept"


@ensureDeferred
async def test_uploads(stage: Stage, tmp_path: Path) -> None:
    """All files of one person together have a size; Bob's are not Alice's."""
    config = CacheConfig(person_mib=1, other_mib=1, free_mib=0, uploads=1000)
    cache = Cache(stage.store, CacheFolder(tmp_path, lambda: 0.0), config, reactor)
    people = [*(BOTH * (TRIES // 2)), Caller(BOB)]
    *hers, bobs = await together([uploaded(cache, caller, MIB // 3) for caller in people])
    assert (hers.count("kept"), bobs) == (3, "kept")
    assert all(isinstance(each, Conflict) and "may have 1 MiB" in str(each) for each in hers if each != "kept")
    (stored,), = await stage.sql("SELECT sum(bytes) FROM cache_file WHERE subject <> %(bob)s", bob=BOB.subject)
    assert stored <= MIB


@ensureDeferred
async def test_secrets(stage: Stage) -> None:
    """All secrets of an identity together have a size, and its account's other one has the same ones."""
    room, half = Secrets(stage.store, VAULT), Confidential("x" * (MOST_BYTES // 2 - 100))
    people = [*(BOTH * (TRIES // 2)), Caller(BOB)]
    *hers, bobs = await together([room.set(caller, f"name {n}", half) for n, caller in enumerate(people)])
    assert (hers.count("OK"), bobs) == (2, "OK")
    assert all(isinstance(each, BadRequest) and "too large" in str(each) for each in hers if each != "OK")
    for sealed, in await stage.sql("SELECT sum(octet_length(sealed)) FROM user_secret GROUP BY anchor, subject"):
        assert sealed <= MOST_BYTES
    assert await room.get(BOTH[0], None) == await room.get(BOTH[1], None)


@ensureDeferred
async def test_link_codes(stage: Stage) -> None:
    """Somebody has so many open codes, and each that is answered was good at that moment."""
    room = Accounts(stage.store, VAULT)
    await together([room.code(BOTH[0]) for _ in range(CODES_EACH + TRIES)])
    assert await stage.sql("SELECT count(*) FROM link_code") == [(CODES_EACH,)]


@ensureDeferred
async def test_tasks(stage: Stage) -> None:
    """So many tasks that have not ended."""
    config = JediConfig(max_tasks=2)
    tasks = Tasks(stage.store, Drafts(config), config, UserInterfaceConfig())
    receipts = await together([tasks.submit(a_caller("alice"), parameters(taskName=f"user.a.{n}/"), None) for n in range(TRIES)])
    codes = [receipt.code for receipt in receipts]
    assert (codes.count(Code.NEW), codes.count(Code.TOO_MANY)) == (2, TRIES - 2)


def test_uploads_under_way(tmp_path: Path) -> None:
    """A quarter of those that this process takes, of all identities of an account together."""
    cache = Cache(None, CacheFolder(tmp_path, lambda: 0.0), CacheConfig(free_mib=0, uploads=8), reactor)  # type: ignore[arg-type]
    linked = [replace(caller, account=7) for caller in BOTH]
    begun = [cache.begin(caller, 1) for caller in linked]
    with pytest.raises(TooManyUploads, match="you have too many"):
        cache.begin(linked[0], 1)
    cache.begin(Caller(BOB), 1)
    begun[1].end()
    cache.begin(linked[0], 1)
