"""What became known of files is stored, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

from factories import a_file, a_job, stored
from pytest_twisted import ensureDeferred

from pandad.taskbuffer import files, jobs
from pandad.taskbuffer.store import Store, Transaction


@ensureDeferred
async def test_update(store: Store) -> None:
    """GUID, status, endpoints, size and checksum are written where set; all else stays, and None leaves what is there."""

    async def body(txn: Transaction) -> None:
        ids = await stored(txn, [a_job(Files=[a_file(GUID="g0"), a_file(lfn="b")])])
        (job,) = await jobs.find(txn, ids)
        assert job is not None
        known = replace(
            job.Files[0],
            GUID=None,
            status="ready",
            fsize=5,
            checksum="ad:00000001",
            destinationSE="D",
            dispatchDBlockToken="T",
            lfn="other",
        )
        assert await files.update(txn, [known]) == 1
        (after,) = await jobs.find(txn, ids)
        assert after is not None
        assert after.Files == [replace(known, GUID="g0", lfn=job.Files[0].lfn), job.Files[1]]

    await store.transact("body", body)


@ensureDeferred
async def test_only_files_of_their_job(store: Store) -> None:
    """A row that is not the file of the job it claims to be of is not written; no files are no error."""

    async def body(txn: Transaction) -> None:
        ids = await stored(txn, [a_job(Files=[a_file()]), a_job()])
        (job, other) = await jobs.find(txn, ids)
        assert job is not None and other is not None
        assert await files.update(txn, [replace(job.Files[0], PandaID=other.PandaID, status="ready")]) == 0
        assert await files.update(txn, []) == 0

    await store.transact("body", body)
