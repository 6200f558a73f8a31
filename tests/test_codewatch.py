"""The watch over data that becomes code can find it."""

from __future__ import annotations

import marshal
import os
import pickle
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import make_dataclass
from pathlib import Path

import codewatch
import pytest

HARMFUL: list[Callable[[], object]] = [
    lambda: eval("1"),
    lambda: exec("1"),
    lambda: compile("1", "x", "eval"),
    lambda: pickle.loads(b"cbuiltins\nlen\n."),
    lambda: marshal.loads(marshal.dumps(1)),
    lambda: os.system("true"),
    lambda: subprocess.run("true", shell=True, check=True),
    lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True),
    lambda: os.popen("true").close(),
]


@pytest.mark.parametrize("act", HARMFUL)
def test_it_is_found(act: Callable[[], object]) -> None:
    """Whoever makes code of a text, or gives one to a shell, is named."""
    act()
    found, codewatch.findings[:] = list(codewatch.findings), []
    assert found


def test_what_is_let_through(tmp_path: Path) -> None:
    """Classes that the program itself makes, and programs without a shell."""
    make_dataclass("D", ["x"])(1)
    namedtuple("N", "x")
    subprocess.run(["true"], check=True)
    subprocess.run(["/bin/sh", str(tmp_path / "nothing.sh")], check=False, stderr=subprocess.DEVNULL)
    assert codewatch.findings == []


WORDS = ["-n", "pandad"]


def program(text: str, directory: Path, *words: str) -> list[str]:
    """What was found in a program with that text and these words on its command line."""
    subprocess.run([sys.executable, "-c", text, *words], check=True, env={**os.environ, "PANDAD_CODEWATCH": str(directory)})
    return codewatch.found_in_processes(directory)


def test_in_programs_of_pandad(tmp_path: Path) -> None:
    """A daemon, or a command, that makes code of a text is found, also if it ends at once; others are left alone. (What a whole
    daemon does: test_operation.)"""
    harm = "import os; eval('1'); os._exit(0)"
    found = program(harm, tmp_path, *WORDS)
    assert [each.split(" (")[0] for each in found] == ["compile by <string>:1", "exec by <string>:1"]
    assert found[0].endswith("-n pandad")
    assert program(harm, tmp_path) == program("import twisted.internet.reactor", tmp_path, *WORDS) == []
