"""Jobs out of a task's files, as many as it may have; and the end of the task, when there is nothing left to do.

A job and the mark on its files are one transaction: whatever dies in between, no file is in two jobs, and none is forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count

from pandad.config import JediConfig
from pandad.jedi import beside
from pandad.jedi.generator import WHO, build_job, run_job, written
from pandad.jedi.splitter import split
from pandad.spec.failure import failures_of
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import Chunk, Figures, Task, TaskFile, TaskSpec
from pandad.spec.taskstatus import GENERATING, Kind, TaskEvent, TaskStatus, verdict
from pandad.taskbuffer import datasets, jobs, taskfiles, tasks
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.taskfiles import Made

Submit = Callable[[Transaction, Task, Sequence[JobSpec]], Awaitable[list[int]]]
"""Stores jobs in the name of a task's owner, in this transaction, as anybody's are; their PandaIDs, in order."""

SETTLED = 1000  # jobs whose end is noted in one round


class Maker:
    """One round of a task.

    :param submit: see Submit.
    """

    def __init__(self, submit: Submit, config: JediConfig) -> None:
        self._submit, self._config = submit, config

    async def round(self, txn: Transaction, task_id: int, spec: TaskSpec) -> bool:
        """Note what has ended, make what is to be made, end what is at its end; whether there is more to do at once."""
        task = await tasks.lock(txn, task_id)
        if task is None:
            return False
        ended = await taskfiles.settle(txn, task.id, SETTLED)
        figures = await taskfiles.figures(txn, task.id)
        made = await self._make(txn, task, spec, figures) if task.status in GENERATING else 0
        if made:
            if task.status is TaskStatus.READY:
                await tasks.happened(txn, task.id, TaskEvent.JOBS_MADE, who=WHO)
        elif not figures.open:
            await self._end(txn, task, spec, figures)
        more = len(ended) == SETTLED or made >= self._config.portion
        await tasks.defer(txn, task.id, 0 if more else self._config.look_s)
        return more

    async def _make(self, txn: Transaction, task: Task, spec: TaskSpec, figures: Figures) -> int:
        """How many jobs were made."""
        room = min(self._config.max_jobs - figures.open, self._config.portion)
        if not figures.ready or room <= 0:
            return 0
        library = None
        if spec.build is not None:
            library = await taskfiles.library(txn, task.id)
            if library is None:
                return await self._build(txn, task, spec)
        return await self._run(txn, task, spec, room, library)

    async def _build(self, txn: Transaction, task: Task, spec: TaskSpec) -> int:
        """The build job, once in a round."""
        if await taskfiles.builds(txn, task.id, task.round_nr):
            return 0
        (panda_id,) = await self._submit(txn, task, [build_job(task, spec)])
        await taskfiles.made(txn, task.id, task.round_nr, task.serial, [Made(panda_id, 0, ())], Kind.BUILD)
        return 1

    async def _run(self, txn: Transaction, task: Task, spec: TaskSpec, room: int, library: TaskFile | None) -> int:
        rule = spec.splitting
        each = 1 if spec.input is None else rule.files or rule.most_files
        files = await taskfiles.ready(txn, task.id, room, room * each + 1)
        chunks = split(files, rule, more=len(files) > room * each)[:room] if spec.input else [Chunk([f]) for f in files[:room]]
        if not chunks:
            return 0
        chunks = await beside.add(txn, task.id, spec, await _numbered(txn, task.id, spec, chunks))
        numbered = list(enumerate(chunks, task.serial + 1))
        specs = [run_job(task, spec, chunk, serial, library) for serial, chunk in numbered]
        ids = await self._submit(txn, task, specs)
        made = [Made(panda_id, chunk.number or 0, [file.id for file in chunk.files])
                for panda_id, (_, chunk) in zip(ids, numbered, strict=True)]
        await taskfiles.made(txn, task.id, task.round_nr, task.serial + len(made), made, Kind.RUN)
        return len(made)

    async def _end(self, txn: Transaction, task: Task, spec: TaskSpec, figures: Figures) -> None:
        """Nothing of it is at work, and nothing was made."""
        if task.status is TaskStatus.ABORTING:
            await _ended(txn, task, spec, TaskEvent.ABORTED, task.dialog)
            return
        failed_build = await self._failed_build(txn, task, spec)
        if task.status in GENERATING and figures.ready and failed_build is None or task.status is TaskStatus.PAUSED:
            return
        why = failed_build or await _why(txn, task, figures)
        await _ended(txn, task, spec, verdict(figures.finished, figures.files), why)

    async def _failed_build(self, txn: Transaction, task: Task, spec: TaskSpec) -> str | None:
        """Why there will be no library in this round."""
        if spec.build is None or await taskfiles.library(txn, task.id) is not None:
            return None
        ended = [(panda_id, end) for panda_id, end in await taskfiles.builds(txn, task.id, task.round_nr) if end is not None]
        return f"its build {await _told(txn, *ended[-1])}" if ended else None


async def _ended(txn: Transaction, task: Task, spec: TaskSpec, how: TaskEvent, why: str | None) -> None:
    """What it wrote into is closed: should it be set going again it writes elsewhere."""
    await tasks.happened(txn, task.id, how, who=WHO, why=why)
    await datasets.no_more(txn, written(task, spec))


async def _numbered(txn: Transaction, task_id: int, spec: TaskSpec, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Each with what tells the jobs of a task apart, from 1: the same whenever it is tried."""
    if spec.input is None:
        return [replace(chunk, number=int(chunk.files[0].lfn)) for chunk in chunks]
    fresh = count(await taskfiles.last_chunk(txn, task_id) + 1)
    return [chunk if chunk.number is not None else replace(chunk, number=next(fresh)) for chunk in chunks]


async def _why(txn: Transaction, task: Task, figures: Figures) -> str | None:
    """What is to be said of those that were not processed."""
    if figures.finished == figures.files:
        return None
    left = f"{figures.finished} of {figures.files} files were processed"
    bad = await taskfiles.last_failed(txn, task.id)
    return f"{left}; {await _told(txn, *bad)}" if bad is not None else left


async def _told(txn: Transaction, panda_id: int, end: JobStatus) -> str:
    (job,) = await jobs.find(txn, [panda_id])
    said = "; ".join(map(str, failures_of(job))) if job is not None else ""
    return f"job {panda_id} is {end}" + (f": {said[:500]}" if said else "")
