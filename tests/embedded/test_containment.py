"""A contained program sees and signals only what is its own, and does not outlive the process that ran it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from pandad.embedded.containment import (
    ENVIRONMENT,
    FIRST_PROCESS,
    NOT_CONTAINED,
    UNPRIVILEGED_ID,
    ContainmentError,
    contained_command,
    find_python,
)
from pandad.embedded.pilot import missing_requirements

PATIENCE_S = 30

lacking = missing_requirements()
pytestmark = pytest.mark.skipif(bool(lacking), reason="; ".join(lacking))

STARTER = """
import subprocess, sys
from pandad.embedded.containment import ENVIRONMENT, contained_command
subprocess.run(contained_command(sys.argv[1:]), env=dict(ENVIRONMENT))
"""


def run(program: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        contained_command(program),
        env=dict(ENVIRONMENT),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def marked_processes(mark: str) -> list[int]:
    """Of the whole machine, as seen from outside."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (directory / "cmdline").read_text(errors="replace"):
                found.append(int(directory.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def wait_until_marked(mark: str, present: bool) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while bool(marked_processes(mark)) != present:
        assert time.monotonic() < deadline, f"processes with {mark}: {marked_processes(mark)}"


def test_sees_only_its_own_processes() -> None:
    """A contained program finds no process in /proc but process 1 of its namespace and itself."""
    assert run(["sh", "-c", "cd /proc; echo [0-9]*"]).stdout.split() == ["1", "2"]


def test_has_no_rights() -> None:
    """It is nobody when root started it, and it cannot gain rights by running a set-uid program."""
    status = run(["cat", "/proc/self/status"]).stdout
    if os.geteuid() == 0:
        assert f"Uid:\t{UNPRIVILEGED_ID}\t{UNPRIVILEGED_ID}\t" in status
        assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_the_pilot_is_asked_not_to_kill() -> None:
    """The environment tells a pilot to leave orphans alone, whatever else is set."""
    assert run(["sh", "-c", "echo $PILOT_NOKILL"]).stdout == "1\n"


@pytest.mark.parametrize("code", [0, 65])
def test_exit_code_is_the_programs(code: int) -> None:
    """The exit code of the whole is that of the program."""
    assert run(["sh", "-c", f"exit {code}"]).returncode == code


def test_nothing_runs_without_a_namespace() -> None:
    """The first process refuses to start the program when it is not process 1."""
    outcome = subprocess.run(["/bin/sh", "-c", FIRST_PROCESS, "init", "echo", "ran"], capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stdout) == (NOT_CONTAINED, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that nobody cannot reach")
def test_program_is_opened_by_the_unprivileged_account(tmp_path: Path) -> None:
    """A program that only root can reach is not run, even though root starts the whole."""
    tmp_path.chmod(0o700)
    program = tmp_path / "true"
    shutil.copy("/bin/true", program)
    assert run([str(program)]).returncode != 0


def test_a_daemon_does_not_outlive_the_program() -> None:
    """What the program left in the background is gone as soon as the program has ended."""
    mark = f"mark-{uuid.uuid4()}"
    run(["sh", "-c", f"setsid sh -c 'sleep 1000; : {mark}' >/dev/null 2>&1 </dev/null & sleep 0"])
    assert marked_processes(mark) == []


def test_nothing_outlives_the_process_that_started_it() -> None:
    """Kill -9 of our process ends the program and all it started."""
    mark = f"mark-{uuid.uuid4()}"
    background = f"setsid sh -c 'sleep 1000; : {mark}' & sleep 1000"
    starter = subprocess.Popen([sys.executable, "-c", STARTER, "sh", "-c", background])
    wait_until_marked(mark, present=True)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    wait_until_marked(mark, present=False)


def test_finds_an_interpreter() -> None:
    """The interpreter found runs contained, and modules it lacks are told."""
    python = find_python(["json", "pandad_no_such_module"])
    assert run([python.executable, "-c", "raise SystemExit(7)"]).returncode == 7
    assert python.missing_modules == {"pandad_no_such_module"}


def test_refusal_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no way to contain a program the error carries a remedy, and nothing was run."""
    monkeypatch.setattr("pandad.embedded.containment.contained_command", lambda program: ["no-such-command"])
    with pytest.raises(ContainmentError) as refusal:
        find_python([])
    assert "apt install" in refusal.value.remedy
