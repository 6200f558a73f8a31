"""Tasks to look at. Who may read a job may read its task; lists are of one's own, but for admins and production."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from pandad.spec.caller import Caller, Role
from pandad.spec.errors import BadRequest, NotFound
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.taskstatus import SUPER_STATUS, TaskStatus
from pandad.taskbuffer import jobs, taskviews
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.taskviews import TaskView, Wanted
from pandad.userinterface.identity import identity_of
from pandad.userinterface.taskdict import described
from pandad.userinterface.taskwhy import sentence

MOST_TASKS = 1000
MOST_JOBS = 10_000  # of one task, by their ids
MOST_DESCRIBED = 1000
MOST_FILES = 100_000
INPUT_TYPES = ("input", "pseudo_input")


class TaskViews:
    """What people ask of tasks. All of these raise NotFound if there is no such task."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def view(self, caller: Caller, task_id: int) -> TaskView:
        """The task with its figures."""
        identity_of(caller)
        found = await self._store.read("task_view", taskviews.find, task_id)
        if found is None:
            raise NotFound("task", task_id)
        return found

    async def detailed(self, caller: Caller, task_id: int) -> dict[str, Any]:
        """The task as PanDA describes it."""
        return described(await self.view(caller, task_id))

    async def parent(self, caller: Caller, task_id: int) -> dict[str, Any]:
        """The same of its parent.

        :raise NotFound: it has none.
        """
        task = (await self.view(caller, task_id)).task
        if task.parent is None:
            raise NotFound("parent of task", task_id)
        return await self.detailed(caller, task.parent)

    async def mine(self, caller: Caller, filters: Mapping[str, Any], since: datetime | None, limit: int) -> list[TaskView]:
        """The caller's own tasks that are as the filters say; those of everybody, for admins and production who ask for a user.

        :raise BadRequest: names a filter that there is not.
        """
        identity_of(caller)
        wanted = wanted_of(filters)
        all_of_them = wanted["users"] is not None and caller.has(Role.PRODUCTION)
        owners = None if all_of_them else caller.identities
        return await self._store.read(
            "tasks_listed", taskviews.listed, Wanted(owners=owners, since=since, **wanted), min(max(limit, 1), MOST_TASKS))

    async def job_ids(self, caller: Caller, task_id: int) -> list[int]:
        """Its jobs, in the order in which they were made."""
        await self.view(caller, task_id)
        return await self._store.read("task_job_ids", taskviews.job_ids, task_id, MOST_JOBS)

    async def descriptions(self, caller: Caller, task_id: int, unsuccessful: bool) -> list[JobSpec]:
        """Its jobs as they are, or those of them that came to no good end."""
        await self.view(caller, task_id)
        return await self._store.read("task_jobs", _described, task_id, unsuccessful)

    async def metadata(self, caller: Caller, task_id: int) -> dict[str, Any]:
        """What the payloads of its finished user jobs told about themselves, by PandaID; text that is no JSON stays text."""
        jobs_of = await self.descriptions(caller, task_id, False)
        return {str(job.PandaID): _parsed(job.metadata) for job in jobs_of
                if job.jobStatus is JobStatus.FINISHED and job.prodSourceLabel == "user" and job.metadata}

    async def datasets(self, caller: Caller, task_id: int, types: Sequence[str], only: bool) -> list[dict[str, Any]]:
        """What it reads and writes, of these types. ``only``: without the files."""
        await self.view(caller, task_id)
        return await self._store.read("task_datasets", _datasets, task_id, types or INPUT_TYPES, only)

    async def details(self, caller: Caller, task_id: int) -> dict[str, Any]:
        """Names of datasets, figures and jobs."""
        await self.view(caller, task_id)
        return await self._store.read("task_details", _details, task_id)

    async def why(self, caller: Caller, task_id: int) -> dict[str, Any]:
        """What it waits for, or why it ended as it did."""
        view = await self.view(caller, task_id)
        jobs_by_state = await self._store.read("task_at_work", taskviews.at_work, task_id)
        return {"jediTaskID": task_id, "status": view.task.status, "summary": sentence(view, jobs_by_state),
                "jobs": {state.value: count for state, count in jobs_by_state.items()}}

    async def history(self, caller: Caller, task_id: int) -> list[dict[str, Any]]:
        """What happened to it, oldest first."""
        await self.view(caller, task_id)
        return await self._store.read("task_events", taskviews.events, task_id)


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


async def _described(txn: Transaction, task_id: int, unsuccessful: bool) -> list[JobSpec]:
    ids = await taskviews.job_ids(txn, task_id, MOST_DESCRIBED, unsuccessful=unsuccessful)
    return [job for job in await jobs.find(txn, ids) if job is not None]


async def _datasets(txn: Transaction, task_id: int, types: Sequence[str], only: bool) -> list[dict[str, Any]]:
    found = [each for each in await taskviews.datasets(txn, task_id) if each.type in types]
    rows = [] if only else await taskviews.files(txn, [each.id for each in found], MOST_FILES)
    return [{"dataset": {"name": each.name, "id": each.id}, "files": [file for dataset, file in rows if dataset == each.id]}
            for each in found]


async def _details(txn: Transaction, task_id: int) -> dict[str, Any]:
    found = await taskviews.datasets(txn, task_id)
    counts = await taskviews.statistics(txn, task_id)
    return {
        "inDS": ",".join(each.name for each in found if each.type == "input"),
        "outDS": ",".join(each.name for each in found if each.type == "output"),
        "statistics": ",".join(f"{status}*{count}" for status, count in counts.items()),
        "PandaID": await taskviews.job_ids(txn, task_id, MOST_JOBS), "mergeStatus": None, "mergePandaID": []}


def wanted_of(filters: Mapping[str, Any]) -> dict[str, Any]:
    """PanDA's filters: attributes of tasks, each with a text, several with | between, and * for any text.

    :raise BadRequest: there is no such filter, or not such a value.
    """
    wanted: dict[str, Any] = dict.fromkeys(("ids", "states", "users"))
    for key, value in filters.items():
        if key not in _FILTERS:
            raise BadRequest(f"filters.{key}", f"is none of {', '.join(_FILTERS)}")
        name, read = _FILTERS[key]
        try:
            found = [each for part in str(value).split("|") for each in read(part)]
        except ValueError:
            raise BadRequest(f"filters.{key}", f"{value!r:.60} cannot be one") from None
        wanted[name] = found if wanted.get(name) is None else [each for each in found if each in wanted[name]]
    return wanted


def _like(text: str) -> list[str]:
    for sign in ("\\", "%", "_"):
        text = text.replace(sign, f"\\{sign}")
    return [text.replace("*", "%").replace("\0", "")]


def _states_of(word: str) -> list[TaskStatus]:
    """Those with this superStatus; clients ask for some that a task here never has."""
    return [status for status, above in SUPER_STATUS.items() if above == word]


def _states(word: str) -> list[TaskStatus]:
    return [status for status in TaskStatus if status == word]


def _ids(text: str) -> list[int]:
    return [int(text)]


_FILTERS: Mapping[str, tuple[str, Callable[[str], list[Any]]]] = {
    "jediTaskID": ("ids", _ids), "reqID": ("ids", _ids), "status": ("states", _states), "superStatus": ("states", _states_of),
    "taskName": ("names", _like), "userName": ("users", _like), "prodSourceLabel": ("labels", _like),
    "workingGroup": ("groups", _like), "vo": ("vos", _like), "processingType": ("types", _like)}
