"""The process of another queue: `python -m tests.benchmarks.peers.work QUEUE fill DSN JOBS` or `... QUEUE work DSN SETTINGS`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module


class Progress:
    """Jobs done, and when the last one was."""

    def __init__(self, seconds: float) -> None:
        self.jobs = 0
        self._seconds = seconds
        self._began = self._last = 0.0

    def begin(self, stop: Callable[[], object]) -> None:
        """All is open: wait until the measurement begins; `stop` is called at its end."""
        print("ready", flush=True)
        sys.stdin.readline()
        self._began = time.perf_counter()
        asyncio.get_running_loop().call_later(self._seconds, stop)

    def done(self) -> None:
        """One more."""
        self.jobs += 1
        self._last = time.perf_counter()

    def as_json(self) -> str:
        """For the parent."""
        return json.dumps({"jobs": self.jobs, "seconds": self._last - self._began})


def main() -> None:
    """`fill DSN JOBS` or `work DSN SETTINGS`, by the functions of that name in the module of the queue."""
    queue, verb, dsn, what = sys.argv[1:]
    module = import_module(f"tests.benchmarks.peers.with_{queue}")
    if verb == "fill":
        asyncio.run(module.fill(dsn, int(what)))
        return
    settings = json.loads(what)
    progress = Progress(settings.pop("seconds"))
    asyncio.run(module.work(dsn, settings, progress))
    print(progress.as_json(), flush=True)
    sys.stdin.readline()  # until the parent has seen what was used


if __name__ == "__main__":
    main()
