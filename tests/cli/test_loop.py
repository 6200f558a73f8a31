"""The table of loops. (The command on a real store is tested with the queues'.)"""

from __future__ import annotations

import json
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pandad.cli.loop import overview
from pandad.cli.main import main
from pandad.taskbuffer.loops import LoopState


def test_each_loop_is_a_line() -> None:
    """The last error and the failures since the last good run are in sight."""
    at = datetime(2025, 1, 2, tzinfo=UTC)
    loop = LoopState("watcher", "host:7", 1, at, at, None, runs=5, failures=2, error="no\nroute")
    [_, line] = overview([loop]).split("\n")
    assert line.split()[0] == "watcher" and line.endswith("5         2  no route")


def test_a_loop_is_run_by_the_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pandad loop run` says so on the console of the daemon, and its answer is the exit code; without a daemon it is that."""
    said: list[str] = []

    def answer(listener: socket.socket) -> None:
        for good, text in ((True, "brokerage ran"), (False, "no such loop")):
            peer, _ = listener.accept()
            with peer, peer.makefile("rw") as line:
                line.write(json.dumps({"hello": "pandad"}) + "\n")
                line.flush()
                said.append(json.loads(line.readline())["line"])
                line.write(json.dumps({"good": good, "text": text, "data": "{}"}) + "\n")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        daemon = threading.Thread(target=answer, args=(listener,))
        daemon.start()
        assert main(["loop", "run", "brokerage", "--socket", str(tmp_path / "s")]) == 0
        assert main(["loop", "run", "bro kerage", "--socket", str(tmp_path / "s")]) == 1
        daemon.join()
    assert said == ["loop run brokerage", "loop run 'bro kerage'"]
    assert capsys.readouterr() == ("brokerage ran\n", "no such loop\n")
    assert main(["loop", "run", "brokerage", "--socket", str(tmp_path / "none")]) == 3
