"""The jobs that a round of brokerage looks at, in the task buffer's order: by priority, then PandaID."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from heapq import heappop, heappush

from .jobs import Job

AHEAD, FASTER = 1000, 32
Entry = tuple[int, int, Job]


class _Alike:
    """Jobs that get the same answers.

    ``behind``: a heap of those that are not due yet. ``due``: how many are. ``most``: how many may be.
    """

    __slots__ = ("behind", "due", "most")

    def __init__(self) -> None:
        self.behind: list[Entry] = []
        self.due = 0
        self.most = AHEAD


class Due:
    """Jobs to be brokered.

    One that is refused is looked at again a while later. So would be all those behind it that are alike. They would be refused in
    the same rounds, so nobody asks about them until the first of them has found a place: it comes to the same, and costs less.
    """

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._alike: defaultdict[Hashable, _Alike] = defaultdict(_Alike)

    def add(self, job: Job) -> None:
        """It is to be brokered."""
        alike = self._alike[job.needs]
        heappush(alike.behind, (-job.priority, job.panda_id, job))
        self._feed(alike)

    def batch(self, most: int) -> list[Job]:
        """The most urgent ones. Each is `placed` or `refused` next."""
        jobs: list[Job] = []
        while self._heap and len(jobs) < most:
            entry = heappop(self._heap)
            alike = self._alike[entry[2].needs]
            alike.due -= 1
            if alike.most:
                jobs.append(entry[2])
            else:
                heappush(alike.behind, entry)
        return jobs

    def placed(self, job: Job) -> None:
        """There may be room for more of its like."""
        alike = self._alike[job.needs]
        alike.most = min(FASTER * alike.most, AHEAD)
        self._feed(alike)

    def refused(self, job: Job) -> bool:
        """No queue takes it now, nor another that is alike until `again`; whether that is news."""
        alike = self._alike[job.needs]
        heappush(alike.behind, (-job.priority, job.panda_id, job))
        news = alike.most > 0
        alike.most = 0
        return news

    def again(self, needs: Hashable) -> None:
        """Look whether the first of these is taken now."""
        self._alike[needs].most = 1
        self._feed(self._alike[needs])

    def __bool__(self) -> bool:
        return bool(self._heap)

    def _feed(self, alike: _Alike) -> None:
        while alike.behind and alike.due < alike.most:
            heappush(self._heap, heappop(alike.behind))
            alike.due += 1
