"""Secrets on their way to a pilot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from factories import ALICE, PILOT
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.defer import Deferred, gatherResults

from pandad.config import SecretsConfig
from pandad.jobdispatcher.jobsecrets import JobSecrets
from pandad.spec.caller import Identity
from pandad.taskbuffer import secrets
from pandad.taskbuffer.vault import Vault

from .words import S

VAULT = Vault([b"k" * 32])
BOB = replace(ALICE, subject="/DC=org/DC=test/CN=bob")
TWIN = replace(ALICE, anchor="/CN=Another CA")


def handing(stage: Stage, vault: Vault | None = VAULT, **config: Any) -> JobSecrets:
    return JobSecrets(stage.store, vault, SecretsConfig(**config))


async def keep(stage: Stage, owner: Identity, **values: str) -> None:
    for name, text in values.items():
        assert await stage.store.once("test_secret", secrets.put, owner, name, VAULT.seal(owner, name, text), 10**6)


def read(extra: Mapping[int, Mapping[str, str]]) -> dict[int, dict[str, Any]]:
    return {panda_id: {key: json.loads(text) for key, text in found.items()} for panda_id, found in extra.items()}


@ensureDeferred
async def test_with_the_jobs_of_their_owner(stage: Stage) -> None:
    """Each job brings the secrets of its owner, all of them and nobody else's; jobs of owners without any bring nothing."""
    await keep(stage, ALICE, token="a", key="ä")
    await keep(stage, BOB, token="b")
    hers, too, his, twins = [await stage.job(S.RUNNING, owner=owner) for owner in (ALICE, ALICE, BOB, TWIN)]
    found = read(await handing(stage).of_jobs([hers, too, his, twins, 10**9]))
    alices = {"secrets": {"token": "a", "key": "ä"}}
    assert found == {hers: alices, too: alices, his: {"secrets": {"token": "b"}}}
    assert await handing(stage).of_jobs([]) == {}


@ensureDeferred
async def test_calls_at_the_same_time(stage: Stage) -> None:
    """Each call gets what belongs to its own jobs, whoever asks beside it."""
    await keep(stage, ALICE, token="a")
    await keep(stage, BOB, token="b")
    ids = [await stage.job(S.RUNNING, owner=owner) for owner in (ALICE, BOB, TWIN) * 4]
    room = handing(stage)
    answers = await gatherResults([Deferred.fromCoroutine(room.of_jobs([panda_id])) for panda_id in ids])
    tokens = [[json.loads(extra["secrets"])["token"] for extra in answer.values()] for answer in answers]
    assert tokens == [["a"], ["b"], []] * 4
    assert [list(answer) for answer in answers if answer] == [[i] for n, i in enumerate(ids) if n % 3 < 2]


@ensureDeferred
async def test_only_where_asked_for(stage: Stage) -> None:
    """With handed_out = "asked" only jobs with the tag for it bring them."""
    await keep(stage, ALICE, token="a")
    ids = [await stage.job(S.RUNNING, specialHandling=tags) for tags in (None, "dm", "dm,us", "use")]
    assert set(await handing(stage, handed_out="asked").of_jobs(ids)) == {ids[2]}
    assert set(await handing(stage).of_jobs(ids)) == set(ids)


@ensureDeferred
async def test_pilots_secrets(stage: Stage) -> None:
    """In debug mode, and then only, the pilot gets those of the DN that the configuration names: with the job and at updates."""
    await keep(stage, PILOT, login="p")
    plain, debug = await stage.job(S.RUNNING), await stage.job(S.RUNNING, specialHandling="dm")
    room = handing(stage, pilot_owner=PILOT.subject)
    assert read(await room.of_jobs([plain, debug])) == {debug: {"pilotSecrets": {"login": "p"}}}
    for command in ("debug", "debug,ps -ef"):
        assert json.loads((await room.of_update(command))["pilotSecrets"]) == {"login": "p"}
    for command in ("NULL", "ps -ef", "tobekilled", "alreadydone", "debugoff now"):
        assert await room.of_update(command) == {}
    assert not await handing(stage).of_jobs([debug])
    assert not await handing(stage).of_update("debug")
    assert await handing(stage, pilot_owner="/CN=nobody").of_update("debug") == {}


@ensureDeferred
async def test_without_a_key(stage: Stage) -> None:
    """Nothing is asked of the database, and nothing is handed out."""
    await keep(stage, ALICE, token="a")
    panda_id = await stage.job(S.RUNNING, specialHandling="dm")
    closed: Any = JobSecrets(None, None, SecretsConfig(pilot_owner=ALICE.subject))  # type: ignore[arg-type]  # never touched
    assert not await closed.of_jobs([panda_id])
    assert not await closed.of_update("debug")


@pytest.mark.parametrize("kept", [{}, {"other": "o"}])
@ensureDeferred
async def test_a_key_that_is_gone(stage: Stage, kept: dict[str, str]) -> None:
    """A secret that cannot be opened is left out, and the job goes out all the same, with the others."""
    await keep(stage, ALICE, **kept)
    sealed = Vault([b"x" * 32]).seal(ALICE, "token", "a")
    await stage.store.once("test_secret", secrets.put, ALICE, "token", sealed, 10**6)
    panda_id = await stage.job(S.RUNNING)
    assert read(await handing(stage).of_jobs([panda_id])) == ({panda_id: {"secrets": kept}} if kept else {})
