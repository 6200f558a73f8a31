"""Two PostgreSQLs: a primary and its synchronous standby, which takes over; then a new standby is made in the old one's place."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from pandad.config import DatabaseConfig
from pandad.embedded.account import Account
from pandad.embedded.leftovers import processes_in
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.taskbuffer.pool import Link, connect

from .stand import Stand

# A standby that comes a little later still finds the log that it needs.
SETTINGS = {"wal_keep_size": "256MB", "wal_retrieve_retry_interval": "100ms"}
PROMOTION_LIMIT_S = 60
SYNC_LIMIT_S = 60.0
POLL_S = 0.02

PROMOTE = f"SELECT pg_promote(true, {PROMOTION_LIMIT_S})"
WANT_SYNC = "ALTER SYSTEM SET synchronous_standby_names = '*'"
RELOAD = "SELECT pg_reload_conf()"
IS_SYNC = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
SETTLE = "CHECKPOINT"
NOW = "SELECT pg_current_wal_insert_lsn()::text"
REACHED = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND flush_lsn >= %(lsn)s::pg_lsn"


class NoStandby(Exception):
    """The standby did not follow, or did not take over."""


class Member(EmbeddedPostgres):
    """One of the two. Its data are made as a copy of `source` (a DSN) if that is set."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        super().__init__(reactor, directory, settings=SETTINGS, restart=False)
        self.data = directory / "data"
        self.source: str | None = None

    def freeze(self) -> None:
        """None of its processes does anything any more; connections to it stay."""
        self._tell(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on, if it was frozen."""
        self._tell(signal.SIGCONT)

    async def bury(self) -> None:
        """End it at once, frozen or not, and remove what it had."""
        stopped = Deferred.fromCoroutine(self.stop("immediate"))
        self.thaw()
        await stopped
        shutil.rmtree(self.data)

    def _tell(self, number: int) -> None:
        for pid in processes_in(self.data):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    async def _initialise(self, account: Account) -> None:
        if self.source is None:
            await super()._initialise(account)
            return
        assert self._launcher and self._bin
        new = self._planned.new_data
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        account.give(new)
        copy = ["-d", self.source, "-D", str(new), "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream"]
        await self._launcher.run([str(self._bin / "pg_basebackup"), *copy], new)
        new.rename(self.data)


class Pair(Stand):
    """`postgres` is the one that is written to. The daemons know both, and look for the one that takes writes."""

    # So that a session that hangs on a frozen server is given up within a campaign.
    database_settings = "statement_timeout_s = 2\nconnect_timeout_s = 1"

    def __init__(self, reactor: Any, directory: Path, daemons: int) -> None:
        super().__init__(reactor, directory, daemons)
        self._members = [Member(reactor, directory / name) for name in ("a", "b")]
        self.primary, self.standby = self._members
        self.postgres = self.primary

    @property
    def dsn(self) -> str:
        """Both, in an order that stays."""
        words = [dict(word.split("=", 1) for word in member.dsn.split()) for member in self._members]
        both = {name: ",".join(dict.fromkeys(each[name] for each in words)) for name in ("user", "dbname")}
        both |= {name: ",".join(each[name] for each in words) for name in ("host", "port")}
        return " ".join(f"{name}={value}" for name, value in {**both, **TARGET}.items())

    async def start_database(self) -> None:
        """A primary, and its standby in step with it."""
        await self.primary.start()
        await self.follow()

    async def stop_database(self) -> None:
        """Both."""
        for member in self._members:
            stopped = Deferred.fromCoroutine(member.stop("immediate"))
            member.thaw()
            await stopped

    async def take_over(self) -> None:
        """The standby becomes the primary, alone for now; nobody waits for a standby. `standby` is what was the primary.

        :raise NoStandby: it did not in time.
        """
        link = await self._link(self.standby)
        try:
            ((promoted,),), _ = await link.execute(PROMOTE)
        finally:
            link.close()
        if not promoted:
            raise NoStandby(f"not promoted within {PROMOTION_LIMIT_S} s")
        self.primary, self.standby = self.standby, self.primary
        self.postgres = self.primary

    async def follow(self) -> None:
        """Make a standby of the primary as it is now; from the return on nothing is acknowledged that the standby has not.

        :raise NoStandby: it does not keep up.
        """
        self.standby.source = self.primary.dsn
        await self.standby.start()
        link = await self._link(self.primary)
        try:
            await link.execute(WANT_SYNC)
            await link.execute(RELOAD)
            await self._reached(link, IS_SYNC)
            # The checkpointer tells the sessions whom to wait for: once it made a checkpoint it has read the settings.
            await link.execute(SETTLE)
            ((lsn,),), _ = await link.execute(NOW)
            await self._reached(link, REACHED, lsn=lsn)
        finally:
            link.close()

    async def _reached(self, link: Link, question: str, **parameters: object) -> None:
        began = self._reactor.seconds()
        while (await link.execute(question, parameters or None))[0] == [(0,)]:
            if self._reactor.seconds() - began > SYNC_LIMIT_S:
                raise NoStandby(f"not in step within {SYNC_LIMIT_S:g} s")
            await deferLater(self._reactor, POLL_S)

    async def _link(self, member: Member) -> Link:
        return await connect(self._reactor, DatabaseConfig(dsn=member.dsn, statement_timeout_s=2 * PROMOTION_LIMIT_S), "faults")


TARGET = {"target_session_attrs": "read-write", "load_balance_hosts": "random"}
