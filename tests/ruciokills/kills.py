"""A daemon with its Rucio and a load of jobs, killed (SIGKILL) at one point after the other, and started again each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruciooutage import checks
from ruciooutage.load import Load, Work, put_far
from ruciooutage.outage import until_done
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.embedded.rucio.surroundings import FAR
from pandad.embedded.sandbox import Sandbox

from .gate import Gate
from .points import Point

POLL_S = 0.1
JOBS, PILOTS, OVER_S, RUN_S = 6, 4, 4, 3
LIMIT_S, LIMIT_EACH_S = 120, 30


async def kills(reactor: Any, sandbox: Sandbox, points: Sequence[Point]) -> tuple[dict[str, Any], list[str]]:
    """Figures, and what went wrong. The sandbox's daemon asks through the gate from now on; it goes back to what it was."""
    assert sandbox.rucio is not None
    stand, far, dsn = sandbox.rucio.stand, sandbox.rucio.storage.parent / FAR, sandbox.config.database.dsn
    work = Work("kills", JOBS)
    await deferToThread(lambda: put_far(stand.admin(), far, work))
    load = Load(reactor, sandbox, work, OVER_S, PILOTS, RUN_S, mortal=True)
    gate = Gate(reactor, stand.url, points, lambda: load.between_claims(lambda: _next_daemon(reactor, sandbox)))
    try:
        await _ask_at(sandbox, stand.url, gate.url)
        seconds = await until_done(reactor, dsn, load, LIMIT_S + LIMIT_EACH_S * len(points), closing=True)
    finally:
        await load.stop()
        await _ask_at(sandbox, gate.url, stand.url)
        await gate.close()
    flaws = [*load.seen.flaws, *gate.flaws, *(f"never met: {point}" for point in gate.waiting), *await deferToThread(lambda: [
        *checks.of_pandad(dsn, work), *checks.of_rucio(stand.dsn, work, closing=True), *checks.of_storage(far, work)])]
    return {"jobs": JOBS, "kills": len(gate.met), "seconds": seconds}, flaws


async def _next_daemon(reactor: Any, sandbox: Sandbox) -> None:
    """Kill it, and return when another one is ready."""
    starts = sandbox.daemon.starts
    sandbox.daemon.kill()
    while sandbox.daemon.starts == starts or await sandbox.daemon.complaint() is not None:
        await deferLater(reactor, POLL_S)


async def _ask_at(sandbox: Sandbox, old: str, new: str) -> None:
    """Have the daemon find its Rucio elsewhere."""
    await sandbox.daemon.stop()
    file: Path = sandbox.config_file
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    await sandbox.daemon.start()
