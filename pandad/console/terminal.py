"""The console on a terminal that this end draws: line editing, history, completion, Ctrl-C. For SSH and telnet."""

from __future__ import annotations

import os.path
from collections.abc import Callable
from typing import Any

from twisted.conch.recvline import HistoricRecvLine
from twisted.internet.protocol import connectionDone

from pandad import __version__
from pandad.console.desk import Desk
from pandad.console.language import LONGEST
from pandad.console.policy import Peer
from pandad.console.session import Session
from pandad.spec.errors import Conflict, Forbidden

CTRL_C, CTRL_D, CTRL_L, CTRL_U = b"\x03", b"\x04", b"\x0c", b"\x15"
MOST_HISTORY = 500
LEAVE = ("quit", "logout")
IDLE_S = 3600  # then it is taken for forgotten


class Terminal(HistoricRecvLine):
    """One terminal.

    :param whose: who is there, asked when the connection is made. :raise Forbidden: (by it) nobody who may be.
    """

    _session: Session | None = None
    _alarm: Any = None
    _waits = False  # for an answer

    def __init__(self, reactor: Any, desk: Desk, whose: Callable[[Any], Peer]) -> None:
        self._ahead: list[tuple[Any, Any]] = []
        self._reactor, self._desk, self._whose = reactor, desk, whose

    def connectionMade(self) -> None:
        """See IProtocol."""
        try:
            peer = self._whose(self.terminal.transport)
            self._desk.enter(self, peer)
        except (Forbidden, Conflict) as refusal:
            self.keyHandlers: dict[bytes, Callable[[], None]] = {}
            self.terminal.write(f"{refusal}\r\n".encode())
            self.terminal.loseConnection()
            return
        self._session = Session(self._desk, peer, self._write)
        self._greeting = f"pandad {__version__}; {peer.described}. Write help; quit ends it."
        super().connectionMade()
        self.keyHandlers |= {CTRL_C: self._interrupt, CTRL_D: self._end, CTRL_L: self._redraw, CTRL_U: self._clear}
        self._heard()

    def initializeScreen(self) -> None:
        """See RecvLine, which would clear the whole screen."""
        self.setInsertMode()
        self._write(self._greeting)
        self._prompt()

    def connectionLost(self, reason: Any = connectionDone) -> None:
        """See IProtocol."""
        self._desk.leave(self)
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        if self._session is not None:
            self._session.cancel()

    def keystrokeReceived(self, keyID: Any, modifier: Any) -> None:
        """See RecvLine. What is typed while a line is worked on is kept for later, but for Ctrl-C."""
        if self._session is None:
            return
        self._heard()
        if self._waits and keyID != CTRL_C:
            if len(self._ahead) < LONGEST:
                self._ahead.append((keyID, modifier))
        else:
            super().keystrokeReceived(keyID, modifier)

    def characterReceived(self, ch: bytes, moreCharactersComing: bool) -> None:
        """See RecvLine; a line has an end somewhere."""
        if len(self.lineBuffer) < LONGEST:
            super().characterReceived(ch, moreCharactersComing)

    def lineReceived(self, line: bytes) -> None:
        """See RecvLine."""
        del self.historyLines[:-MOST_HISTORY]
        self.historyPosition = len(self.historyLines)
        text = line.decode("utf-8", "replace").strip()
        if text in LEAVE:
            self._end()
        elif not text and self._session is not None and not self._session.in_python:
            self._prompt()
        elif self._session is not None:
            self._waits = True
            self._session.perform(text).addCallback(self._answered)

    def handle_TAB(self) -> None:
        """Complete what is written, as far as that is clear; else show what it may become."""
        beginning = b"".join(self.lineBuffer).decode("utf-8", "replace")
        found = self._session.completions(beginning) if self._session is not None else []
        if not found or self.lineBufferIndex != len(self.lineBuffer):
            return
        more = os.path.commonprefix(found)[len(beginning):] + (" " if len(found) == 1 and not found[0].endswith("=") else "")
        for character in more.encode():
            self.characterReceived(bytes([character]), False)
        if not more:
            self.terminal.nextLine()
            self._write("  ".join(found))
            self.drawInputLine()

    def _answered(self, reply: dict[str, Any]) -> None:
        if reply["text"]:
            self._write(reply["text"])
        self._waits = False
        self._prompt()
        ahead, self._ahead = self._ahead, []
        for key in ahead:
            self.keystrokeReceived(*key)

    def _write(self, text: str) -> None:
        self.terminal.write(text.replace("\n", "\r\n").encode("utf-8", "replace") + b"\r\n")

    def _prompt(self) -> None:
        assert self._session is not None
        self.ps = self._session.prompt.encode(), b""
        self.terminal.write(self.ps[0])

    def _interrupt(self) -> None:
        assert self._session is not None
        self._ahead = []
        self._session.cancel()
        if not self._waits:
            self._clear_buffer()
            self.terminal.nextLine()
            self._prompt()

    def _clear(self) -> None:
        self._clear_buffer()
        self._redraw()

    def _clear_buffer(self) -> None:
        self.lineBuffer, self.lineBufferIndex = [], 0

    def _redraw(self) -> None:
        self.terminal.eraseLine()
        self.terminal.write(b"\r")
        self.drawInputLine()

    def _end(self) -> None:
        self.terminal.loseConnection()

    def _heard(self) -> None:
        if self._alarm is None:
            self._alarm = self._reactor.callLater(IDLE_S, self._end)
        elif self._alarm.active():
            self._alarm.reset(IDLE_S)
