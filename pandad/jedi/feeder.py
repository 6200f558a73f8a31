"""What a task is to read: looked up, and put into its list. (PanDA: ContentsFeeder.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pandad.config import JediConfig
from pandad.jedi import generator
from pandad.jedi.items import FILE_NAME
from pandad.spec.task import PSEUDO_DATASET, Contents, KnownFile, Task, TaskSpec
from pandad.spec.taskstatus import FEEDING, TASK_LIVE, TaskEvent
from pandad.taskbuffer import taskfiles, tasks
from pandad.taskbuffer.store import Transaction

WHO = "feeder"


class ICatalogue(Protocol):
    """Knows what is in datasets."""

    async def contents(self, dataset: str, most: int) -> Contents:
        """The files of a dataset, of those in a container, or of those that a pattern fits.

        :param most: so many files may be in it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, by dataset in the order in which the task names them. ``problem``: of the first that was not found."""

    contents: Sequence[tuple[str, Contents]] = ()

    @property
    def files(self) -> Sequence[tuple[str, str, Sequence[KnownFile]]]:
        """By dataset, with the name by which the task asks for it. A file that is in several is in the first of them."""
        found: dict[str, tuple[str, list[KnownFile]]] = {}
        seen = set[tuple[str, str]]()
        for name, contents in self.contents:
            for file in contents.files:
                if (file.scope, file.lfn) not in seen:
                    seen.add((file.scope, file.lfn))
                    found.setdefault(file.dataset or name, (name.rstrip("/"), []))[1].append(file)
        return [(dataset, container, files) for dataset, (container, files) in found.items()]

    @property
    def problem(self) -> Contents | None:
        return next((found for _, found in self.contents if found.problem is not None), None)


async def look(spec: TaskSpec, catalogue: ICatalogue, config: JediConfig) -> Looked:
    """The datasets as they are now."""
    if spec.input is None:
        return Looked()
    return Looked([(name, await catalogue.contents(name, config.max_files)) for name in spec.input.datasets])


async def feed(txn: Transaction, task_id: int, spec: TaskSpec, looked: Looked, config: JediConfig) -> None:
    """Give the task its files, have it wait, or break it."""
    task = await tasks.lock(txn, task_id)
    if task is None or task.status not in FEEDING:
        return
    parent = await tasks.find(txn, task.parent) if task.parent is not None and spec.waits else None
    if parent is not None and parent.status in TASK_LIVE:
        await _wait(txn, task, f"waits for its parent, task {parent.id}, which is {parent.status}", config)
    elif looked.problem is not None and looked.problem.hopeless:
        await tasks.happened(txn, task_id, TaskEvent.BROKEN, who=WHO, why=looked.problem.problem)
    elif looked.problem is not None:
        await _wait_or_break(txn, task, str(looked.problem.problem), config)
    else:
        await _fill(txn, task, spec, looked, config)


async def _fill(txn: Transaction, task: Task, spec: TaskSpec, looked: Looked, config: JediConfig) -> None:
    written = [(generator.LIB, generator.lib_dataset(task.id), generator.lib_dataset(task.id))] if spec.build else []
    written += generator.datasets(task, spec)
    if spec.input is None:
        await taskfiles.ensure(txn, task.id, [*written, ("pseudo_input", PSEUDO_DATASET, PSEUDO_DATASET)])
        await taskfiles.add_pseudo(txn, task.id, spec.pseudo_files)
    else:
        known = looked.files
        untold = next((file.lfn for *_, files in known for file in files if not FILE_NAME.fullmatch(file.lfn)), None)
        if untold is not None:
            why = f"its input has the file {untold!r:.300}, a name that no pilot can be told"
            await tasks.happened(txn, task.id, TaskEvent.BROKEN, who=WHO, why=why)
            return
        await taskfiles.ensure(txn, task.id, [*written, *(("input", name, container) for name, container, _ in known)])
        await taskfiles.add(txn, task.id, spec.input, [(name, files) for name, _, files in known])
    await taskfiles.recount(txn, task.id)
    await _judge(txn, task, spec, config)


async def _judge(txn: Transaction, task: Task, spec: TaskSpec, config: JediConfig) -> None:
    files = (await taskfiles.figures(txn, task.id)).files
    if files > config.max_files:
        why = f"it would have {files} files or jobs, and a task has at most {config.max_files} here ([jedi] max_files)"
        await tasks.happened(txn, task.id, TaskEvent.BROKEN, who=WHO, why=why)
    elif not files:
        names = ", ".join(spec.input.datasets) if spec.input else ""
        await _wait_or_break(txn, task, f"of {names} there is no file that the task wants", config)
    else:
        await tasks.happened(txn, task.id, TaskEvent.INPUT_KNOWN, who=WHO)


async def _wait_or_break(txn: Transaction, task: Task, why: str, config: JediConfig) -> None:
    if task.submitted_s > config.input_wait_s:
        await tasks.happened(txn, task.id, TaskEvent.BROKEN, who=WHO, why=f"{why}, for {config.input_wait_s} s now")
    else:
        await _wait(txn, task, why, config)


async def _wait(txn: Transaction, task: Task, why: str, config: JediConfig) -> None:
    """Said once; then it is only looked at again."""
    if task.dialog != why:
        await tasks.happened(txn, task.id, TaskEvent.INPUT_AWAITED, who=WHO, why=why)
    await tasks.defer(txn, task.id, config.input_retry_s)
