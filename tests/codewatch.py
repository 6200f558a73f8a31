"""Nothing that came from outside may become code: an audit hook (PEP 578) that is in force from the first test to the last, here
and in the daemons and commands that tests start (watched/sitecustomize.py).

What Python and libraries do to build their own functions is let through, by the file that does it; all else is a finding.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

WATCHED = frozenset({"pickle.find_class", "marshal.loads", "exec", "compile", "os.system", "subprocess.Popen"})
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "csh", "cmd.exe"})

_LIBRARY = sysconfig.get_path("stdlib") + os.sep
_TESTS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PACKAGES = sysconfig.get_path("purelib") + os.sep

# Which files may make code: of what stands in the program itself.
MAKERS = frozenset({
    _LIBRARY + "dataclasses.py",  # __init__ and the like are made of text
    _LIBRARY + "collections/__init__.py",  # so are named tuples
    _LIBRARY + "typing.py",  # annotations are texts until somebody asks for them
    _PACKAGES + "attr/_make.py",
    _PACKAGES + "six.py",  # what two Pythons spell differently
    _PACKAGES + "typing_inspection/typing_objects.py",
    _PACKAGES + "prometheus_client/decorator.py",  # decorators that keep a signature
    _PACKAGES + "werkzeug/routing/rules.py",  # the builders of our routes
    _PACKAGES + "jinja2/environment.py",  # templates of our own, which lie in the package
    _PACKAGES + "twisted/conch/insults/helper.py",  # the names of keys, and methods of terminals
    _PACKAGES + "twisted/conch/insults/insults.py",
    _PACKAGES + "twisted/conch/recvline.py",
    _PACKAGES + "_pytest/assertion/rewrite.py",  # tests are imported
    _PACKAGES + "_pytest/mark/expression.py",  # the words of -k and -m
    _PACKAGES + "hypothesis/internal/reflection.py",
    _PACKAGES + "hypothesis/internal/lambda_sources.py",
})
UNPICKLERS = frozenset({_PACKAGES + "twisted/plugin.py"})  # twistd's list of plugins, which it made itself, beside them
PARSERS = frozenset({_LIBRARY + "ast.py"})  # a compiled tree is no code
SHELL_USERS = frozenset({
    _TESTS + "clients/shell.py",  # a person types there
    _TESTS + "daemons/test_lease.py",  # a shell that ends leaves a process id that nobody has
    _TESTS + "docs/machine.py",  # boots a machine by a script of its own
    _TESTS + "embedded/test_containment.py",  # shows that the containment starts no program at all
})
IMPORTS = ("<frozen importlib", "<frozen runpy", "<frozen zipimport")

findings: list[str] = []
tell: Callable[[str], object] = findings.append


def allowed(event: str, frame: FrameType | None) -> bool:
    """Whether the code that does this is one of those that may."""
    if frame is None:
        return True  # the interpreter itself
    name = frame.f_code.co_filename
    if event == "compile" and name in PARSERS:
        return True
    if event == "subprocess.Popen" and name in SHELL_USERS:
        return True
    if event == "pickle.find_class" and name in UNPICKLERS:
        return True
    return name.startswith(IMPORTS) or (event in ("exec", "compile") and name in MAKERS)


def hook(event: str, args: tuple[Any, ...], caller: Callable[[int], FrameType] = sys._getframe) -> None:
    """Note what may not be. It raises nothing: an error would be taken for one of the code's own, and be handled."""
    if event not in WATCHED:
        return
    frame = caller(0).f_back  # None where the interpreter runs the program itself
    if event == "subprocess.Popen":
        words = args[1] if isinstance(args[1], (list, tuple)) else [args[1]]
        if os.path.basename(os.fsdecode(args[0] or words[0])) not in SHELLS or "-c" not in list(map(os.fsdecode, words))[1:2]:
            return
        while frame is not None and frame.f_code.co_filename == _LIBRARY + "subprocess.py":
            frame = frame.f_back
    if not allowed(event, frame):
        assert frame is not None
        tell(f"{event} by {frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})")


def watch_processes(directory: Path) -> None:
    """Have the programs of pandad that are started from now on watched; what they do is found in that directory."""
    os.environ["PANDAD_CODEWATCH"] = str(directory)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_TESTS + "watched", os.environ.get("PYTHONPATH"))))


def watch_this_process(directory: Path) -> None:
    """From its first line on. What is found is written down at once: the process may be killed."""
    global tell
    file = directory / str(os.getpid())

    def write(finding: str) -> None:
        with open(file, "a", encoding="utf-8") as opened:
            opened.write(f"{finding} in {' '.join(sys.orig_argv)}\n")

    tell = write
    sys.addaudithook(hook)


def found_in_processes(directory: Path) -> list[str]:
    """What was found there since the last look."""
    found = []
    for file in directory.iterdir():
        found += file.read_text("utf-8").splitlines()
        file.unlink()
    return found
