"""`python -m tests.ruciooutage --rucio FOLDER [--minutes M] [--jobs N]`: figures as JSON; exit code 1 if something went wrong."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from pandad.cli.foreground import in_foreground

from .outage import Plan, QuickSandbox, outage


async def main(reactor: Any, args: argparse.Namespace) -> int:
    """One outage."""
    folder = Path(tempfile.mkdtemp(prefix="pandad-outage-", dir=args.scratch))
    folder.chmod(0o755)
    reactor.suggestThreadPoolSize(30)
    sandbox = QuickSandbox(reactor, folder, (0, 0), args.rucio)
    try:
        await sandbox.start()
        figures, flaws = await outage(reactor, sandbox, Plan(args.jobs, args.before, 60 * args.minutes))
    finally:
        await sandbox.stop()
    print(json.dumps({"measure": "rucio outage", **figures, "flaws": flaws}, indent=1), flush=True)  # noqa: T201
    if not flaws:
        shutil.rmtree(folder)
    return 1 if flaws else 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.ruciooutage", description="Rucio goes away amid work, and comes back.")
    parser.add_argument("--rucio", type=Path, default=Path(".rucio"), metavar="FOLDER", help="where it is installed (.rucio)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it is away (10)")
    parser.add_argument("--before", type=float, default=60.0, metavar="S", help="how long it works before that (60 s)")
    parser.add_argument("--jobs", type=int, default=300, help="over all that time (300)")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"), metavar="DIR", help="where to build (/var/tmp)")
    return parser.parse_args()


if __name__ == "__main__":
    wanted = arguments()

    def work(reactor: Any, stopped: Deferred[None]) -> Any:
        return main(reactor, wanted)

    raise SystemExit(in_foreground(work))
