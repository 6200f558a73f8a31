"""What values of the configuration have to be, beyond their type: None, or what is wrong and what to write instead."""

from __future__ import annotations

import ipaddress
import os
import stat
from pathlib import Path

from pandad.spec.fqan import Fqan, fqan_of
from pandad.spec.principal import principal_of


def address(value: str) -> str | None:
    """An IP address, or "" for all."""
    try:
        if value:
            ipaddress.ip_address(value)
    except ValueError:
        return f'is {value!r}; write an IP address such as "127.0.0.1", or "" for all'
    return None


def principal(value: str) -> str | None:
    """Somebody, or the members of a group with a role."""
    if principal_of(value) is not None:
        return None
    return (f'is {value!r}; write a DN in slash form, as "/DC=org/DC=example/CN=Some Name", "SUBJECT from ANCHOR", '
            'or an FQAN, as "/atlas/Role=pilot"')


def vo(value: str) -> str | None:
    """The name of a VO."""
    found = fqan_of(f"/{value}")
    return None if found is not None and not found.subgroup and not found.role else f'is {value!r}; write a name, as "atlas"'


def owner(value: str) -> str | None:
    """A single one."""
    return principal(value) or ("is an FQAN; write whose they are" if isinstance(principal_of(value), Fqan) else None)


def named(value: str) -> str | None:
    """Not empty."""
    return None if value.strip() else 'is empty; write, for example, "dbname=pandad"'


def file(path: Path) -> str | None:
    """A file that this user can read."""
    if not path.is_file():
        return f"there is no file {path}; put it there or name the right one"
    return None if os.access(path, os.R_OK) else f"{path} cannot be read; let the user of the daemon read it"


def directory(path: Path) -> str | None:
    """A folder that this user can enter."""
    if not path.is_dir():
        return f"there is no folder {path}; make it or name the right one"
    if not os.access(path, os.R_OK | os.X_OK):
        return f"{path} cannot be entered; let the user of the daemon read it"
    return None


def secret(path: Path) -> str | None:
    """A file that nobody else can read."""
    if (refusal := file(path)) is not None:
        return refusal
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path} may be read by others (mode {mode:04o}); run: chmod 0400 {path}" if mode & 0o077 else None


def writable_place(path: Path) -> str | None:
    """A path in a folder that this user can write in."""
    if path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK):
        return None
    return f"{path} cannot be written; let the user of the daemon write in {path.parent}"
