"""Debug commands: what may be asked of a pilot while its payload runs. Pure.

A pilot hands the text to a shell, as its own user and outside the payload's container, so this is a list of what is allowed and
not of what is forbidden. What the pilot itself demands: one of five commands, a space behind it, no semicolon.

What is kept out, and why: every character with a meaning to a shell but * and ?; absolute paths, `~` and `..`, because a pilot
joins them to its working directory and `tail /tmp/x509up_u500` would show its credential; the forms of ps that show environments,
which hold tokens; of gdb all but looking at a process, because it can run any program; and `tobekilled` in any place, which would
kill the payload.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pandad.spec.errors import BadRequest
from pandad.spec.pilotcommand import KILL

LONGEST = 200  # characters; commandToPilot has 250

# What a bare word means: without a space the pilot would not take it for a command.
USUAL = {"ps": "ps -ef", "ls": "ls -la", "du": "du -sk .", "tail": "tail payload.stdout"}

_CHARACTERS = re.compile(r"[A-Za-z0-9 _.,:=@+%*?/'-]+")
_OPTION = re.compile(r"-[A-Za-z0-9]+|--[a-z-]+(=[A-Za-z0-9]+)?")
_PATH = re.compile(r"[A-Za-z0-9_.:=@+%*?][A-Za-z0-9_.:=@+%*?/-]*")
# One word of options and no more: of options that contradict each other ps makes others, among them "show the environment".
_PS_PLAIN = frozenset({"-e", "-f", "-ef", "-eF", "-elf", "-eLf", "-efH", "-efww", "-A", "-F", "-L", "-l", "a", "ax", "aux",
                       "auxw", "auxww", "axf", "axjf", "axu", "f", "u", "ux", "x", "xf"})
_PS_COUNTED = frozenset({"-p", "-u"})  # with a number behind it
_PS_LISTED = frozenset({"-o", "-eo", "o", "axo"})  # with columns behind it
_PS_COLUMNS = frozenset({"pid", "ppid", "pgid", "sid", "tpgid", "user", "uid", "group", "gid", "comm", "args", "cmd", "stat",
                         "state", "s", "etime", "etimes", "time", "cputime", "pcpu", "pmem", "rss", "vsz", "sz", "nlwp", "lwp",
                         "psr", "pri", "ni", "wchan", "start", "lstart", "tty"})
_GDB = re.compile(r"gdb( -batch)? --pid (%|[1-9]\d*)(( -ex '(bt|info threads|thread apply all bt|generate-core-file)')*)")


def debug_command(text: str) -> str:
    """The command as a pilot will get it.

    :raise BadRequest: it is not allowed; says what is.
    """
    words = text.split()
    command = USUAL.get(text.strip()) or " ".join(words)
    allowed = _ALLOWED.get(words[0]) if words else None
    if allowed is None:
        raise BadRequest("command", f"must begin with one of {', '.join(_ALLOWED)}")
    if " " not in command:
        raise BadRequest("command", "needs arguments, as: gdb --pid %")
    if len(command) > LONGEST:
        raise BadRequest("command", f"has {len(command)} characters; write at most {LONGEST}")
    if not _CHARACTERS.fullmatch(command):
        raise BadRequest("command", "has a character that a shell would act on; write letters, digits, spaces "
                                    "and _ . , : = @ + % * ? / -")
    if KILL in command:
        raise BadRequest("command", f"holds {KILL}, which pilots obey wherever it stands; to end a job use job/kill")
    allowed(command, command.split()[1:])
    return command


def _files(command: str, words: Sequence[str]) -> None:
    """Options, and paths below the job's working directory."""
    for word in words:
        if word.startswith("-"):
            if not _OPTION.fullmatch(word):
                raise BadRequest("command", f"the option {word} is not understood; write it as -x or --name=value")
        elif not _PATH.fullmatch(word) or ".." in word.split("/"):
            raise BadRequest("command", f"{word} is not a path below the job's working directory: "
                                        "no / at its begin, no .., no comma")


def _processes(command: str, words: Sequence[str]) -> None:
    option, *rest = words
    good = (option in _PS_PLAIN and not rest
            or option in _PS_COUNTED and len(rest) == 1 and rest[0].isdigit()
            or option in _PS_LISTED and len(rest) == 1 and _PS_COLUMNS.issuperset(rest[0].split(",")))
    if not good:
        raise BadRequest("command", "these options of ps are not allowed; write for example: "
                                    "ps -ef, ps axo pid,ppid,args, ps -p 1234")


def _debugger(command: str, words: Sequence[str]) -> None:
    if not _GDB.fullmatch(command):
        raise BadRequest("command", "gdb is for looking at the payload only; write gdb --pid %, behind it any of -ex 'bt', "
                                    "-ex 'info threads', -ex 'thread apply all bt', -ex 'generate-core-file'")


_ALLOWED: Mapping[str, Callable[[str, Sequence[str]], None]] = {
    "tail": _files, "ls": _files, "du": _files, "ps": _processes, "gdb": _debugger}


def ends_the_payload(command: str) -> bool:
    """Whether a pilot kills its payload when it has done this (pilot/control/job.py, process_debug_mode)."""
    return command.startswith("gdb ")
