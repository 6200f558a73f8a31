"""The first jobs of a task go ahead, so that what they use is known before the others go (PanDA: scouts)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from pandad.brokerage.criterion import No
from pandad.brokerage.rules import TEST_LABELS
from pandad.brokerage.snapshot import Snapshot
from pandad.spec.criterion import SCOUT
from pandad.spec.facts import Scouting, Usage
from pandad.spec.job import JobSpec

BUILD = "panda"  # prodSourceLabel of jobs that the others of their task need
NONE = Scouting()


@dataclass(frozen=True, slots=True)
class ScoutLimits:
    """``jobs``: scouts of each task; 0: there are none. ``wait_s``: how long the others wait for them at most."""

    jobs: int = 0
    wait_s: float = 0.0

    @property
    def enough(self) -> int:
        """So many must have ended."""
        return ceil(self.jobs / 2)


class Scouts:
    """Who goes ahead in a round, and who is held back."""

    def __init__(self, limits: ScoutLimits) -> None:
        self._limits = limits
        self._known: Mapping[int, Scouting] = {}
        self._usage: Mapping[int, Usage] = {}
        self._sent: dict[int, set[int]] = defaultdict(set)  # by task; known by and by, too
        self._held: Counter[int] = Counter()

    def learn(self, snapshot: Snapshot) -> None:
        """What is known of more tasks."""
        self._known, self._usage = snapshot.scouts, snapshot.usage

    def held(self, job: JobSpec) -> int:
        """How many jobs of its task were held back in this round; 0 for one that is not."""
        return self._held[job.jediTaskID or 0] if self._no(job) is not None else 0

    def hold(self, job: JobSpec) -> No | None:
        """Why it must wait."""
        no = self._no(job)
        if no is not None:
            self._held[job.jediTaskID or 0] += 1
        return no

    def send(self, job: JobSpec) -> bool:
        """It goes; whether as a scout."""
        if not self._concerns(job) or self._is_over(job):
            return False
        self._sent[job.jediTaskID or 0].add(job.PandaID or 0)
        return job.PandaID not in self._of(job).jobs

    def _concerns(self, job: JobSpec) -> bool:
        label = job.prodSourceLabel or ""
        return bool(self._limits.jobs and job.jediTaskID and label != BUILD and label not in TEST_LABELS)

    def _of(self, job: JobSpec) -> Scouting:
        return self._known.get(job.jediTaskID or 0, NONE)

    def _is_over(self, job: JobSpec) -> bool:
        """Whether enough is known of the task, or it was waited for long enough."""
        scouting, usage = self._of(job), self._usage.get(job.jediTaskID or 0)
        return scouting.is_over or scouting.ended >= self._limits.enough or (
            usage is not None and usage.jobs >= self._limits.enough)

    def _no(self, job: JobSpec) -> No | None:
        if not self._concerns(job) or self._is_over(job):
            return None
        scouting, limits = self._of(job), self._limits
        out = scouting.jobs | self._sent[job.jediTaskID or 0]
        if len(out) < limits.jobs or job.PandaID in out:
            return None
        text = (f"it waits until {limits.enough} of the {limits.jobs} scouts of its task have ended, or for"
                f" {limits.wait_s / 3600:.3g} hours")
        return No(SCOUT, scouting.ended, limits.enough, text)

    def over(self) -> set[int]:
        """Tasks whose scouts were waited for, and need not be any more."""
        return {task for task, scouting in self._known.items() if scouting.jobs and (
            scouting.is_over or scouting.ended >= self._limits.enough)}
