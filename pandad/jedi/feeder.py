"""What a task is to read: looked up, and put into its list. (PanDA: ContentsFeeder.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pandad.config import JediConfig
from pandad.jedi import generator
from pandad.jedi.items import FILE_NAME
from pandad.spec.task import PSEUDO_DATASET, Contents, Input, KnownFile, Task, TaskSpec
from pandad.spec.taskstatus import FEEDING, TASK_LIVE, TaskEvent
from pandad.taskbuffer import taskfiles, tasks
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.taskfiles import Counted

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
    """What was found, by input and dataset in the order in which the task names them. ``problem``: of the first that was not
    found."""

    contents: Sequence[tuple[Input, Sequence[tuple[str, Contents]]]] = ()

    @property
    def problem(self) -> Contents | None:
        return next((found for found in self._all if found.problem is not None), None)

    @property
    def untold(self) -> str | None:
        """A file that no pilot can be told of."""
        return next((file.lfn for found in self._all for file in found.files if not FILE_NAME.fullmatch(file.lfn)), None)

    @property
    def _all(self) -> list[Contents]:
        return [found for _, some in self.contents for _, found in some]


async def look(spec: TaskSpec, catalogue: ICatalogue, config: JediConfig) -> Looked:
    """The datasets as they are now."""
    return Looked([(each, [(name, await catalogue.contents(name, config.max_files)) for name in each.datasets])
                   for each in spec.inputs])


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


def _by_dataset(some: Sequence[tuple[str, Contents]]) -> list[tuple[str, str, Sequence[KnownFile]]]:
    """Each with the name by which the task asks for it. A file that is in several is in the first of them."""
    found: dict[str, tuple[str, list[KnownFile]]] = {}
    seen = set[tuple[str, str]]()
    for name, contents in some:
        for file in contents.files:
            if (file.scope, file.lfn) not in seen:
                seen.add((file.scope, file.lfn))
                found.setdefault(file.dataset or name, (name.rstrip("/"), []))[1].append(file)
    return [(dataset, container, files) for dataset, (container, files) in found.items()]


async def _fill(txn: Transaction, task: Task, spec: TaskSpec, looked: Looked, config: JediConfig) -> None:
    written = [(generator.LIB, generator.lib_dataset(task.id), generator.lib_dataset(task.id))] if spec.build else []
    written += generator.datasets(task, spec)
    found = [(each, _by_dataset(some)) for each, some in looked.contents]
    if looked.untold is not None:
        why = f"its input has the file {looked.untold!r:.300}, a name that no pilot can be told"
        await tasks.happened(txn, task.id, TaskEvent.BROKEN, who=WHO, why=why)
        return
    if spec.input is None:
        written.append(("pseudo_input", PSEUDO_DATASET, PSEUDO_DATASET))
    read = [("input" if each is spec.input else "secondary", name, container)
            for each, some in found for name, container, _ in some]
    await taskfiles.ensure(txn, task.id, [*written, *read])
    if spec.input is None:
        await taskfiles.add_pseudo(txn, task.id, spec.pseudo_files)
    for each, files in found:
        known = [(name, some) for name, _, some in files]
        if spec.counting is not None and each is spec.input:
            counted = await taskfiles.add_counted(txn, task.id, each, known, spec.counting, config.max_files)
            problem = _uncountable(counted, config)
            if problem is not None:
                await tasks.happened(txn, task.id, TaskEvent.BROKEN, who=WHO, why=problem)
                return
        else:
            await taskfiles.add(txn, task.id, each, known, second=each is not spec.input)
    await taskfiles.recount(txn, task.id)
    await _judge(txn, task, spec, config)


def _uncountable(counted: Counted, config: JediConfig) -> str | None:
    if counted.unknown is not None:
        return (f"how many events are in {counted.unknown} is not known here, and the task goes by events; say nEventsPerFile if "
                "there are as many in each file")
    if counted.parts > config.max_files:
        return (f"its files would be cut into {counted.parts} parts, and a task has at most {config.max_files} here "
                "([jedi] max_files); say more events for each job, or fewer files")
    return None


async def _judge(txn: Transaction, task: Task, spec: TaskSpec, config: JediConfig) -> None:
    there = [await taskfiles.held(txn, task.id, each.input.containers) for each in spec.secondaries]
    first = (await taskfiles.figures(txn, task.id)).files
    files = first + sum(there)
    missing = [each for each, count in zip(spec.inputs, [first, *there] if spec.input else there, strict=True) if not count]
    if files > config.max_files:
        why = f"it would have {files} files or jobs, and a task has at most {config.max_files} here ([jedi] max_files)"
        await tasks.happened(txn, task.id, TaskEvent.BROKEN, who=WHO, why=why)
    elif missing:
        names = ", ".join(missing[0].datasets)
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
