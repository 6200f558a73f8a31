"""The jobs that wait for a queue, in the order of the task buffer: by line, and in a line by priority, then PandaID."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from .jobs import Job

Entry = tuple[int, int, Job]


class Due:
    """What brokerage finds to do. The jobs of a task are a line."""

    def __init__(self) -> None:
        self._lines: dict[int, list[Entry]] = {}
        self._apart: deque[Job] = deque()

    def __bool__(self) -> bool:
        return bool(self._lines or self._apart)

    @property
    def lines(self) -> list[int]:
        """Those that are not empty."""
        return sorted(self._lines)

    def add(self, *jobs: Job) -> None:
        """They are due; or due again."""
        for job in jobs:
            heappush(self._lines.setdefault(job.task.number, []), (-job.priority, job.panda_id, job))

    def again(self, *jobs: Job) -> None:
        """No queue took them before: they stand apart from the lines."""
        self._apart.extend(jobs)

    def take_apart(self, most: int) -> list[Job]:
        """Those that have stood apart the longest."""
        return [self._apart.popleft() for _ in range(min(most, len(self._apart)))]

    def take(self, line: int, most: int) -> list[Job]:
        """The first ones of a line, which are not due any more; fewer if there are no more."""
        entries = self._lines.get(line, [])
        jobs = [heappop(entries)[2] for _ in range(min(most, len(entries)))]
        if not entries:
            self._lines.pop(line, None)
        return jobs

    def take_all(self) -> list[Job]:
        """Everything, the most urgent first."""
        entries: Iterable[Entry] = (entry for line in self._lines.values() for entry in line)
        apart = ((-job.priority, job.panda_id, job) for job in self._apart)
        jobs = [job for _, _, job in sorted([*entries, *apart])]
        self._lines.clear()
        self._apart.clear()
        return jobs
