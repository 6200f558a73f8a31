"""`python -m tests.simulation`: run the simulated grid under a policy, keep what it shows, bring the documentation up to date."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path

from .document import renew
from .policies import POLICIES
from .results import KEPT, Result, append, commit
from .run import Setup, simulate


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--policy", action="append", choices=[*POLICIES], help="who chooses the queues; repeated; all by default")
    parser.add_argument("--jobs", type=int, default=1_000_000, help="default 1 000 000")
    parser.add_argument("--queues", type=int, default=200, help="default 200")
    parser.add_argument("--seed", type=int, action="append", help="repeated; default 1")
    parser.add_argument("--out", type=Path, default=KEPT, metavar="FILE", help="gets a line for each run")
    parser.add_argument("--document", action="store_true", help="run nothing: renew docs/explanation/simulation.md and its plot")
    return parser.parse_args()


def main() -> int:
    """0: all was run."""
    args = arguments()
    gc.disable()  # nothing here goes in circles, and to look for that among millions of jobs takes as long as all the rest
    if args.document:
        renew()
        return 0
    for seed in args.seed or [1]:
        for policy in args.policy or POLICIES:
            result = run(Setup(policy, args.jobs, args.queues, seed))
            append(args.out, result)
            print(_said(result), flush=True)
    return 0


def run(setup: Setup) -> Result:
    """One run, timed."""
    tried, began = commit(), time.process_time()
    figures = simulate(setup).figures()
    return Result(setup, tried, time.process_time() - began, figures)


def _said(result: Result) -> str:
    f, setup = result.figures, result.setup
    return (f"{setup.policy}, seed {setup.seed}: makespan {f['makespan_h']:.1f} h, mean wait {f['wait_mean_h']:.2f} h, idle with "
            f"work {f['idle_with_work']:.1%}, moved {f['moved_tb']:.0f} TB, eaten {f['eaten']}; {result.cpu_s:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
