"""Tasks as prun sends them, and the daemon's tasks over a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from factories import PILOT, QUEUE, a_caller
from stages import Stage

from pandad.config import JediConfig, UserInterfaceConfig
from pandad.dataservice.catalogue import Catalogue
from pandad.jedi.cycle import Cycle
from pandad.jedi.drafts import Drafts
from pandad.jedi.feeder import ICatalogue
from pandad.spec.caller import Caller
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.task import Contents, KnownFile
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer import files, moves
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import taskjobs
from pandad.userinterface.tasks import Tasks
from pandad.userinterface.taskviews import TaskViews

SAMPLES = Path(__file__).parent / "jedi" / "samples"
ENDS: Mapping[JobStatus, tuple[tuple[Event, Actor], ...]] = {
    JobStatus.FINISHED: ((Event.BROKERED, Actor.BROKERAGE), (Event.INPUT_READY, Actor.DATASERVICE), (Event.CLAIMED, Actor.PILOT),
                         (Event.RUNNING, Actor.PILOT), (Event.RECOVERING, Actor.PILOT), (Event.COMPLETED, Actor.DATASERVICE)),
    JobStatus.FAILED: ((Event.TIMED_OUT, Actor.WATCHER),),
    JobStatus.CANCELLED: ((Event.KILLED, Actor.USER),),
    JobStatus.CLOSED: ((Event.CLOSED, Actor.WATCHER),),
}


_BRINGS: Mapping[Event, Mapping[str, object]] = {
    Event.BROKERED: {"computingSite": QUEUE}, Event.CLAIMED: {"holderanchor": PILOT.anchor, "holdersubject": PILOT.subject}}


def parameters(sample: str = "noBuild", **but: Any) -> dict[str, Any]:
    """task_parameters as prun 2.2.0 sends them; None takes a key away."""
    found = {**json.loads((SAMPLES / f"{sample}.json").read_text()), **but}
    return {key: value for key, value in found.items() if value is not None}


class Shelf:
    """A catalogue with what a test puts there."""

    def __init__(self) -> None:
        self.datasets: dict[str, Contents] = {}

    def put(self, name: str, *lfns: str, size: int = 1000) -> None:
        """A dataset with such files."""
        self.datasets[name] = Contents([KnownFile("user.ann", lfn, None, size, "ad:00000001") for lfn in lfns])

    async def contents(self, dataset: str, most: int) -> Contents:
        """As `Catalogue`."""
        return self.datasets.get(dataset, Contents(problem=f"unknown dataset {dataset}", hopeless=True))


class TaskWorld(Stage):
    """Somebody's tasks, the loop, and what becomes of their jobs."""

    def __init__(self, store: Store, catalogue: ICatalogue | None = None, **config: Any) -> None:
        super().__init__(store)
        self.config = JediConfig(**{"look_s": 0.05, "input_retry_s": 0.05, **config})
        self.shelf = Shelf()
        self.tasks = Tasks(store, Drafts(self.config), self.config, UserInterfaceConfig())
        self.views = TaskViews(store)
        self.loop = Cycle(store, self.config, catalogue or self.shelf, taskjobs.submit)
        self.catalogue = Catalogue(store, None)
        self.alice = a_caller("alice")

    async def submit(self, given: Mapping[str, Any] | None = None, caller: Caller | None = None, **but: Any) -> int:
        """A task that is taken; its number."""
        receipt = await self.tasks.submit(caller or self.alice, given if given is not None else parameters(**but), None)
        assert receipt.taken and receipt.task_id is not None, receipt
        return receipt.task_id

    async def rounds(self, number: int = 3) -> None:
        """So many rounds of the loop, each with every task due."""
        for _ in range(number):
            await self.sql("UPDATE task SET nextcheck = now() RETURNING 1")
            await self.loop.run_once()

    async def task_status(self, task_id: int) -> TaskStatus:
        """Only its state."""
        return (await self.views.view(self.alice, task_id)).task.status

    async def dialog(self, task_id: int) -> str:
        """What it says of itself."""
        return (await self.views.view(self.alice, task_id)).task.dialog or ""

    async def figures(self, task_id: int) -> tuple[int, int, int]:
        """Files, finished, failed."""
        view = await self.views.view(self.alice, task_id)
        return view.files, view.finished, view.failed

    async def jobs_of(self, task_id: int) -> list[JobSpec]:
        """All of its jobs."""
        return await self.views.descriptions(self.alice, task_id, False)

    async def live_jobs(self, task_id: int) -> list[JobSpec]:
        """Those that have not ended."""
        return [job for job in await self.jobs_of(task_id) if job.jobStatus not in ENDS]

    async def end_jobs(self, jobs: Sequence[JobSpec], end: JobStatus = JobStatus.FINISHED) -> None:
        """So do these end; the outputs of those that finish are there."""
        ids = [job.PandaID or 0 for job in jobs]
        await self.store.transact("test_end", _end, ids, end)
        if end is JobStatus.FINISHED:
            written = [FileSpec(row_ID=f.row_ID, PandaID=f.PandaID, status="ready", fsize=7, checksum="ad:00000007")
                       for job in jobs for f in job.outputs]
            await self.store.transact("test_files", files.update, written)

    async def work(self, task_id: int, end: Callable[[JobSpec], JobStatus] = lambda _: JobStatus.FINISHED) -> None:
        """Until the task has no live job, end each as that says."""
        for _ in range(50):
            await self.rounds(2)
            live = await self.live_jobs(task_id)
            if not live:
                return
            for job in live:
                await self.end_jobs([job], end(job))
        raise AssertionError("the task never ends")


async def _end(txn: Transaction, ids: Sequence[int], end: JobStatus) -> None:
    for event, actor in ENDS[end]:
        await moves.move(txn, event, [Change(i, _BRINGS.get(event, {})) for i in ids], actor=actor, who="test")
