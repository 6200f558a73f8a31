"""A queue at a Rucio, with all loops that bring outputs home; and a pilot's part in it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from factories import PILOT, a_file
from ruciostand import ENDPOINTS
from rucioworlds import FakeRucioWorld, RealRucioWorld
from stages import Stage
from twisted.internet.task import Clock

from pandad.dataservice import upkeep
from pandad.dataservice.activator import Activator
from pandad.dataservice.adder import Adder
from pandad.dataservice.arrivals import Arrivals
from pandad.dataservice.closer import Closer, Making
from pandad.dataservice.copies import name_of
from pandad.dataservice.datasets import Dataset, IDatasets
from pandad.dataservice.dispatch import Dispatch
from pandad.dataservice.finisher import Finisher
from pandad.dataservice.outbox import Outbox
from pandad.dataservice.registrar import Registrar
from pandad.dataservice.shipping import Shipping
from pandad.dataservice.subdatasets import Preparing
from pandad.dataserviceconfig import DataServiceConfig
from pandad.spec.file import FileSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import moves
from pandad.taskbuffer.store import Store, Transaction

World = FakeRucioWorld | RealRucioWorld

HERE, THERE = ENDPOINTS  # where pilots write, and where owners want it
OUT = Dataset("user.alice", "user.alice.out")
ROUNDS = 20  # more than anything here needs


def content(name: str) -> bytes:
    """What a payload writes."""
    return b"events of " + name.encode()


def entry(name: str, **but: Any) -> dict[str, Any]:
    """What a pilot says of it."""
    said = {"guid": "0a1b2c3d-1111-2222-3333-444455556666", "fsize": len(content(name)), "endpoint": HERE,
            "adler32": f"{zlib.adler32(content(name)):08x}"}
    return {**said, **but}


def files(destination: str | None = None, log: str | None = None, name: str = "out") -> list[FileSpec]:
    """An output, wanted somewhere, and a log."""
    return [a_file(lfn=f"{name}.root", destinationSE=destination),
            a_file(lfn=f"{name}.log.tgz", type="log", destinationSE=log)]


class Rooms:
    """The loops of one process."""

    def __init__(self, store: Store, datasets: IDatasets, ddm: Any, config: DataServiceConfig) -> None:
        policy = RetryPolicy()
        self.activator = Activator(store, ddm, config, Clock(), datasets=datasets)
        self.adder = Adder(store, ddm, config, policy, Registrar(datasets, config))
        self.arrivals = Arrivals(store, ddm, datasets, config)
        handlers = [*upkeep.handlers(datasets), Making(datasets), Preparing(datasets),
                    Dispatch(store, datasets, config), Shipping(store, datasets, config, policy)]
        self.outbox = Outbox(store, handlers, config)
        self.finisher = Finisher(store, datasets, config)
        self.closer = Closer(store, config, active=True)

    async def round(self) -> None:
        """One of each."""
        for loop in (self.activator, self.adder, self.outbox, self.arrivals, self.finisher, self.closer):
            await loop.run_once()


class Home:
    """Jobs, and what becomes of their outputs."""

    def __init__(self, stage: Stage, world: World, **but: Any) -> None:
        self.stage, self.world = stage, world
        self.config = DataServiceConfig(**{"missing_retry_s": 1, "dataset_close_s": 0, "dataset_erase_s": 1000, **but})
        self.rooms = Rooms(stage.store, world.datasets, world.ddm, self.config)

    async def open(self) -> None:
        """The queue."""
        await self.stage.queue(astorages={"pr": [HERE], "pw": [HERE]})

    async def running(self, outputs: Sequence[FileSpec], **but: Any) -> int:
        """A job that a pilot runs."""
        panda_id = await self.stage.job(JobStatus.ASSIGNED, Files=list(outputs), **but)
        for _ in range(2):
            await self.rooms.activator.run_once()
            await self.rooms.outbox.run_once()
        await self.stage.claim()
        assert await self.stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
        return panda_id

    async def reported(self, outputs: Sequence[FileSpec], said: Mapping[str, Any] | None = None,
                       status: JobStatus = JobStatus.FINISHED, **but: Any) -> int:
        """A job whose pilot has written all its files, and says so, or something else."""
        panda_id = await self.running(outputs, **but)
        await self.ended(panda_id, outputs, said, status)
        return panda_id

    async def ended(self, panda_id: int, outputs: Sequence[FileSpec], said: Mapping[str, Any] | None = None,
                    status: JobStatus = JobStatus.FINISHED) -> None:
        """Its pilot has written all files, and says so, or something else."""
        for file in outputs:
            self.world.written(HERE, name_of(file), content(file.lfn or ""))
        await self.said(panda_id, {f.lfn or "": entry(f.lfn or "") for f in outputs} if said is None else said, status)

    async def said(self, panda_id: int, said: Mapping[str, Any], status: JobStatus = JobStatus.FINISHED) -> None:
        """The last word of its pilot."""
        await self.stage.store.transact("t", report, panda_id, status, json.dumps(said))

    async def due(self) -> None:
        """As if all pauses were over."""
        await self.stage.due()
        for table, column in (("errand", "due"), ("shipment", "nextcheck"), ("dataset", "nextcheck")):
            await self.stage.sql(f"UPDATE {table} SET {column} = now() RETURNING 1")

    async def rounds(self, count: int = ROUNDS) -> None:
        """Rounds of all loops, without their pauses."""
        for _ in range(count):
            await self.due()
            await self.rooms.round()

    async def held(self, dataset: Dataset = OUT) -> set[str]:
        """What is in a dataset."""
        return {file.name.lfn for file in await self.world.datasets.contents(dataset)}

    async def at(self, endpoint: str, outputs: Sequence[FileSpec]) -> set[str]:
        """Which of these are known to be there."""
        return {name.lfn for name in await self.world.ddm.replicas(endpoint, [name_of(f) for f in outputs])}

    async def shipments(self) -> list[Dataset]:
        """Those under way."""
        return [Dataset(*row) for row in await self.stage.sql("SELECT scope, name FROM shipment ORDER BY id")]

    async def left(self) -> list[tuple[Any, ...]]:
        """What is still to be done outside."""
        return [tuple(row) for row in await self.stage.sql("SELECT kind, key, tries, error FROM errand ORDER BY id")]


async def report(txn: Transaction, panda_id: int, status: JobStatus, text: str) -> None:
    change = moves.Change(panda_id, {"reportedstatus": status}, report=text)
    assert await moves.move(txn, Event.REPORTED, [change], actor=Actor.PILOT, who=PILOT.subject)
