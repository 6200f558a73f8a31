"""The database's disk fills up under load: that of the data, that of the log, or both; and is freed again."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres, PostgresError
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer.pool import ConnectionLost, connect

from .campaign import Campaign, settled
from .crowd import Crowd, Habits
from .disks import Disk
from .manners import dropped, tracebacks
from .stand import Stand
from .wire import Client, NoAnswer, Request

LOAD_S = (0.3, 1.0)     # before it strikes
FULL_S = (1.0, 3.0)
TOP_UP_S = 0.05
RESTART_S = 1.0         # of PostgreSQL, as a unit of systemd with Restart=always and RestartSec=1
READ_PAUSE_S = 0.02
READ_IDS = 20
DATA_BYTES, WAL_BYTES = 384 << 20, 96 << 20
# No segment of the log is used again, so that each needs room.
SETTINGS = {"max_wal_size": "48MB", "min_wal_size": "32MB", "wal_recycle": "off"}
NO_ROOM, PANIC = "No space left on device", "PANIC:"
NEW_SEGMENT = "SELECT pg_switch_wal()"


class SmallDisks(Stand):
    """A stand whose database has its data on one small disk and its write-ahead log on another."""

    def __init__(self, reactor: Any, directory: Path, daemons: int) -> None:
        super().__init__(reactor, directory, daemons)
        self.postgres = EmbeddedPostgres(reactor, directory / "postgres", settings=SETTINGS, restart=False,
                                         on_exit=lambda _: self._start_again())
        self.data, self.log = Disk(directory / "disk-data", DATA_BYTES), Disk(directory / "disk-log", WAL_BYTES)
        self._stopping = False
        self._starting: Deferred[None] | None = None

    def said(self, words: str) -> int:
        """How often PostgreSQL's log has them."""
        return self.postgres.log_file.read_text("utf-8", "replace").count(words)

    async def start_database(self) -> None:
        """With all that grows on the small disks."""
        await super().start_database()
        for disk in (self.data, self.log):
            disk.mount()
        await self._move_data()
        await self.postgres.stop()
        self._move_log()
        await self.postgres.start()

    async def stop_database(self) -> None:
        """What was on the disks stays."""
        self._stopping = True
        if self._starting is not None:
            await self._starting
        await super().stop_database()
        for disk in (self.data, self.log):
            disk.unmount()

    async def _move_data(self) -> None:
        place = self.data.path / "tablespace"
        place.mkdir(mode=0o700)
        self._give(place)
        link = await connect(self._reactor, DatabaseConfig(dsn=self.postgres.dsn_of("postgres")), "faults")
        try:
            await link.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            await link.execute("ALTER DATABASE pandad SET TABLESPACE small")
        finally:
            link.close()

    def _move_log(self) -> None:
        old, new = self._cluster / "pg_wal", self.log.path / "pg_wal"
        shutil.copytree(old, new)
        for path in (new, *new.rglob("*")):
            self._give(path)
        shutil.rmtree(old)
        old.symlink_to(new)

    @property
    def _cluster(self) -> Path:
        return self.directory / "postgres" / "data"

    def _give(self, path: Path) -> None:
        """To the account that PostgreSQL runs as."""
        owner = self._cluster.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

    def _start_again(self) -> None:
        """PostgreSQL ended: it is started until it runs, as a supervisor does."""
        if not self._stopping:
            self._reactor.callLater(RESTART_S, self._try)

    def _try(self) -> None:
        if not self._stopping:
            self._starting = Deferred.fromCoroutine(self._attempt())

    async def _attempt(self) -> None:
        await self.postgres.stop()
        try:
            await self.postgres.start()
        except (PostgresError, OSError):
            self._start_again()


class DiskFull(Campaign):
    """A disk of the database is full for seconds, and then no more; nobody does anything but start PostgreSQL if it ended."""

    name, cycles, jobs_per_cycle = "diskfull", 10, 80
    habits = Habits(patience_s=20.0)  # a daemon may wait for a link, and then for a session that does not open
    stand: SmallDisks

    def build(self, directory: Path) -> SmallDisks:
        """Two small disks."""
        return SmallDisks(self._reactor, directory, self.daemons)

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """Fill, hold, free, and wait until every daemon stores again. Questions are asked all the time."""
        pids = [daemon.pid for daemon in self.stand.daemons]
        reader = asyncio.ensure_future(self._read(crowd, Random(dice.random())))
        await asyncio.sleep(dice.uniform(*LOAD_S))
        kinds: Sequence[tuple[Disk, ...]] = ((self.stand.data,), (self.stand.log,), (self.stand.data, self.stand.log))
        await self._full(dice.choice(kinds), dice.uniform(*FULL_S))
        self._note(serving_s=round(await crowd.served(), 1))
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled(), "nobody asked any more"
        assert [daemon.pid for daemon in self.stand.daemons] == pids, "a daemon did not outlive the full disk"
        self._note(refusals=self.stand.said(NO_ROOM), panics=self.stand.said(PANIC))
        return 1

    async def complaints(self, crowd: Crowd, after: int) -> list[str]:
        """Calls without an answer, and tracebacks."""
        return [*dropped(crowd.history), *tracebacks(self.stand.logs)]

    async def _full(self, disks: Sequence[Disk], for_s: float) -> None:
        until = time.monotonic() + for_s
        while time.monotonic() < until:
            for disk in disks:
                disk.fill()
            if self.stand.log in disks:
                await self._use_up_segment()
            await asyncio.sleep(TOP_UP_S)
        for disk in disks:
            disk.free()

    async def _use_up_segment(self) -> None:
        """The next word in the log needs a new file."""
        try:
            link = await settled(connect(self._reactor, self.stand.database, "faults"))
        except StoreUnavailable:
            return
        try:
            await settled(link.execute(NEW_SEGMENT))
        except (StoreUnavailable, ConnectionLost):
            pass
        finally:
            link.close()

    async def _read(self, crowd: Crowd, dice: Random) -> None:
        """Somebody looks at jobs on the ports that only answer questions."""
        clients = [Client(door, self.habits.patience_s) for door in self.stand.passive]
        try:
            while True:
                ids = [i for submission in crowd.history.submissions[-READ_IDS:] for i in submission.ids or ()] or [1]
                body = "ids=" + ",".join(map(str, ids[-READ_IDS:]))
                asked = Request("/server/panda/getStatus", body.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
                try:
                    outcome = f"HTTP {(await dice.choice(clients).call(asked)).status}"
                except NoAnswer:
                    outcome = "no answer"
                crowd.history.outcomes["read", outcome] += 1
                await asyncio.sleep(READ_PAUSE_S)
        finally:
            for client in clients:
                client.hang_up()

