"""What the processes of all other queues have in common: their command line, and how their work is counted."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

Fill = Callable[[str, int], Awaitable[None]]


class Progress:
    """Jobs done, and when the last one was."""

    def __init__(self) -> None:
        self.jobs = 0
        self._began = self._last = 0.0

    def begin(self) -> None:
        """All is open: wait until the measurement begins."""
        print("ready", flush=True)
        sys.stdin.readline()
        self._began = time.perf_counter()

    def done(self) -> None:
        """One more."""
        self.jobs += 1
        self._last = time.perf_counter()

    def as_json(self) -> str:
        """For the parent."""
        return json.dumps({"jobs": self.jobs, "seconds": self._last - self._began})


Work = Callable[[str, dict[str, int], Progress], Awaitable[None]]


def main(fill: Fill, work: Work) -> None:
    """`fill DSN JOBS` or `work DSN SETTINGS`."""
    verb, dsn, what = sys.argv[1:]
    if verb == "fill":
        asyncio.run(_awaited(fill(dsn, int(what))))
        return
    progress = Progress()
    asyncio.run(_awaited(work(dsn, json.loads(what), progress)))
    print(progress.as_json(), flush=True)
    sys.stdin.readline()  # until the parent has seen what was used


async def _awaited(work: Awaitable[None]) -> None:
    await work
