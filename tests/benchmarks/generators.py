"""Load generators as child processes, so that their CPU time is not the daemon's, and several where one would be the limit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace

import orjson

from tests.benchmarks.daemons import ROOT
from tests.benchmarks.load import Found, Load, together
from tests.benchmarks.usage import Machine


class GeneratorDied(Exception):
    """Its traceback went to standard error."""


def generated(loads: Sequence[Load], cpu_s: Callable[[], dict[str, float]]) -> Found:
    """Put all loads on at the same time: what they found together.

    :param cpu_s: CPU time so far of what is measured, by name; taken when all are ready and when all are through.
    """
    with ExitStack() as stack:
        children = [stack.enter_context(_child()) for _ in loads]
        for child, load in zip(children, loads, strict=True):
            _tell(child, orjson.dumps(asdict(load)))
        for child in children:
            _await_ready(child)
        before, machine = cpu_s(), Machine.now()
        for child in children:
            _tell(child, b"go")
        founds = [_result(child) for child in children]
        watched = {name: now_s - before[name] for name, now_s in cpu_s().items()}
        found = together(founds)
        used = {**watched, **found.cpu_s}
        return replace(found, cpu_s=used, others_share_of_machine=Machine.now().others_share(machine, sum(used.values())))


def _child() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.benchmarks.generator"], cwd=ROOT, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)


def _tell(child: subprocess.Popen[bytes], line: bytes) -> None:
    assert child.stdin is not None
    child.stdin.write(line + b"\n")
    child.stdin.flush()


def _await_ready(child: subprocess.Popen[bytes]) -> None:
    assert child.stdout is not None
    if child.stdout.readline() != b"ready\n":
        raise GeneratorDied("it was never ready")


def _result(child: subprocess.Popen[bytes]) -> Found:
    assert child.stdout is not None
    text = child.stdout.read()
    if child.wait() != 0:
        raise GeneratorDied("it ended in the middle")
    return Found(**orjson.loads(text))
