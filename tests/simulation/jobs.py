"""One job of the simulated grid."""

from __future__ import annotations

from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus

from .workload import Task


class Job:
    """Where it is, and what befell it.

    ``site``: the place of its queue in the list of sites. ``attempts``: that began. ``turn``: a serial of what was last planned
    for it; an event that belongs to another one comes too late. ``eaten``: attempts that a black hole took.
    """

    __slots__ = ("panda_id", "task", "status", "site", "attempts", "priority", "avoided", "turn", "began", "since", "eaten",
                 "_waits_as")

    def __init__(self, panda_id: int, task: Task) -> None:
        self.panda_id, self.task = panda_id, task
        self.status = JobStatus.DEFINED
        self.site: int | None = None
        self.attempts = 0
        self.priority = task.priority
        self.avoided: tuple[str, ...] = ()
        self.turn = 0
        self.began = 0.0
        self.since = task.arrives  # in this state
        self.eaten = 0
        self._waits_as: JobSpec | None = None

    @property
    def cores(self) -> int:
        return self.task.line.cores

    @property
    def block(self) -> tuple[int, int] | None:
        """What it reads."""
        return self.task.block(self.panda_id)

    @property
    def needs(self) -> tuple[int, tuple[str, ...]]:
        """Jobs alike in this may go to the same queues."""
        return (self.task.number, self.avoided)

    def spec(self) -> JobSpec:
        """As the task buffer would hold it."""
        return JobSpec(**self.task.needs, PandaID=self.panda_id, avoided=list(self.avoided), attemptNr=self.attempts + 1,
                       currentPriority=self.priority, Files=[self.input] if self.input is not None else [])

    def waiting(self) -> JobSpec:
        """The same for as long as no attempt begins; not to be changed."""
        if self._waits_as is None or self._waits_as.attemptNr != self.attempts + 1:
            self._waits_as = self.spec()
        return self._waits_as

    def forget(self) -> None:
        """Nobody will ask soon."""
        self._waits_as = None

    @property
    def input(self) -> FileSpec | None:
        """The file that it reads."""
        if self.task.dataset is None:
            return None
        return FileSpec(type="input", scope=f"data{self.task.dataset.number}", lfn=str(self.panda_id - self.task.first),
                        fsize=self.task.dataset.block_bytes)
