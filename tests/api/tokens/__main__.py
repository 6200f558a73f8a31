"""Mutated tokens by the million: exit code 0 if none was accepted."""

from __future__ import annotations

import argparse
import random
import sys
import time

from pandad.spec.token import BadToken, KeysUnknown

from .forge import stand
from .mutations import mutated, originals


def main() -> int:
    """Count what happened to them."""
    parser = argparse.ArgumentParser(prog="python -m tests.api.tokens")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, tokens, here = random.Random(args.seed), originals(), stand()
    same = accepted = 0
    began = time.perf_counter()
    for _ in range(args.count):
        text = mutated(rng, tokens)
        try:
            here.ask(text)
        except (BadToken, KeysUnknown):
            continue
        if text.strip(b" ") in tokens or text in tokens:
            same += 1
        else:
            accepted += 1
            print("accepted:", text)  # noqa: T201 - a program run by hand
    seconds = time.perf_counter() - began
    print(f"{args.count} tokens, {same} of them unchanged, {accepted} others accepted; {seconds / args.count * 1e6:.0f} us each")  # noqa: T201
    return 1 if accepted else 0


if __name__ == "__main__":
    sys.exit(main())
