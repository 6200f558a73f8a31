"""Running a program so that it can neither see nor signal anything but what it started itself.

A pilot ends by killing the "orphans" of its user: whatever its uid owns and process 1 has adopted. Among the
processes of a real machine those are other people's daemons and shells. So a pilot runs in a process
namespace of its own, as an account that owns nothing, below a first process that only waits. There is no way
round: where the namespace cannot be had, nothing is run.

    setpriv      has the kernel kill the next when the process that called us dies
    unshare      makes the namespace; it kills the next when it dies itself
    sh           process 1 of the namespace: adopts and reaps; the kernel kills all others with it
    setpriv      becomes the unprivileged account (when root called) and can never gain rights again
    sh           replaces itself by the program: setpriv still has root's rights while it opens what it starts
    the program

The account changes below process 1 and not above it: a process that changes its account loses the kernel's
promise to be killed with its parent (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pandad.embedded.account import Account
from pandad.spec.errors import PandadError

UNPRIVILEGED_ID = 65534
"""uid and gid of nobody, which owns no file and, outside the namespace, no process that matters here."""

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "PILOT_NOKILL": "1",
}
"""PILOT_NOKILL asks the pilot not to kill orphans: the second wall, should the namespace ever be missing."""

NOT_CONTAINED = 97
FIRST_PROCESS = f'test $$ -eq 1 || exit {NOT_CONTAINED}\n"$@" &\nwait $!\n'
"""Refuses to start the program anywhere but in a new namespace. The program is not process 1 itself: its own
children would be orphans to it, and process 1 does not get signals that it has no handler for."""

PROBE = """
import ctypes, importlib.util, json, ssl, sys
wanted = sys.argv[1:]
print(json.dumps([name for name in wanted if importlib.util.find_spec(name) is None]))
"""
PROBE_DEADLINE_S = 60


class ContainmentError(PandadError):
    """A program cannot be run contained, and so was not run; `remedy` says what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}\n    {remedy}")
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class ContainedPython:
    """An interpreter that the contained account can execute, and which of the modules asked for it lacks."""

    executable: str
    missing_modules: frozenset[str]


def contained_account() -> Account:
    """The account a contained program has, seen from outside: nobody when we are root, else our own."""
    if os.geteuid() == 0:
        return Account(UNPRIVILEGED_ID, UNPRIVILEGED_ID, drop=True)
    return Account(os.geteuid(), os.getegid(), drop=False)


def contained_command(program: Sequence[str]) -> list[str]:
    """The command line that runs `program` contained, for the present user. Its exit code is the program's.

    Start it from the thread that lives as long as the process: the kernel ties it to the thread."""
    outside = ["setpriv", "--pdeathsig", "KILL", "--"]
    namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
    become = ["setpriv", "--no-new-privs"]
    account = contained_account()
    if account.drop:
        become += ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
    else:
        namespace += ["--user", "--map-root-user"]
    first = ["/bin/sh", "-c", FIRST_PROCESS, "init"]
    return [
        *outside,
        *namespace,
        "--",
        *first,
        *become,
        "--",
        "/bin/sh",
        "-c",
        'exec "$@"',
        "start",
        *program,
    ]


def check_containment() -> None:
    """Blocks for some milliseconds. Raises ContainmentError where contained programs cannot be run."""
    try:
        outcome = _try(["true"])
    except FileNotFoundError as error:
        raise ContainmentError(f"there is no command {error.filename}", "apt install util-linux") from error
    if outcome.returncode != 0:
        raise ContainmentError(f"no process namespace can be made: {outcome.stderr.strip()}", _namespace_remedy())


def _namespace_remedy() -> str:
    if os.geteuid() == 0:
        return "in a container, start it with --cap-add SYS_ADMIN (and --security-opt systempaths=unconfined)"
    return (
        "as root: sysctl -w kernel.unprivileged_userns_clone=1 (older Debian), "
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); or run this as root"
    )


def find_python(modules: Sequence[str]) -> ContainedPython:
    """The first interpreter that works contained: the one that runs us, then the system's.

    Blocks while it tries them. Raises ContainmentError when there is none, or no containment."""
    check_containment()
    candidates = list(_candidates())
    for executable in candidates:
        outcome = _try([executable, "-I", "-c", PROBE, *modules])
        if outcome.returncode == 0:
            return ContainedPython(executable, frozenset(json.loads(outcome.stdout)))
    raise ContainmentError(f"uid {contained_account().uid} can run none of {', '.join(candidates)}", "apt install python3")


def _candidates() -> Iterator[str]:
    """A virtual environment often lies where only its owner can enter; the interpreter it was made from
    seldom does."""
    own = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (own, Path("/usr/bin/python3"), Path("/usr/local/bin/python3")):
        if path.exists():
            yield str(path)


def _try(program: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        contained_command(program),
        env=dict(ENVIRONMENT),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROBE_DEADLINE_S,
        check=False,
    )
