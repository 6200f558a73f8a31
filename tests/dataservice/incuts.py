"""Inputs on their way to a queue, and a cut somewhere: between any two statements, or before or after any call to Rucio."""

from __future__ import annotations

import itertools
import zlib
from typing import Any

from factories import a_file
from stages import Stage

from pandad.config import DatabaseConfig
from pandad.dataservice.ddm import FileName
from pandad.spec.jobstatus import Event, JobStatus
from pandad.taskbuffer.store import Store

from .cuts import Case, Life, Process, all_cases
from .homecoming import HERE, THERE, World

CONTENT = b"some events"
_numbers = itertools.count(1)


class InLife(Life):
    """Three jobs that share files which their queue misses."""

    async def lead(self) -> list[str]:
        """Until all are activated; what is wrong then."""
        number = next(_numbers)
        self.names = [FileName("user.alice", f"in{number}.{part}") for part in range(4)]
        self.process = Process(self.database, self.world, self.scalpel)
        self.before = set(self.world.known().datasets)
        try:
            for name in self.names:
                self.world.put(THERE, name, CONTENT)
            self.jobs = [await self._job(*some) for some in (self.names[:2], self.names[1:3], self.names)]
            await self._under_the_knife(self._is_quiet)
            return await self._flaws()
        finally:
            self.scalpel.awake = False
            self.process.store.abandon()
            await self.process.session.close()
            await self.stage.sql("TRUNCATE job, job_event, errand, dataset, placement CASCADE; SELECT 1")

    async def _job(self, *names: FileName) -> int:
        files = [a_file(lfn=name.lfn, scope=name.scope, type="input", destinationSE=None) for name in names]
        return await self.stage.job(JobStatus.ASSIGNED, Files=files)

    async def _hurry(self) -> None:
        await super()._hurry()
        await self.stage.sql("UPDATE placement SET nextcheck = now() WHERE status <> 'there' RETURNING 1")

    async def _is_quiet(self) -> bool:
        open_ones = await self.stage.sql("SELECT 1 FROM errand UNION ALL SELECT 1 FROM placement WHERE status <> 'there'")
        return await self._are_activated() and not open_ones

    async def _flaws(self) -> list[str]:
        """Against what a life without a cut leaves."""
        known = self.world.known()
        mine = {name: files for name, files in known.datasets.items() if name not in self.before}
        rules = [(name, endpoint) for name, endpoint in known.rules if name in mine]
        wanted = sorted((name.scope, name.lfn) for name in self.names)
        expected: dict[str, tuple[Any, Any]] = {
            "brought": (sorted(file for files in mine.values() for file in files), wanted),
            "open": (known.open & set(mine), set()),
            "rules": (sorted(rules), sorted((name, HERE) for name in mine)),
            "here": ([name for name in known.copies[HERE] if name in wanted], wanted),
            "placements": (await self.stage.sql("SELECT count(*) FROM placement"), [(len(mine),)]),
            "files": (sorted(await self.stage.sql("SELECT scope, lfn FROM placement_file")), wanted),
            "activated": ([(await self.stage.events(job)).count(Event.INPUT_READY) for job in self.jobs], [1] * 3),
            "checksums": ({f.checksum for job in self.jobs for f in (await self.stage.look(job)).inputs},
                          {f"ad:{zlib.adler32(CONTENT):08x}"})}
        return [f"{what} {seen}, and not {wanted}" for what, (seen, wanted) in expected.items() if seen != wanted]


async def in_cases(database: DatabaseConfig, world: World, store: Store) -> list[Case]:
    """Every border, with every kind of cut."""
    return await all_cases(lambda scalpel: InLife(database, world, Stage(store), scalpel))
