"""A daemon with its Rucio and a load of jobs; Rucio is killed, stays away by the clock, and comes back."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.embedded.rucio.surroundings import FAR
from pandad.embedded.sandbox import HOST, Sandbox

from . import checks
from .load import Load, Work, put_far

LOOK_S = 1.0
QUICK = """
dataset_close_s = 5
transfer_poll_s = 5
poll_s = 5
"""


class QuickSandbox(Sandbox):
    """One whose datasets are closed soon. ``more``: settings of [dataservice]."""

    more = ""

    def _write_config(self) -> None:
        super()._write_config()
        text, usual = self.config_file.read_text("utf-8"), "\nmissing_retry_s = 5\n"
        self.config_file.write_text(text.replace(usual, usual.rstrip("\n") + QUICK + self.more, 1), "utf-8")


@dataclass(frozen=True, slots=True)
class Plan:
    """``before_s``: how long it works before, ``away_s``: how long Rucio is away, ``limit_s``: how long what is left may take;
    ``run_s``: how long the longest job runs; ``closing``: whether it is waited for that datasets are closed."""

    jobs: int
    before_s: float
    away_s: float
    limit_s: float = 600.0
    pilots: int = 12
    run_s: int = 30
    closing: bool = True


async def outage(reactor: Any, sandbox: Sandbox, plan: Plan) -> tuple[dict[str, Any], list[str]]:
    """Figures, and what went wrong."""
    assert sandbox.rucio is not None
    stand, far, dsn = sandbox.rucio.stand, sandbox.rucio.storage.parent / FAR, sandbox.config.database.dsn
    work = Work("outage", plan.jobs)
    await deferToThread(lambda: put_far(stand.admin(), far, work))
    load = Load(reactor, sandbox, work, 1.2 * plan.before_s + plan.away_s, plan.pilots, plan.run_s)
    figures: dict[str, Any] = {"jobs": plan.jobs, "away_s": plan.away_s}
    try:
        await deferLater(reactor, plan.before_s)
        await stand.stop(signal.SIGKILL)
        since, figures["when_it_went"] = load.seen.now, await deferToThread(checks.states, dsn, work)
        await deferLater(reactor, plan.away_s)
        figures |= {"while_away": load.seen.part(since), "when_it_came_back": await deferToThread(checks.states, dsn, work)}
        await stand.start()
        sandbox.rucio.follow(f"https://{HOST}:{sandbox.config.server.tls_port}/ddm/callback", sandbox.pki.ca_file)
        since = load.seen.now
        figures["seconds_until_all_was_done"] = await until_done(reactor, dsn, load, plan.limit_s, plan.closing)
        figures["after"] = load.seen.part(since)
    finally:
        await load.stop()
    flaws = [*load.seen.flaws, *await deferToThread(lambda: [
        *checks.of_pandad(dsn, work), *checks.of_rucio(stand.dsn, work, plan.closing), *checks.of_storage(far, work)])]
    if sandbox.daemon.starts != 1:
        flaws.append(f"the daemon was started {sandbox.daemon.starts} times")
    return figures, flaws


async def until_done(reactor: Any, dsn: str, load: Load, limit_s: float, closing: bool) -> float:
    """How long it took until all that was submitted had come to its end, s; that it did not is a flaw."""
    began = reactor.seconds()
    while len(load.ids) < load.work.jobs or await deferToThread(lambda: checks.left(dsn, closing) > 0):
        if reactor.seconds() - began > limit_s:
            load.seen.flaws.append(f"not done after {limit_s:.0f} s: {checks.states(dsn, load.work)}")
            break
        await deferLater(reactor, LOOK_S)
    return round(float(reactor.seconds() - began), 1)
