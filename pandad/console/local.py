"""The console on a unix socket: one JSON object a line, both ways. `pandad console` is at the other end.

From there come ``{"line": TEXT}``, ``{"complete": TEXT}`` and ``{"cancel": true}``; from here ``hello``, then an answer
(``good``, ``text``, ``data``, ``prompt``) to each line, ``completions``, ``later`` for what a Python prompt prints afterwards,
and ``refused`` before this end hangs up.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver

from pandad import __version__, configchecks
from pandad.console import whose
from pandad.console.desk import Desk
from pandad.console.policy import Peer
from pandad.console.session import Session
from pandad.spec.errors import Conflict, Forbidden

MODE = 0o600


class LocalSession(LineOnlyReceiver):
    """One connection."""

    delimiter = b"\n"
    MAX_LENGTH = 16 << 10
    _peer: Peer | None = None
    _session: Session | None = None

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def connectionMade(self) -> None:
        """See IProtocol."""
        peer = whose.of_socket(self.transport.getHandle())  # type: ignore[union-attr]
        try:
            whose.check(peer, whose.uid_of(peer))
            self._desk.enter(self, peer)
        except (Forbidden, Conflict) as refusal:
            self._refuse(peer, str(refusal))
            return
        self._session = Session(self._desk, peer, lambda text: self._send(later=text))
        self._send(hello=f"pandad {__version__}, process {os.getpid()}; {peer.described}")

    def connectionLost(self, reason: Any = connectionDone) -> None:
        """See IProtocol: what nobody waits for any more is abandoned."""
        self._desk.leave(self)
        if self._session is not None:
            self._session.cancel()

    def lineReceived(self, line: bytes) -> None:
        """See LineOnlyReceiver."""
        if self._session is None:
            return
        try:
            said = json.loads(line)
            match said:
                case {"line": str(text)}:
                    self._session.perform(text).addCallback(lambda reply: self._send(**reply))
                case {"complete": str(text)}:
                    self._send(completions=self._session.completions(text))
                case {"cancel": True}:
                    self._session.cancel()
                case _:
                    raise ValueError("it is no message of the console")
        except (ValueError, RecursionError) as problem:
            self._send(refused=f"this is not understood: {problem}"[:200])
            self.transport.loseConnection()  # type: ignore[union-attr]

    def _refuse(self, peer: Peer, problem: str) -> None:
        Deferred.fromCoroutine(self._desk.refused(peer, problem))
        self._send(refused=problem)
        self.transport.loseConnection()  # type: ignore[union-attr]

    def _send(self, **said: Any) -> None:
        if self.transport is not None and self.connected:
            self.sendLine(json.dumps(said, default=str).encode("utf-8", "replace"))


class Place:
    """The path of the socket. One process at a time has it; another one waits."""

    log = Logger()

    def __init__(self, reactor: Any, desk: Desk, path: Path) -> None:
        self._reactor, self._path = reactor, path
        self._factory = Factory.forProtocol(lambda: LocalSession(desk))
        self._lock: int | None = None
        self._said = ""
        self._port: Any = None

    async def take(self) -> bool:
        """A loop's body: open the socket, if that is not done and can be done."""
        if self._port is None:
            try:
                self._port = self._opened()
            except (OSError, CannotListenError) as problem:
                self._complain(str(problem))
        return False

    async def leave(self) -> None:
        """Let another process have it."""
        if self._port is not None:
            port, self._port = self._port, None
            await port.stopListening()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _opened(self) -> Any:
        if (refusal := configchecks.closed_place(self._path)) is not None:
            raise OSError(refusal)
        if self._lock is None:
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise OSError(f"{self._path} is another process's; [console] socket can name one of our own") from None
            self._lock = lock
        if self._path.exists() and stat.S_ISSOCK(self._path.lstat().st_mode):
            self._path.unlink()  # of a process that was killed: who lives has the lock
        port = self._reactor.listenUNIX(str(self._path), self._factory, mode=MODE)
        self.log.info("console: on {path}", path=str(self._path))
        return port

    def _complain(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            self.log.info("no console on the unix socket for now: {problem}", problem=problem)
