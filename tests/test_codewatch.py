"""The watch over data that becomes code can find it."""

from __future__ import annotations

import marshal
import os
import pickle
import subprocess
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
