"""Uploads as their owners handle them, and how they end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import ALICE, a_caller, a_job
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList

from pandad.config import CacheConfig
from pandad.spec.caller import Caller, Role
from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotFound
from pandad.spec.jobstatus import JobStatus
from pandad.spec.taskstatus import TaskStatus
from pandad.userinterface.cache import MIB, Cache, NoCache, TooMuch
from pandad.userinterface.cachefolder import CacheFolder, NoRoom
from pandad.userinterface.cachesweep import CacheSweep

from .wishes import ALICE_CALLER

NAME = "jobO.01234567-89ab-4def-8123-456789abcdef.tar.gz"
OTHER = NAME.replace("0123", "4567")
GZIP = b"\x1f\x8b and so on" + (1234).to_bytes(4, "little") + b"size"
KEEP_S, NOW_S = 1000, 1_800_000_000.0
STRANGERS = [a_caller("bob"), a_caller("root", Role.ADMIN, Role.PRODUCTION, Role.PILOT),
             Caller(replace(ALICE, anchor="/CN=Another CA")), Caller(replace(ALICE, subject=ALICE.subject.upper()))]


@pytest.fixture
def folder(tmp_path: Path) -> CacheFolder:
    """An empty one."""
    return CacheFolder(tmp_path, lambda: NOW_S)


def room(stage: Stage, folder: CacheFolder | None, **but: Any) -> Cache:
    return Cache(stage.store, folder, CacheConfig(**{"free_mib": 0, **but}), reactor)


async def keep(cache: Cache, name: str = NAME, content: bytes = GZIP, caller: Caller = ALICE_CALLER) -> None:
    """An upload, from its first byte to its last."""
    upload = cache.begin(caller, len(content))
    try:
        upload.called(name)
        upload.write(content)
        await upload.keep()
    finally:
        upload.end()


async def acts(stage: Stage) -> list[tuple[str, str]]:
    return [(act, target) for act, target in await stage.sql("SELECT act, target FROM audit ORDER BY id")]


def files(folder: CacheFolder) -> list[str]:
    return sorted(path.name for path in folder.folder.rglob("*") if path.is_file())


@ensureDeferred
async def test_kept_found_and_deleted(stage: Stage, folder: CacheFolder) -> None:
    """Who uploaded a file finds it by its size and footer, until he deletes it; what he did stands in the audit."""
    cache = room(stage, folder)
    await keep(cache)
    assert (folder.folder / NAME).read_bytes() == GZIP
    assert await cache.look(ALICE_CALLER, len(GZIP), 1234) == NAME
    assert await cache.look(ALICE_CALLER, len(GZIP) + 1, 1234) is None
    assert await cache.look(ALICE_CALLER, len(GZIP), 1235) is None
    await cache.touch(ALICE_CALLER, NAME)
    await cache.delete(ALICE_CALLER, NAME)
    assert await cache.look(ALICE_CALLER, len(GZIP), 1234) is None and files(folder) == []
    with pytest.raises(NotFound):
        await cache.delete(ALICE_CALLER, NAME)
    assert await acts(stage) == [("upload", NAME), ("delete upload", NAME)]


@ensureDeferred
async def test_a_false_footer(stage: Stage, folder: CacheFolder) -> None:
    """A footer that lies finds one's own file again, for oneself, and nothing else: nobody looks into a file, or believes it."""
    cache, bomb = room(stage, folder), b"\x1f\x8b\x08" + b"\0" * 99 + (1234).to_bytes(4, "little") + b"\xff\xff\xff\xff"
    await keep(cache)
    await keep(cache, OTHER, bomb, STRANGERS[0])
    assert await cache.look(STRANGERS[0], len(bomb), 1234) == OTHER
    assert await cache.look(ALICE_CALLER, len(bomb), 1234) is None
    assert await cache.look(STRANGERS[0], len(GZIP), 1234) is None
    assert (folder.folder / NAME).read_bytes() == GZIP and (folder.folder / OTHER).read_bytes() == bomb


@ensureDeferred
async def test_the_same_name_again(stage: Stage, folder: CacheFolder) -> None:
    """The same file again is fine, and heals one that is missing; other content under that name is refused, and so is anybody."""
    cache = room(stage, folder)
    for _ in range(2):
        await keep(cache)
    (folder.folder / NAME).unlink()
    assert await cache.look(ALICE_CALLER, len(GZIP), 1234) is None
    await keep(cache)
    assert await cache.look(ALICE_CALLER, len(GZIP), 1234) == NAME
    with pytest.raises(Conflict, match="another file"):
        await keep(cache, content=GZIP + b"more")
    for stranger in STRANGERS:
        for content in (GZIP, b"other"):
            with pytest.raises(Forbidden, match="somebody else's; you are "):
                await keep(cache, content=content, caller=stranger)
    assert (folder.folder / NAME).read_bytes() == GZIP and files(folder) == [NAME]
    assert await acts(stage) == [("upload", NAME)]


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda caller: str(caller.identity.subject))
@ensureDeferred
async def test_nobody_else(stage: Stage, folder: CacheFolder, stranger: Caller) -> None:
    """Nobody else finds it, keeps it or deletes it: not even an admin, nor who has the same name from elsewhere."""
    cache = room(stage, folder)
    await keep(cache)
    assert await cache.look(stranger, len(GZIP), 1234) is None
    for act in (cache.touch, cache.delete):
        with pytest.raises(Forbidden, match="somebody else's"):
            await act(stranger, NAME)
    assert files(folder) == [NAME]


@ensureDeferred
async def test_one_person(stage: Stage, folder: CacheFolder) -> None:
    """What one identity of an account uploaded is there for the others of it, and counts for all of them together."""
    cache, token = room(stage, folder, person_mib=1), replace(ALICE, anchor="https://iam/")
    both = [replace(ALICE_CALLER, others=frozenset({token})), Caller(token, others=frozenset({ALICE}))]
    await keep(cache, caller=both[0])
    assert await cache.look(both[1], len(GZIP), 1234) == NAME
    with pytest.raises(Conflict, match="may have 1 MiB"):
        await keep(cache, OTHER, b"x" * MIB, both[1])
    await cache.delete(both[1], NAME)
    await keep(cache, OTHER, b"x" * MIB, both[1])
    assert files(folder) == [OTHER]


@ensureDeferred
async def test_two_at_a_time(stage: Stage, folder: CacheFolder) -> None:
    """Of two that take one name at the same time one has it, with his content."""
    cache, people = room(stage, folder), [ALICE_CALLER, *STRANGERS[:3]]
    work = [Deferred.fromCoroutine(keep(cache, content=b"x" * n, caller=person)) for n, person in enumerate(people, 1)]
    outcomes = await DeferredList(work, consumeErrors=True)
    (winner,) = [place for place, (success, _) in enumerate(outcomes) if success]
    assert (folder.folder / NAME).read_bytes() == b"x" * (winner + 1)
    assert [row[0] for row in await stage.sql("SELECT subject FROM cache_file")] == [people[winner].identity.subject]  # type: ignore[union-attr]


@ensureDeferred
async def test_no_room(stage: Stage, folder: CacheFolder) -> None:
    """A server without a folder, a disk that would be full, and a file that is too large: each is told before a byte is kept."""
    with pytest.raises(NoCache, match=r"\[cache\] folder"):
        room(stage, None).begin(ALICE_CALLER, 1)
    with pytest.raises(NoCache):
        await room(stage, None).look(ALICE_CALLER, 1, 1)
    with pytest.raises(NoRoom, match="have to stay free"):
        room(stage, folder, free_mib=10**9).begin(ALICE_CALLER, 1)
    with pytest.raises(TooMuch):
        room(stage, folder, sources_mib=1, other_mib=1).begin(ALICE_CALLER, 2 * MIB)
    with pytest.raises(BadRequest):
        await keep(room(stage, folder), "../x")
    assert files(folder) == []


# --- how they end


async def sweep(stage: Stage, folder: CacheFolder | None) -> bool:
    return await CacheSweep(stage.store, folder, KEEP_S, reactor).run_once()


async def aged(stage: Stage, folder: CacheFolder, names: Sequence[str], age_s: float = KEEP_S + 1) -> None:
    """As if those files had been wanted for the last time so long ago."""
    await stage.sql("UPDATE cache_file SET used = now() - make_interval(secs => %(s)s) WHERE name = ANY (%(n)s) RETURNING 1",
                    s=age_s, n=list(names))
    for name in names:
        os.utime(folder.folder / name, (NOW_S - age_s, NOW_S - age_s))


@ensureDeferred
async def test_unwanted_files_go(stage: Stage, folder: CacheFolder) -> None:
    """A file that nobody wanted for long goes, with its row; one that was asked for, touched or fetched meanwhile stays."""
    cache, names = room(stage, folder), [NAME.replace("0123", f"000{n}") for n in range(5)]
    for n, name in enumerate(names):
        await keep(cache, name, GZIP[:-8] + n.to_bytes(4, "little") + b"size")
    await aged(stage, folder, names)
    await aged(stage, folder, names[:1], KEEP_S - 100)
    await cache.touch(ALICE_CALLER, names[1])
    assert await cache.look(ALICE_CALLER, len(GZIP), 2) == names[2]
    os.utime(folder.folder / names[3], (NOW_S - 5, NOW_S - 5))
    assert not await sweep(stage, folder)
    assert files(folder) == names[:4]
    assert sorted(row[0] for row in await stage.sql("SELECT name FROM cache_file")) == names[:4]
    assert not await sweep(stage, None)


@pytest.mark.parametrize(("status", "stays"), [
    (JobStatus.DEFINED, True), (JobStatus.ACTIVATED, True), (JobStatus.RUNNING, True), (JobStatus.FINISHED, False)])
@ensureDeferred
async def test_live_jobs_need_it(stage: Stage, folder: CacheFolder, status: JobStatus, stays: bool) -> None:
    """What a job names that is not at its end stays, however long nobody asked for it; what only an ended one names goes."""
    await keep(room(stage, folder))
    await stage.job(status, jobParameters=f'-j "" -r . -a {NAME} -p "echo"')
    await aged(stage, folder, [NAME])
    await sweep(stage, folder)
    assert files(folder) == ([NAME] if stays else [])


A_TASK = """
    INSERT INTO task (jeditaskid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo, prodsourcelabel,
                      currentpriority, production, creationhost, parameters, digest)
    VALUES (nextval('task_jeditaskid'), 'user.alice.x/', true, %(status)s::text::task_status, %(anchor)s, %(subject)s, 'alice',
            'wlcg', 'user', 1000, false, '', jsonb_build_object('jobParameters', jsonb_build_array(%(said)s::text)), 'x')
    RETURNING 1"""


@pytest.mark.parametrize(("status", "stays"), [
    (TaskStatus.REGISTERED, True), (TaskStatus.PAUSED, True), (TaskStatus.DONE, False), (TaskStatus.BROKEN, False)])
@ensureDeferred
async def test_live_tasks_need_it(stage: Stage, folder: CacheFolder, status: TaskStatus, stays: bool) -> None:
    """What a task names that has not ended stays, before it has any job."""
    await keep(room(stage, folder))
    await stage.sql(A_TASK, status=str(status), anchor=ALICE.anchor, subject=ALICE.subject, said=f"-a {NAME}")
    await aged(stage, folder, [NAME])
    await sweep(stage, folder)
    assert files(folder) == ([NAME] if stays else [])


@ensureDeferred
async def test_whose_jobs(stage: Stage, folder: CacheFolder) -> None:
    """A job of another identity of the owner's account counts, one of somebody else does not."""
    token = replace(ALICE, anchor="https://iam/")
    for name in (NAME, OTHER):
        await keep(room(stage, folder), name)
    await stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED, jobParameters=f"-a {NAME}"), owner=token)
    await stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED, jobParameters=f"-a {OTHER}"), owner=STRANGERS[0].identity)  # type: ignore[arg-type]
    await stage.sql("""WITH a AS (INSERT INTO account (label) VALUES ('alice') RETURNING id)
                       INSERT INTO account_identity (anchor, subject, account, linkedby)
                       SELECT anchor, %(s)s, a.id, 'root' FROM a, unnest(%(anchors)s) AS anchor RETURNING 1""",
                    s=ALICE.subject, anchors=[ALICE.anchor, token.anchor])
    await aged(stage, folder, [NAME, OTHER])
    await sweep(stage, folder)
    assert files(folder) == [NAME]


@ensureDeferred
async def test_what_a_crash_left(stage: Stage, folder: CacheFolder) -> None:
    """A file without a row, or one that never came to its end, goes after an hour; a row without a file when it is unwanted."""
    await keep(room(stage, folder))
    (folder.folder / OTHER).write_bytes(b"x")
    (folder.folder / ".incoming" / "half").write_bytes(b"x")
    for path in (folder.folder / OTHER, folder.folder / ".incoming" / "half", folder.folder / NAME):
        os.utime(path, (NOW_S - 4000, NOW_S - 4000))
    await sweep(stage, folder)
    assert files(folder) == [NAME]
    await aged(stage, folder, [NAME])
    (folder.folder / NAME).unlink()
    await sweep(stage, folder)
    assert await stage.sql("SELECT name FROM cache_file") == []
