"""A PostgreSQL of one's own below one directory: made, started, watched, restarted and stopped by this
process.

For the sandbox, the demo and the tests; a site uses its distribution's PostgreSQL. It listens on one private
Unix socket and never on TCP, so it cannot meet another PostgreSQL. If this process dies, PostgreSQL shuts
down cleanly by itself; if PostgreSQL dies, it is started again; the next start on the same directory recovers
from either.
"""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from signal import SIGINT, SIGQUIT
from typing import Any, Literal
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from pandad.embedded import layout as layouts
from pandad.embedded.account import Account, choose_account
from pandad.embedded.binaries import pg_bin_dir, reachable_bin_dir
from pandad.embedded.errors import BinariesMissing, DirectoryInUse, PostgresError
from pandad.embedded.leftovers import clear_leftovers, postmaster_pid
from pandad.embedded.lock import DirectoryLock
from pandad.embedded.process import Child, Launcher

__all__ = ["BinariesMissing", "DirectoryInUse", "EmbeddedPostgres", "PostgresError", "pg_bin_dir"]

USER = "pandad"
DATABASE = "pandad"
READY_POLL_S = 0.02
START_LIMIT_S = 300.0
"""Recovery after a crash replays at most some GB of log; longer than this it is not starting."""
STOP_LIMIT_S = 60.0
"""For a fast shutdown; then it is stopped at once, which costs a recovery at the next start and no data."""
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
LOG_TAIL_LINES = 20
LOG_LIMIT_BYTES = 16_000_000

log = Logger()


class EmbeddedPostgres:
    """One PostgreSQL in `directory` (made if missing).

    `settings` are PostgreSQL's own, as on its command line (``{"fsync": "off"}`` for tests). As root
    PostgreSQL runs as the owner of existing data, else as `account`, else as the first of account.CANDIDATES.
    `on_exit` is told of every exit that nobody asked for; with `restart` (the default) PostgreSQL is started
    again, after a growing delay.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        account: str | None = None,
        restart: bool = True,
        on_exit: Callable[[PostgresError], object] | None = None,
    ) -> None:
        self._reactor = reactor
        self._directory = directory.absolute()
        self._settings = dict(settings or {})
        self._account_name = account
        self._restart = restart
        self._on_exit = on_exit
        self._lock = DirectoryLock(self._directory / "lock")
        self._layout: layouts.Layout | None = None
        self._launcher: Launcher | None = None
        self._bin: Path | None = None
        self._child: Child | None = None
        self._wanted = False
        self._retry: Any = None
        self._retry_delay_s = FIRST_RETRY_S

    @property
    def dsn(self) -> str:
        """A libpq connection string of the form ``host=... port=... user=... dbname=...``. Known once
        started, and the same after every restart on the same directory."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        host = _quoted(str(self._planned.socket))
        return f"host={host} port={layouts.PORT} user={USER} dbname={_quoted(database)}"

    def url_of(self, database: str, scheme: str) -> str:
        """The same as a URL, for programs that want one."""
        return f"{scheme}://{USER}@/{database}?host={quote(str(self._planned.socket))}&port={layouts.PORT}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, None while it does not run."""
        return self._child.pid if self._child and self._child.ending is None else None

    @property
    def log_file(self) -> Path:
        return self._directory / "log"

    async def start(self) -> None:
        """Return when connections are accepted and the database exists.

        Raises BinariesMissing, DirectoryInUse or another PostgresError; then nothing is left running."""
        account = choose_account(self._directory / "data", self._account_name)
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._lock.take()
        self._wanted = True
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.stop, "immediate")
            await self._prepare(account)
            await self._launch()
            await self.create_database(DATABASE)
            undo.pop_all()

    async def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Return when PostgreSQL is gone. ``fast`` ends sessions and writes everything out; ``immediate`` is
        a crash as far as the data is concerned: nothing committed is lost, the next start recovers. May be
        called at any time."""
        self._wanted = False
        if self._retry and self._retry.active():
            self._retry.cancel()
        if self._child:
            self._child.signal(SIGINT if mode == "fast" else SIGQUIT)
            insist = self._reactor.callLater(STOP_LIMIT_S, self._child.signal, SIGQUIT)
            await self._child.ended()
            if insist.active():
                insist.cancel()
        if self._layout:
            layouts.unmake(self._layout)
        self._lock.release()

    async def create_database(self, name: str) -> None:
        """Make the database unless it exists."""
        listed = await self._client("psql", "--list", "--no-psqlrc", "--tuples-only", "--no-align")
        if name not in {line.split("|", 1)[0] for line in listed.splitlines()}:
            await self._client("createdb", name)

    async def _client(self, program: str, *arguments: str) -> str:
        assert self._launcher and self._bin
        where = ["-h", str(self._planned.socket), "-p", str(layouts.PORT), "-U", USER]
        return await self._launcher.run([str(self._bin / program), *where, *arguments], self._planned.data)

    @property
    def _planned(self) -> layouts.Layout:
        if self._layout is None:
            raise PostgresError("this PostgreSQL was not started")
        return self._layout

    async def _prepare(self, account: Account) -> None:
        """Everything up to the point where PostgreSQL can be started: binaries, directories, data."""
        layout = self._layout = layouts.plan(self._directory, account)
        self._launcher = Launcher(self._reactor, account)
        layouts.make(layout, account)
        pool = self._reactor.getThreadPool()
        self._bin = await deferToThreadPool(self._reactor, pool, reachable_bin_dir, account, layout.runtime)
        if not layout.data.exists():
            await self._initialise(account)

    async def _initialise(self, account: Account) -> None:
        """Make the data directory under another name first: a data directory that exists is a whole one."""
        assert self._launcher and self._bin
        layout = self._planned
        shutil.rmtree(layout.new_data, ignore_errors=True)
        layout.new_data.mkdir(mode=0o700)
        account.give(layout.new_data)
        where = layout.data_argument or str(layout.new_data)
        options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        if self._settings.get("fsync") == "off":
            options.append("--no-sync")
        await self._launcher.run([str(self._bin / "initdb"), "-D", where, *options], layout.new_data)
        layout.new_data.rename(layout.data)

    async def _launch(self) -> None:
        assert self._launcher
        layout = self._planned
        await clear_leftovers(self._reactor, layout.data)
        if not self._wanted:
            raise PostgresError("stopped while it was starting")
        # Nobody runs here, so a lock file beside the socket is stale, and its process id may be somebody
        # else's by now.
        (layout.socket / f".s.PGSQL.{layouts.PORT}.lock").unlink(missing_ok=True)
        _rotate(layout.log)
        child = self._child = self._launcher.spawn_postmaster(self._command(), layout.data, layout.log)
        await self._ready(child)
        child.ended().addCallback(self._ended, self._reactor.seconds())

    def _command(self) -> list[str]:
        assert self._bin
        layout = self._planned
        command = [str(self._bin / "postgres"), "-D", layout.data_argument or str(layout.data)]
        ours = {
            "listen_addresses": "",
            "port": str(layouts.PORT),
            "unix_socket_directories": '"' + str(layout.socket).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "log_destination": "stderr",
            "logging_collector": "off",
        }
        for name, value in {**self._settings, **ours}.items():
            command += ["-c", f"{name}={value}"]
        return command

    async def _ready(self, child: Child) -> None:
        """Wait for the status that the postmaster writes into its pid file when it begins to accept
        connections."""
        deadline = self._reactor.seconds() + START_LIMIT_S
        while not _accepts(self._planned.data, child.pid):
            if child.ending is None and self._reactor.seconds() > deadline:
                child.signal(SIGQUIT)
                await child.ended()
            if child.ending is not None:
                raise self._error("did not start", child.ending)
            await deferLater(self._reactor, READY_POLL_S)

    def _ended(self, ending: str, started_s: float) -> None:
        if not self._wanted:
            return
        error = self._error("stopped unasked", ending)
        log.error("{error}", error=error)
        if self._on_exit:
            self._on_exit(error)
        if self._reactor.seconds() - started_s > LAST_RETRY_S:
            self._retry_delay_s = FIRST_RETRY_S
        self._retry_later()

    def _retry_later(self) -> None:
        if self._restart and self._wanted:
            self._retry = self._reactor.callLater(self._retry_delay_s, self._try_again)
            self._retry_delay_s = min(2 * self._retry_delay_s, LAST_RETRY_S)

    def _try_again(self) -> None:
        Deferred.fromCoroutine(self._launch()).addErrback(self._start_failed)

    def _start_failed(self, failure: Any) -> None:
        failure.trap(PostgresError, OSError)  # OSError: a full disk, too many processes
        log.error("{error}", error=failure.value)
        self._retry_later()

    def _error(self, what: str, ending: str) -> PostgresError:
        return PostgresError(f"PostgreSQL in {self._directory} {what}: {ending}", _tail(self._planned.log))


def _accepts(data: Path, pid: int) -> bool:
    """Whether the postmaster `pid` serves, be it for reads only as a standby. Line 8 of postmaster.pid is its
    status, padded with blanks (PostgreSQL: src/include/utils/pidfile.h)."""
    if postmaster_pid(data) != pid:
        return False
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() in ("ready", "standby")


def _rotate(file: Path) -> None:
    if file.exists() and file.stat().st_size > LOG_LIMIT_BYTES:
        file.rename(file.with_suffix(".1"))


def _tail(file: Path) -> tuple[str, ...]:
    try:
        with file.open(errors="replace") as lines:
            return tuple(line.rstrip("\n") for line in deque(lines, LOG_TAIL_LINES))
    except FileNotFoundError:
        return ()


def _quoted(value: str) -> str:
    """A value in a libpq connection string; bare where that is unambiguous, so that it can stand in a shell
    script."""
    if re.fullmatch(r"[\w./-]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
