"""``pandad console``: talks to a running daemon over its unix socket; a line for each verb, with history and completion."""

from __future__ import annotations

import argparse
import json
import os
import readline
import shlex
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pandad.cli.failures import OutOfReach
from pandad.config import load

PROMPT = "pandad> "
HISTORY_LINES = 1000
LEAVE = ("quit", "exit", "logout")


class NoConsole(OutOfReach):
    """Nobody answers there, or not to this account."""


def run(args: argparse.Namespace) -> int:
    """0 only if what was said was done."""
    if args.markdown:
        from pandad.console.page import page

        print(page(), end="")
        return 0
    with Line(socket_of(args)) as line:
        if args.words:
            return one_line(line, shlex.join(args.words) if len(args.words) > 1 else args.words[0], args.json)
        return _dialogue(line)


def socket_of(args: argparse.Namespace) -> Path:
    """Where the daemon's console is.

    :raise NoConsole: it has none.
    """
    path: Path | None = args.socket or load(args.config, on_this_host=False).console.socket
    if path is None:
        raise NoConsole("[console] socket is empty in the configuration, so that the daemon has no console here")
    return path


class Line:
    """The connection to a daemon."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError as problem:
            self._socket.close()
            raise NoConsole(f"no daemon at {path} ({problem.strerror}): does it run, and are you root or its account?") from None
        self._received = self._socket.makefile("rb")
        self.hello = str(self.heard()["hello"])

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *error: object) -> None:
        self._received.close()
        self._socket.close()

    def say(self, **message: Any) -> dict[str, Any]:
        """The answer to a message. Ctrl-C interrupts the verb, not this command."""
        self._send(message)
        while True:
            try:
                return self.heard()
            except KeyboardInterrupt:
                self._send({"cancel": True})

    def heard(self) -> dict[str, Any]:
        """The next message that is an answer; what a Python prompt prints by itself is shown.

        :raise NoConsole: the daemon refuses, or hung up.
        """
        while True:
            received = self._received.readline()
            if not received:
                raise NoConsole("the daemon hung up")
            message: dict[str, Any] = json.loads(received)
            if "refused" in message:
                raise NoConsole(message["refused"])
            if "later" not in message:
                return message
            print(message["later"])

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            raise NoConsole("the daemon hung up") from None


def one_line(line: Line, words: str, as_json: bool) -> int:
    """Say one line and print the answer; 0 only if it was done."""
    reply = line.say(line=words)
    if as_json:
        print(reply["data"])
    else:
        print(reply["text"], file=sys.stdout if reply["good"] else sys.stderr)
    return 0 if reply["good"] else 1


def _dialogue(line: Line) -> int:
    history = _history()
    _complete_by(line)
    if sys.stdin.isatty():
        print(f"{line.hello}. Write help; Ctrl-D ends it.")
    prompt = PROMPT
    try:
        while True:
            try:
                words = input(prompt if sys.stdin.isatty() else "")
            except KeyboardInterrupt:
                print()
                continue
            if prompt == PROMPT and words.strip() in LEAVE:
                return 0
            if words.strip() or prompt != PROMPT:
                reply = line.say(line=words)
                prompt = reply["prompt"]
                if reply["text"]:
                    print(reply["text"])
    except EOFError:
        return 0
    finally:
        with suppress(OSError):
            readline.set_history_length(HISTORY_LINES)
            readline.write_history_file(history)
            os.chmod(history, 0o600)


def _history() -> Path:
    place = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "pandad"
    with suppress(OSError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        readline.read_history_file(place / "console_history")
    return place / "console_history"


def _complete_by(line: Line) -> None:
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            found[:] = line.say(complete=readline.get_line_buffer()[:readline.get_endidx()])["completions"]
        return found[state] if state < len(found) else None

    readline.set_completer_delims("")  # whole lines come back
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
