"""`python -m tests.fuzz [TARGET ...]`: millions of inputs.

Goes on where it stopped; ends at what it finds, and says how to repeat it."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # as pytest has it

from fuzz.targets import TARGETS, Target  # noqa: E402

SLOW_S = 0.1  # of CPU for one input
SAY_EVERY = 100_000


def main() -> int:
    """0: nothing found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each target (default 1 000 000)")
    parser.add_argument("--first", type=int, help="number of the first; by default the one after the last of an earlier run")
    parser.add_argument("--resume", type=Path, default=Path(".fuzz"), metavar="DIR", help="where that is kept (default .fuzz)")
    args = parser.parse_args()
    args.resume.mkdir(exist_ok=True)
    return max(fuzz(name, args) for name in args.targets or TARGETS)


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
