"""Nothing that came from outside may become code: an audit hook (PEP 578) that is in force from the first test to the last.

What Python and libraries do to build their own functions is let through, by the file that does it; all else is a finding.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
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
    _PACKAGES + "prometheus_client/decorator.py",  # decorators that keep a signature
    _PACKAGES + "werkzeug/routing/rules.py",  # the builders of our routes
    _PACKAGES + "twisted/conch/insults/helper.py",  # the names of keys, and methods of terminals
    _PACKAGES + "twisted/conch/insults/insults.py",
    _PACKAGES + "twisted/conch/recvline.py",
    _PACKAGES + "_pytest/assertion/rewrite.py",  # tests are imported
    _PACKAGES + "_pytest/mark/expression.py",  # the words of -k and -m
    _PACKAGES + "hypothesis/internal/reflection.py",
    _PACKAGES + "hypothesis/internal/lambda_sources.py",
})
PARSERS = frozenset({_LIBRARY + "ast.py"})  # a compiled tree is no code
SHELL_USERS = frozenset({
    _TESTS + "daemons/test_lease.py",  # a shell that ends leaves a process id that nobody has
    _TESTS + "embedded/test_containment.py",  # shows that the containment starts no program at all
})
IMPORTS = ("<frozen importlib", "<frozen runpy", "<frozen zipimport")

findings: list[str] = []


def allowed(event: str, frame: FrameType | None) -> bool:
    """Whether the code that does this is one of those that may."""
    if frame is None:
        return True  # the interpreter itself
    name = frame.f_code.co_filename
    if event == "compile" and name in PARSERS:
        return True
    if event == "subprocess.Popen" and name in SHELL_USERS:
        return True
    return name.startswith(IMPORTS) or (event in ("exec", "compile") and name in MAKERS)


def hook(event: str, args: tuple[Any, ...], caller: Callable[[int], FrameType] = sys._getframe) -> None:
    """Note what may not be. It raises nothing: an error would be taken for one of the code's own, and be handled."""
    if event not in WATCHED:
        return
    frame: FrameType | None = caller(1)
    if event == "subprocess.Popen":
        words = args[1] if isinstance(args[1], (list, tuple)) else [args[1]]
        if os.path.basename(os.fsdecode(args[0] or words[0])) not in SHELLS or "-c" not in list(map(os.fsdecode, words))[1:2]:
            return
        while frame is not None and frame.f_code.co_filename == _LIBRARY + "subprocess.py":
            frame = frame.f_back
    if not allowed(event, frame):
        assert frame is not None
        findings.append(f"{event} by {frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})")
