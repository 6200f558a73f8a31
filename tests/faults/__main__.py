"""`python -m tests.faults [CAMPAIGN ...]`: break pandad, and see that nothing is lost and nothing doubled."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred

from . import disks, faketime, results
from .campaign import Bounds, Campaign
from .clock import ClockJump
from .crashpoints import CrashPoints
from .cutting import CutReply
from .diskfull import DiskFull
from .failover import Failover
from .handover import Handover
from .outages import DatabaseStop, Kill9
from .restarts import Restarts
from .scenarios import SCENARIOS
from .stand import entered_by_others

Kind = type[Campaign] | type[CrashPoints]
CAMPAIGNS: Sequence[Kind] = (Kill9, DatabaseStop, CutReply, CrashPoints, Handover, DiskFull, Failover, ClockJump, Restarts)
# What some need of the machine: each says what is in the way, None if nothing. Asked before anything else runs.
OBSTACLES: Mapping[Kind, Callable[[], str | None]] = {DiskFull: disks.set_apart, ClockJump: faketime.obstacle}
NO_LIMIT_MINUTES = 1e6


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN",
                        help=f"of {', '.join(c.name for c in CAMPAIGNS)}; all by default")
    parser.add_argument("--seed", type=int, help="of the first round; by default the one after the last that was run")
    parser.add_argument("--cycles", type=int, help="faults in this sitting; by default each campaign's own small number")
    parser.add_argument("--minutes", type=float, default=NO_LIMIT_MINUTES, help="of each campaign in this sitting, at most")
    parser.add_argument("--lives", nargs="+", default=(), choices=sorted(each.__name__ for each in SCENARIOS), metavar="LIFE",
                        help="of crashpoints: only these; all by default")
    parser.add_argument("--resume", type=Path, default=Path(".faults"), metavar="DIR",
                        help="where results are kept, and added to (default .faults)")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"), metavar="DIR", help="where the stands are built")
    parser.add_argument("--table", action="store_true", help="only print all results so far, added up, as a table")
    parser.add_argument("--document", action="store_true",
                        help="only write the results kept beside it into docs/explanation/faults.md")
    args = parser.parse_args()
    if unknown := set(args.campaigns) - {c.name for c in CAMPAIGNS}:
        parser.error(f"there is no campaign {', '.join(sorted(unknown))}")
    return args


def possible(wanted: Sequence[str]) -> list[Kind]:
    """The wanted campaigns, all if none is named, without those that this machine cannot run."""
    found = []
    for kind in CAMPAIGNS:
        if not wanted or kind.name in wanted:
            obstacle = OBSTACLES[kind]() if kind in OBSTACLES else None
            if obstacle is None:
                found.append(kind)
            else:
                say(f"{kind.name}: cannot be run here: {obstacle}")
    return found


async def sitting(reactor: Any, args: argparse.Namespace, kinds: Sequence[Kind], stopped: Deferred[None]) -> int:
    """These campaigns, one after the other; 0 if none found anything."""
    failures = 0
    for campaign in kinds:
        if not stopped.called:
            failures += await _campaign(reactor, campaign, args, stopped)
    return 1 if failures else 0


async def _campaign(reactor: Any, kind: Kind, args: argparse.Namespace, stopped: Deferred[None]) -> int:
    before = [r for r in results.read(args.resume) if r.campaign == kind.name]
    seed = args.seed if args.seed is not None else max((r.seeds[1] for r in before), default=0) + 1
    directory = entered_by_others(Path(tempfile.mkdtemp(prefix=f"pandad-faults-{kind.name}-", dir=args.scratch)))
    bounds = Bounds(args.cycles or kind.cycles, time.monotonic() + 60 * args.minutes, lambda: stopped.called)
    campaign = kind(reactor, directory, seed)
    if isinstance(campaign, CrashPoints):
        campaign.lives = args.lives
    say(f"{kind.name}: from seed {seed}, in {directory}")
    try:
        found = await campaign.run(bounds, results.commit(), say)
    except Exception as error:  # the border of the sitting: what a campaign cannot get over is its result
        traceback.print_exception(error)
        broken = max(seed, campaign.total.seeds[1] + 1)
        found = replace(campaign.total, failures=campaign.total.failures + 1, seeds=(seed, broken))
    results.append(args.resume, found)
    print(found.line(), flush=True)
    if found.failures:
        say(f"{kind.name}: {found.failures} failures with seed {found.seeds[1]}; evidence in {directory}")
    else:
        campaign.stand.clear()
    return found.failures


def say(text: str) -> None:
    """Progress, for a person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run."""
    args = arguments()
    if args.table:
        print(results.table(results.added_up(results.read(args.resume))), end="")
        return 0
    if args.document:
        page = results.DOCUMENT.read_text("utf-8")
        results.DOCUMENT.write_text(results.documented(page, results.added_up(results.read(results.KEPT))), "utf-8")
        return 0
    args.scratch.mkdir(parents=True, exist_ok=True)
    kinds = possible(args.campaigns)
    asyncioreactor.install()
    from pandad.cli.foreground import in_foreground

    async def work(reactor: Any, stopped: Deferred[None]) -> int:
        future: asyncio.Future[int] = asyncio.ensure_future(sitting(reactor, args, kinds, stopped))
        return await Deferred.fromFuture(future)

    return in_foreground(work)


if __name__ == "__main__":
    raise SystemExit(main())
