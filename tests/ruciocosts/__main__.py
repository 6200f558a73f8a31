"""Calls and time per file with a real Rucio, and how long the reactor stands still while answers come in."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fakes.rucioweb import PASSWORD, USER
from twisted.internet.task import deferLater

from pandad import metrics
from pandad.cli.foreground import in_foreground
from pandad.dataservice.datasets import Dataset, NewFile, RuleWish
from pandad.dataservice.ddm import FileName
from pandad.dataservice.rucio.datasets import RucioDatasets
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.session import Session
from pandad.dataserviceconfig import RucioConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.embedded.rucio.install import prepare_rucio
from pandad.embedded.rucio.stand import RucioStand
from ruciocosts.away import name
from ruciocosts.placing import place
from ruciocosts.ticker import Ticker

MANY, PLACES = 10_000, 20
A_DATASET = Dataset("panda", "panda.1_dis1")


async def measured(reactor: Any, what: str, files: int, job: Callable[[], Awaitable[Any]]) -> None:
    """One line."""
    ticker, calls, started_s = Ticker(reactor), metrics.RUCIO_CALLS.values[()], time.monotonic()
    cpu_s = time.process_time()
    await job()
    took_s, cpu_s = time.monotonic() - started_s, time.process_time() - cpu_s
    ticker.stop()
    print(json.dumps({
        "measure": "rucio", "what": what, "files": files, "calls": metrics.RUCIO_CALLS.values[()] - calls,
        "seconds": round(took_s, 2), "ms_per_file": round(1000 * took_s / files, 3),
        "cpu_ms_per_file": round(1000 * cpu_s / files, 4), "longest_stall_ms": round(1000 * ticker.longest_s, 1)}), flush=True)


async def real(reactor: Any, folder: Path, cache: Path, count: int) -> None:
    """A server of its own."""
    postgres = EmbeddedPostgres(reactor, folder / "postgres", settings={"fsync": "off", "synchronous_commit": "off"})
    await postgres.start()
    stand = RucioStand(reactor, folder / "rucio", postgres, prepare_rucio(cache))
    try:
        started_s = time.monotonic()
        await stand.start()
        print(json.dumps({"measure": "rucio", "what": "start", "seconds": round(time.monotonic() - started_s, 1)}), flush=True)
        await stand.furnish(["DISK", "TAPE"], ["panda", "user.alice"])
        session = Session(reactor, RucioConfig(
            url=stand.url, account=stand.account, username=stand.user, password_file=stand.password_file), time.time)
        await calls(reactor, session, [NewFile(FileName("user.alice", name(n)), 10**9, "0badcafe") for n in range(count)])
        await session.close()
    finally:
        await stand.stop()
        await postgres.stop()


async def calls(reactor: Any, session: Session, files: list[NewFile]) -> None:
    """What an Adder and a Setupper would do with these files."""
    ddm, names = RucioDDM(session), [file.name for file in files]
    datasets = RucioDatasets(session, ddm)
    await measured(reactor, "register", len(files), lambda: datasets.register("DISK", files))
    await measured(reactor, "replicas at one endpoint", len(files), lambda: ddm.replicas("DISK", names))
    await measured(reactor, "replicas anywhere", len(files), lambda: ddm.locate(names))
    await measured(reactor, "make a dataset", 1, lambda: datasets.make(A_DATASET))
    await measured(reactor, "attach", len(files), lambda: datasets.attach(A_DATASET, names))
    await measured(reactor, "close", 1, lambda: datasets.close(A_DATASET))
    await measured(reactor, "rule", len(files), lambda: datasets.add_rule(A_DATASET, RuleWish("TAPE", "Production Input", 3600)))
    await measured(reactor, "contents", len(files), lambda: datasets.contents(A_DATASET))


async def faked(reactor: Any, folder: Path, places: int, act: Callable[[Session], Awaitable[None]]) -> None:
    """Something at a fake in another process, that has the files at each of so many endpoints."""
    (folder / "password").write_text(PASSWORD)
    (folder / "url").unlink(missing_ok=True)
    path = f".{os.pathsep}tests"
    away = subprocess.Popen([sys.executable, "-m", "tests.ruciocosts.away", str(folder), str(MANY), str(places)],
                            env={**os.environ, "PYTHONPATH": path})
    try:
        while not (folder / "url").exists():
            await deferLater(reactor, 0.1)
        session = Session(reactor, RucioConfig(
            url=(folder / "url").read_text(), username=USER, password_file=folder / "password"), time.time)
        await act(session)
        await session.close()
    finally:
        away.kill()
        away.wait()


async def stall(reactor: Any, folder: Path) -> None:
    """Long answers."""
    async def ask(session: Session) -> None:
        ddm, names = RucioDDM(session), [FileName("user.alice", name(number)) for number in range(MANY)]
        await measured(reactor, "replicas at one endpoint, fake", MANY, lambda: ddm.replicas("SITE_0_DATADISK", names))
        await measured(reactor, f"replicas at {PLACES} endpoints, fake", MANY, lambda: ddm.locate(names))

    await faked(reactor, folder, PLACES, ask)


async def main(reactor: Any, args: argparse.Namespace) -> int:
    """Both."""
    with tempfile.TemporaryDirectory(prefix="pandad-rucio-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        if not args.placing:
            await stall(reactor, folder)
        await faked(reactor, folder, 1, lambda session: place(reactor, folder, session))
        if args.rucio is not None:
            await real(reactor, folder, args.rucio, args.files)
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.ruciocosts", description="One JSON object per measurement.")
    parser.add_argument("--rucio", type=Path, metavar="FOLDER", help="with a real Rucio, which is installed in this folder")
    parser.add_argument("--placing", action="store_true", help="pre-placement only")
    parser.add_argument("--files", type=int, default=1000, help="for the real one (default 1000)")
    return parser.parse_args()


if __name__ == "__main__":
    wanted = arguments()
    raise SystemExit(in_foreground(lambda reactor, stopped: main(reactor, wanted)))
