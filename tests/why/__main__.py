"""`python -m tests.why --cases 10000 --seed S`: many random worlds, on a PostgreSQL of its own. One line on standard output."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from pandad.cli.foreground import in_foreground
from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.taskbuffer import migrate
from pandad.taskbuffer.store import Store

sys.path.insert(0, str(Path(__file__).parent.parent))  # where pytest finds what tests share

from why.agreement import Disagreement, Tally, compare  # noqa: E402


async def start(reactor: Any, stopped: Deferred[None]) -> int:
    """For `in_foreground`: the number of disagreements, of which it stops at the first."""
    parser = argparse.ArgumentParser(prog="python -m tests.why")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="pandad-why-"))
    directory.chmod(0o755)
    fast = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    server = EmbeddedPostgres(reactor, directory / "postgres", settings=fast)
    began, failures, tally = time.perf_counter(), 0, Tally()
    try:
        await server.start()
        store = Store(reactor, DatabaseConfig(dsn=server.dsn, connections=2))
        await store.transact("upgrade", migrate.upgrade)
        try:
            tally = await compare(store, args.cases, args.seed, lambda: bool(stopped.called))
        except Disagreement:
            traceback.print_exc()
            failures = 1
        await store.close()
    finally:
        await server.stop("immediate")
        shutil.rmtree(directory)
    sys.stdout.write(
        f"campaign=why seed={args.seed} cases={tally.cases} placed={tally.placed} flagged={tally.flagged} pairs={tally.pairs} "
        f"handed={tally.handed} mended={tally.mended} widened={tally.widened} disagreements={failures} "
        f"seconds={time.perf_counter() - began:.0f}\n"
        + "".join(f"  {reason}: {count}\n" for reason, count in sorted(tally.reasons.items())))
    return failures


if __name__ == "__main__":
    raise SystemExit(in_foreground(start))
