"""What a distribution has, for a machine that reaches none: Python, packages for it, PostgreSQL.

The packages that pandad needs come with each virtual environment that is made there, as a package mirror would bring them: they
are those of the Python that runs the tests. pandad itself is installed as the page says.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from pandad.embedded.binaries import pg_bin_dir

from .machine import HERE, Machine

MIRROR = Path("/opt/mirror")
PYTHON = r"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    shift 2
    /opt/python/bin/python3 -m venv --without-pip "$@" || exit
    for made in "$@"; do :; done
    for packages in "$made"/lib/python3*/site-packages; do echo /opt/mirror > "$packages/mirror.pth"; done
    script() { printf '#!%s/bin/python3\n%s\n' "$(realpath "$made")" "$2" > "$made/bin/$1"; chmod 755 "$made/bin/$1"; }
    script pip 'import sys; from pip._internal.cli.main import main; sys.exit(main())'
    script twistd 'import sys; from twisted.scripts.twistd import run; sys.exit(run())'
    script pytest 'import sys; import pytest; sys.exit(pytest.main())'
else
    exec /opt/python/bin/python3 "$@"
fi
"""
PIP = """[global]
no-index = true
no-deps = true
no-build-isolation = false
disable-pip-version-check = true
root-user-action = ignore
"""


def write(machine: Machine, path: str, text: str, mode: str = "644") -> None:
    """A file there."""
    machine.must(f"mkdir -p $(dirname {path}) && printf %s {shlex.quote(text)} > {path} && chmod {mode} {path}")


def put_python(machine: Machine) -> None:
    """Python and pip, as `apt install python3-venv` and the net would bring them."""
    write(machine, "/usr/local/bin/python3", PYTHON, "755")
    write(machine, "/etc/pip.conf", PIP)
    # A Python that was built below somebody's home looks for its own library there, where no daemon may look.
    machine.must("echo /opt/python/lib > /etc/ld.so.conf.d/000-python.conf && ldconfig")


def postgres_binaries() -> Path:
    """Where the machine has the programs of PostgreSQL."""
    return MIRROR / pg_bin_dir().relative_to(HERE["MIRROR"])


def put_postgres_programs(machine: Machine) -> None:
    """psql, createdb, pg_dump, ... for everybody."""
    machine.must(f"ln -sf {postgres_binaries()}/* /usr/local/bin/")
