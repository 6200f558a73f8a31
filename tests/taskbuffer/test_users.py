"""Serial numbers of submissions."""

from __future__ import annotations

from dataclasses import replace

from factories import ALICE
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults

from pandad.taskbuffer import users
from pandad.taskbuffer.store import Store


@ensureDeferred
async def test_serials_count_per_identity(store: Store) -> None:
    """jobDefinitionID counts from 1 for each identity; the same subject under another anchor is another; jobsetID over all."""
    namesake = replace(ALICE, anchor="/CN=Other CA")
    got = [await store.once("serial", users.next_serial, who) for who in (ALICE, ALICE, namesake, ALICE)]
    assert [serial for serial, _ in got] == [1, 2, 1, 3]
    assert len({jobset for _, jobset in got}) == 4


@ensureDeferred
async def test_submissions_at_once(store: Store) -> None:
    """Submissions of one user at the same time get different serials, none is left out."""
    got = await gatherResults([store.transact("serial", users.next_serial, ALICE) for _ in range(20)])
    assert sorted(serial for serial, _ in got) == list(range(1, 21))
