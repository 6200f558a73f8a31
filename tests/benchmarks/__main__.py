"""`python -m tests.benchmarks`: a sandbox of its own, with PostgreSQL's safe settings, and the measurements on it."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from pandad.cli.foreground import in_foreground
from pandad.embedded.sandbox import Sandbox
from tests.benchmarks import plan
from tests.benchmarks.profiler import Profiler
from tests.benchmarks.report import say
from tests.benchmarks.stand import Interrupted, Stand
from tests.benchmarks.verdict import emit_verdicts


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="One JSON object per measurement on standard output, tables at the end.")
    parser.add_argument("--seconds", type=int, default=6, help="length of each measurement (default 6)")
    parser.add_argument("--full", action="store_true", help="all transports, numbers of clients and queues, up to a million jobs")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this; a pattern too, and repeated")
    parser.add_argument("--list", action="store_true", help="the names, and nothing else")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="stacks of the daemon under 64 clients; needs py-spy")
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
        await sandbox.daemon.stop()  # those that are measured have a port more
        await deferToThreadPool(reactor, reactor.getThreadPool(), measure, sandbox, stopped, args, profiler)
    finally:
        await sandbox.stop()
        shutil.rmtree(directory)
    return 0


def measure(sandbox: Sandbox, stopped: Deferred[None], args: argparse.Namespace, profiler: Profiler) -> None:
    """All that is wanted, in a thread: the reactor keeps PostgreSQL up meanwhile. What was found is told, whatever happens."""
    stand = Stand(sandbox, args.seconds, lambda: stopped.called, profiler)
    try:
        plan.play(stand, plan.chosen(args.only, args.full))
    except Interrupted:
        say("stopped")
    finally:
        stand.close()
        emit_verdicts(stand.report)
        stand.report.print_tables()


def main() -> int:
    """Measure, or say what can be measured."""
    args = arguments()
    if args.list:
        print("\n".join(name for name, _ in plan.chosen(args.only, args.full)))
        return 0
    return in_foreground(lambda reactor, stopped: bench(reactor, stopped, args))


if __name__ == "__main__":
    raise SystemExit(main())
