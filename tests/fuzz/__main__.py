"""`python -m tests.fuzz [TARGET ...]`: millions of inputs.

Goes on where it stopped; ends at what it finds, and says how to repeat it. With --engine atheris (pip install .[fuzz]) inputs are
chosen by the code that they reach, for so many minutes for each target.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # as pytest has it

from fuzz.targets import TARGETS, Target  # noqa: E402

SLOW_S = 0.1  # of CPU for one input
SAY_EVERY = 100_000
SLOW_GUIDED_S = 60  # by the wall clock, on a machine that may be busy; what is slow by CPU time, the other engine tells
MOST_MIB = 1024


def main() -> int:
    """0: nothing found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each target (default 1 000 000)")
    parser.add_argument("--first", type=int, help="number of the first; by default the one after the last of an earlier run")
    parser.add_argument("--resume", type=Path, default=Path(".fuzz"), metavar="DIR", help="where that is kept (default .fuzz)")
    parser.add_argument("--engine", choices=("mutation", "atheris"), default="mutation", help="what makes the inputs")
    parser.add_argument("--minutes", type=float, default=5, help="for each target, with atheris (default 5)")
    args = parser.parse_args()
    args.resume.mkdir(exist_ok=True)
    if args.engine == "atheris":
        return max(guided(name, args) for name in args.targets or TARGETS)
    return max(fuzz(name, args) for name in args.targets or TARGETS)


def guided(name: str, args: argparse.Namespace) -> int:
    """One target, in a process of its own: libFuzzer ends it."""
    limits = [f"-max_total_time={args.minutes * 60:.0f}", f"-timeout={SLOW_GUIDED_S}", f"-rss_limit_mb={MOST_MIB}"]
    done = subprocess.run([sys.executable, "-m", "tests.fuzz.guided", name, str(args.resume), *limits], check=False)
    if done.returncode:
        print(f"FOUND. Again: python -m tests.fuzz.guided {name} {args.resume} FILE, which is named above", flush=True)
    return done.returncode


def fuzz(name: str, args: argparse.Namespace) -> int:
    """One target."""
    kept = args.resume / name
    first = args.first if args.first is not None else int(kept.read_text()) if kept.exists() else 0
    with tempfile.TemporaryDirectory() as directory:
        run = TARGETS[name](Path(directory))
        slowest, before_kib = 0.0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(first, first + args.inputs):
            slowest = max(slowest, timed(run, number, name))
            if number % SAY_EVERY == SAY_EVERY - 1 or number == first + args.inputs - 1:
                grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
                print(f"{name}: {number + 1 - first} inputs from {first}, slowest {slowest * 1000:.0f} ms, "
                      f"grown {grown_mib:.0f} MiB", flush=True)
                if args.first is None:
                    kept.write_text(str(number + 1))
    return 0


def timed(run: Target, number: int, name: str) -> float:
    """CPU seconds of one input."""
    before = time.process_time()
    try:
        run(number)
    except BaseException:
        print(f"FOUND. Again: python -m tests.fuzz {name} --first {number} --inputs 1", flush=True)
        raise
    took = time.process_time() - before
    if took > SLOW_S:
        print(f"slow, {took * 1000:.0f} ms. Again: python -m tests.fuzz {name} --first {number} --inputs 1", flush=True)
    return took


if __name__ == "__main__":
    sys.exit(main())
