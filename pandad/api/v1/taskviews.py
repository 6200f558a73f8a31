"""API v1, module task: the reads. Shapes: PanDA's task_api."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pandad.api import coerce
from pandad.api.access import OWN, READ
from pandad.api.coerce import Unfit
from pandad.api.replies import tasks
from pandad.api.replyschema import Free
from pandad.api.route import GET, Route
from pandad.api.v1.task import TaskId
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest
from pandad.spec.job import JobSpec
from pandad.spec.taskstatus import TaskStatus
from pandad.userinterface.taskdict import described, modified

if TYPE_CHECKING:
    from pandad.userinterface.taskviews import TaskViews as Views

MOST_MODIFIED = 500  # as PanDA


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What is wanted beside jobs and datasets."""

    task_id: int
    include_parameters: bool = False
    include_status: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Modified:
    """``full`` and ``dn`` mean nothing here: one gets one's own tasks."""

    since: datetime
    min_task_id: int | None = None
    prod_source_label: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """``since``: nothing that has not changed since. ``filters``: JSON text of an object, see docs/reference/tasks.md."""

    n_tasks: int = 500
    since: datetime | None = None
    filters: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsOf:
    """Of which task, and whether none but those that came to no good end."""

    task_id: int
    unsuccessful_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetsOf:
    """``dataset_types``: of input, pseudo_input, output, log, lib. ``dataset_only``: without their files."""

    task_id: int
    dataset_types: list[str] = field(default_factory=list)
    dataset_only: bool = False


class TaskViews:
    """One method per call."""

    def __init__(self, views: Views) -> None:
        self._views = views

    @Route("/api/v1/task/get_status", GET, access=READ, gives=TaskStatus, takes=TaskId)
    async def get_status(self, caller: Caller, asked: TaskId) -> str:
        """Where the task is in its life."""
        return (await self._views.view(caller, asked.task_id)).task.status

    @Route("/api/v1/task/get_task_parameters", GET, access=READ, gives=dict[str, Free], takes=TaskId)
    async def get_task_parameters(self, caller: Caller, asked: TaskId) -> dict[str, Any]:
        """As they were submitted, with what was changed since."""
        return dict((await self._views.view(caller, asked.task_id)).task.parameters)

    @Route("/api/v1/task/get_details", GET, access=READ, gives=tasks.Details, takes=Details)
    async def get_details(self, caller: Caller, asked: Details) -> dict[str, Any]:
        """Datasets, figures and jobs."""
        found = await self._views.details(caller, asked.task_id)
        task = (await self._views.view(caller, asked.task_id)).task
        if asked.include_status:
            found["status"] = task.status
        if asked.include_parameters:
            found["cliParams"] = task.parameters.get("cliParams")
        return found

    @Route("/api/v1/task/get_detailed_info", GET, access=READ, gives=tasks.TaskAttributes, takes=TaskId)
    async def get_detailed_info(self, caller: Caller, asked: TaskId) -> dict[str, Any]:
        """All attributes."""
        return await self._views.detailed(caller, asked.task_id)

    @Route("/api/v1/task/get_parent_detailed_info", GET, access=READ, gives=tasks.TaskAttributes, takes=TaskId)
    async def get_parent_detailed_info(self, caller: Caller, asked: TaskId) -> dict[str, Any]:
        """All attributes of the task that it waited for."""
        return await self._views.parent(caller, asked.task_id)

    @Route("/api/v1/task/get_job_ids", GET, access=READ, gives=list[int], takes=TaskId)
    async def get_job_ids(self, caller: Caller, asked: TaskId) -> list[int]:
        """The PandaIDs of its jobs."""
        return await self._views.job_ids(caller, asked.task_id)

    @Route("/api/v1/task/get_job_descriptions", GET, access=READ, gives=list[JobSpec], takes=JobsOf)
    async def get_job_descriptions(self, caller: Caller, asked: JobsOf) -> list[JobSpec]:
        """Its jobs, with all attributes and files."""
        return await self._views.descriptions(caller, asked.task_id, asked.unsuccessful_only)

    @Route("/api/v1/job/get_metadata_for_analysis_jobs", GET, access=READ, gives=dict[str, Free], takes=TaskId)
    async def get_metadata_for_analysis_jobs(self, caller: Caller, asked: TaskId) -> dict[str, Any]:
        """What the payloads of the task's finished user jobs told, by PandaID: for pbook's getUserJobMetadata."""
        return await self._views.metadata(caller, asked.task_id)

    @Route("/api/v1/task/get_datasets_and_files", GET, access=READ, gives=list[tasks.DatasetFiles], takes=DatasetsOf)
    async def get_datasets_and_files(self, caller: Caller, asked: DatasetsOf) -> list[dict[str, Any]]:
        """What it reads, or what else was asked for."""
        return await self._views.datasets(caller, asked.task_id, asked.dataset_types, asked.dataset_only)

    @Route("/api/v1/task/why", GET, access=READ, gives=tasks.TaskWhy, takes=TaskId)
    async def why(self, caller: Caller, asked: TaskId) -> dict[str, Any]:
        """What the task waits for, in a sentence. pandad's own."""
        return await self._views.why(caller, asked.task_id)

    @Route("/api/v1/task/get_history", GET, access=READ, gives=list[tasks.TaskEvent], takes=TaskId)
    async def get_history(self, caller: Caller, asked: TaskId) -> list[dict[str, Any]]:
        """What happened to the task, oldest first. pandad's own."""
        return await self._views.history(caller, asked.task_id)

    @Route("/api/v1/task/get_tasks_modified_since", GET, access=OWN, gives=dict[str, tasks.ModifiedTask], takes=Modified)
    async def get_tasks_modified_since(self, caller: Caller, asked: Modified) -> dict[str, Any]:
        """The caller's own tasks that changed since, in short, by their reqID."""
        found = await self._views.mine(caller, {"prodSourceLabel": asked.prod_source_label}, asked.since, MOST_MODIFIED)
        return {str(view.task.id): modified(view) for view in found if view.task.id >= (asked.min_task_id or 0)}

    @Route("/api/v1/task/get_tasks_detailed_info_since", GET, access=OWN, gives=list[tasks.TaskAttributes], takes=Since)
    async def get_tasks_detailed_info_since(self, caller: Caller, asked: Since) -> list[dict[str, Any]]:
        """The caller's own tasks, those first that changed last."""
        try:
            filters = coerce.table(asked.filters) if asked.filters else {}
        except Unfit as problem:
            raise BadRequest("filters", str(problem)) from None
        return [described(view) for view in await self._views.mine(caller, filters, asked.since, asked.n_tasks)]
