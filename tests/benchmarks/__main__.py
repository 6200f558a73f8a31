"""`python -m tests.benchmarks`: a sandbox of its own, with PostgreSQL's safe settings, and all measurements on it."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from pandad.cli.foreground import in_foreground
from pandad.embedded.sandbox import Sandbox
from tests.benchmarks.profiler import Profiler
from tests.benchmarks.suite import Suite, say


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="One JSON object per measurement on standard output.")
    parser.add_argument("--seconds", type=int, default=6, help="length of each measurement (default 6)")
    parser.add_argument("--profile", type=Path, metavar="FILE.svg", help="flame graph of the daemon at 8 clients; needs py-spy")
    return parser.parse_args()


async def bench(reactor: Any, stopped: Deferred[None], args: argparse.Namespace) -> int:
    """Sandbox up, measure, sandbox down and away."""
    profiler = Profiler(args.profile)
    directory = Path(tempfile.mkdtemp(prefix="pandad-bench-", dir="/var/tmp"))  # a disk: /tmp may be memory
    directory.chmod(0o755)
    sandbox = Sandbox(reactor, directory, ports=(0, 0))
    try:
        say(f"starting a sandbox in {directory}")
        await sandbox.start()
        await measure(reactor, stopped, sandbox, args.seconds, profiler)
    finally:
        await sandbox.stop()
        shutil.rmtree(directory)
    return 0


async def measure(reactor: Any, stopped: Deferred[None], sandbox: Sandbox, seconds: int, profiler: Profiler) -> None:
    """First with the daemon, then without it."""
    def in_thread(work: Callable[[], None]) -> Deferred[None]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    suite = Suite(sandbox, seconds, lambda: stopped.called, profiler)
    try:
        await in_thread(suite.of_pandad)
        await sandbox.daemon.stop()
        await in_thread(suite.of_postgres)
    finally:
        suite.close()


if __name__ == "__main__":
    raise SystemExit(in_foreground(lambda reactor, stopped: bench(reactor, stopped, arguments())))
