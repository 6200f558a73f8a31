"""Runs of the machine: a short one in the tests, a long one on the command line."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.taskbuffer import migrate
from pandad.taskbuffer.store import Store

from .comparing import Tally
from .machine import Life
from .rooms import Rooms

STEPS_PER_RUN = 100


def run(rooms: Rooms, steps: int, number: int, shrink: bool = True) -> Tally:
    """That many steps, from that seed; the reactor must run in another thread.

    :raise AssertionError: a step went wrong; hypothesis prints the shortest way there that it finds.
    """
    tally = Tally()
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    bounds = settings(
        max_examples=max(1, steps // STEPS_PER_RUN), stateful_step_count=STEPS_PER_RUN, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=phases)
    machine: Any = seed(number)(lambda: Life(rooms, tally))
    run_state_machine_as_test(machine, settings=bounds)
    return tally


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description="One line with the result on standard output.")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


async def campaign(reactor: Any, args: argparse.Namespace) -> int:
    """On a PostgreSQL of its own."""
    directory = Path(tempfile.mkdtemp(prefix="pandad-model-"))
    directory.chmod(0o755)
    fast = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    server = EmbeddedPostgres(reactor, directory / "postgres", settings=fast)
    try:
        await server.start()
        store = Store(reactor, DatabaseConfig(dsn=server.dsn, connections=2))
        await store.transact("upgrade", migrate.upgrade)
        rooms = Rooms(store)
        await rooms.prepare()
        failures = await deferToThreadPool(reactor, reactor.getThreadPool(), _told, rooms, args.steps, args.seed)
        await store.close()
    finally:
        await server.stop("immediate")
        shutil.rmtree(directory)
    return failures


def _told(rooms: Rooms, steps: int, number: int) -> int:
    """Run, and print the one line."""
    started, failures, tally = time.perf_counter(), 0, Tally()
    try:
        tally = run(rooms, steps, number)
    except Exception:  # whatever it is, it is the result
        traceback.print_exc()
        failures = 1
    seconds = time.perf_counter() - started
    sys.stdout.write(
        f"campaign=model seed={number} steps={tally.steps} jobs={tally.jobs} claims={tally.claims} "
        f"retries={tally.retries} throttled={tally.throttled} "
        f"failures={failures} seconds={seconds:.0f} steps_per_s={tally.steps / seconds:.0f}\n")
    return failures


async def start(reactor: Any, stopped: Deferred[None]) -> int:
    """For `in_foreground`."""
    return await campaign(reactor, arguments())
