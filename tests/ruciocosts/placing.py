"""What pre-placement costs: calls per job, transfers per file, and how long the reactor stands still while jobs are activated."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factories import a_file, a_job, a_queue
from stages import Stage

from pandad import metrics
from pandad.config import DatabaseConfig
from pandad.dataservice import upkeep
from pandad.dataservice.activator import Activator
from pandad.dataservice.arrivals import Arrivals
from pandad.dataservice.ddm import FileName
from pandad.dataservice.dispatch import Dispatch
from pandad.dataservice.outbox import Outbox
from pandad.dataservice.rucio.datasets import RucioDatasets
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.session import Call, Session
from pandad.dataserviceconfig import DataServiceConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import migrate, sites
from pandad.taskbuffer.store import Store
from ruciocosts.away import name
from ruciocosts.ticker import Ticker

HERE = "SITE_1_DATADISK"


@dataclass(frozen=True)
class Load:
    """``each``: input files of a job, of so many in all."""

    jobs: int
    files: int
    each: int

    def specs(self) -> Iterator[JobSpec]:
        """Each job with its share, one after the other."""
        for number in range(self.jobs):
            mine = [(number * self.each + n) % self.files for n in range(self.each)]
            inputs = [a_file(lfn=name(n), scope="user.alice", type="input", destinationSE=None) for n in mine]
            yield a_job(jobStatus=JobStatus.ASSIGNED, Files=inputs)


LOADS = (Load(1000, 200, 200), Load(1000, 200, 10), Load(50, 10_000, 200), Load(1, 10_000, 10_000))


class Placing:
    """A database, and the loops in front of a Rucio whose SITE_0 has all files."""

    def __init__(self, reactor: Any, store: Store, session: Session) -> None:
        config, ddm = DataServiceConfig(), RucioDDM(session)
        datasets = RucioDatasets(session, ddm)
        self.reactor, self.stage, self.session = reactor, Stage(store), session
        self.activator = Activator(store, ddm, config, reactor, datasets=datasets)
        self.outbox = Outbox(store, [*upkeep.handlers(datasets), Dispatch(store, datasets, config)], config)
        self.arrivals = Arrivals(store, ddm, datasets, config)

    async def run(self, load: Load) -> None:
        """From assigned to activated; a line for each part."""
        specs = list(load.specs())
        for start in range(0, len(specs), 100):
            await self.stage.jobs(*specs[start:start + 100])
        asking = await self._timed("ask for what is missing", load, self._until_done(self.activator.run_once))
        making = await self._timed("make datasets and rules", load, self._until_done(self.outbox.run_once))
        ((placements, brought),) = await self.stage.sql("SELECT count(*), sum(files) FROM placement")
        await self._arrive([FileName("user.alice", name(n)) for n in range(load.files)])
        polling = await self._timed("look at the rules", load, self._until_done(self.arrivals.run_once))
        activating = await self._timed("activate", load, self._until_done(self.activator.run_once))
        ((activated,),) = await self.stage.sql("SELECT count(*) FROM job WHERE jobstatus = 'activated'")
        calls = asking + making + polling + activating
        _say(what="in all", jobs=load.jobs, files=load.files, files_of_job=load.each, activated=activated, rules=placements,
             transfers=int(brought), calls=calls, calls_per_job=round(calls / load.jobs, 3))
        await self.stage.sql("TRUNCATE job, placement, errand CASCADE; SELECT 1")
        for start in range(0, load.files, 1000):
            files = [{"scope": "user.alice", "name": name(n), "state": "D"} for n in range(start, min(start + 1000, load.files))]
            await self.session.do(Call("PUT", "/replicas", "copies", {"rse": HERE, "files": files}))

    async def _arrive(self, names: Sequence[FileName]) -> None:
        for start in range(0, len(names), 1000):
            files = [{"scope": n.scope, "name": n.lfn, "state": "A"} for n in names[start:start + 1000]]
            await self.session.do(Call("PUT", "/replicas", "copies", {"rse": HERE, "files": files}))

    async def _until_done(self, body: Callable[[], Awaitable[bool]]) -> None:
        while await body():
            pass

    async def _timed(self, what: str, load: Load, work: Awaitable[None]) -> int:
        ticker, calls, started_s = Ticker(self.reactor), metrics.RUCIO_CALLS.values[()], time.monotonic()
        cpu_s = time.process_time()
        await work
        took_s, cpu_s = time.monotonic() - started_s, time.process_time() - cpu_s
        ticker.stop()
        made = int(metrics.RUCIO_CALLS.values[()] - calls)
        _say(what=what, jobs=load.jobs, files=load.files, files_of_job=load.each, calls=made, seconds=round(took_s, 2),
             cpu_seconds=round(cpu_s, 2), longest_stall_ms=round(1000 * ticker.longest_s, 1),
             longest_stall_cpu_ms=round(1000 * ticker.longest_cpu_s, 1))
        return made


def _say(**measured: object) -> None:
    print(json.dumps({"measure": "placing", **measured}), flush=True)


async def place(reactor: Any, folder: Path, session: Session) -> None:
    """All of it, on a database of its own."""
    postgres = EmbeddedPostgres(reactor, folder / "placing", settings={"fsync": "off", "synchronous_commit": "off"})
    await postgres.start()
    store = Store(reactor, DatabaseConfig(dsn=postgres.dsn))
    try:
        await store.transact("upgrade", migrate.upgrade)
        await store.transact("queue", sites.put, a_queue(astorages={"pr": [HERE], "pw": [HERE]}), "test")
        gc.collect()  # as the daemon does
        gc.freeze()
        gc.set_threshold(20_000)
        for load in LOADS:
            await Placing(reactor, store, session).run(load)
    finally:
        await store.close()
        await postgres.stop()
