"""The verb that opens a Python prompt inside the daemon, if [console] python says so; without it not even its code is loaded."""

from __future__ import annotations

from pandad.console.policy import STEER
from pandad.console.verb import Answer, Bench, Call, verb
from pandad.spec.errors import Forbidden

HELLO = "Python, inside the daemon: one slow line stops everything. Each line is in the audit. exit ends it."


@verb("python", STEER)
async def python(bench: Bench, call: Call) -> Answer:
    """A Python prompt inside the daemon, if [console] python allows it: for developers who look for a fault."""
    if bench.python is None:
        raise Forbidden("there is no Python prompt; [console] python = true makes one, for who accepts what it can do")
    return Answer({"python": sorted(bench.python)}, f"{HELLO}\nThere are: {', '.join(sorted(bench.python))}", True)
