"""What values of the configuration have to be, beyond their type: None, or what is wrong and what to write instead."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from pathlib import Path
from urllib.parse import urlsplit


def address(value: str) -> str | None:
    """An IP address, or "" for all."""
    try:
        if value:
            ipaddress.ip_address(value)
    except ValueError:
        return f'is {value!r}; write an IP address such as "127.0.0.1", or "" for all'
    return None


def dn(value: str) -> str | None:
    """A DN in slash form."""
    if re.match(r"/[A-Za-z0-9.]+=.", value):
        return None
    return f'is {value!r}; write the DN in slash form, as "/DC=org/DC=example/CN=Some Name"'


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


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _url(value: str) -> str | None:
    """Something to fetch keys from: nobody on the way may be able to change them."""
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        safe = parts.port is None or parts.port > 0
    except ValueError:
        host, safe = "", False
    plain = re.fullmatch(r"[!-~]+", value) is not None and "#" not in value and "@" not in value
    if not (host and safe and plain) or parts.scheme not in ("https", "http"):
        return f'is {value!r}; write an address such as "https://iam.example.org/"'
    if parts.scheme == "http" and host not in LOOPBACK:
        return f"is {value!r}; write https: over http anybody on the way could send keys of his own"
    return None


def issuer(value: str) -> str | None:
    """The name of a token issuer, which is an address."""
    refusal = _url(value)
    return refusal or (f"is {value!r}; write it without a question mark" if "?" in value else None)


def discovery(value: str) -> str | None:
    """An address, or "" for the usual one."""
    return _url(value) if value else None


def vo(value: str) -> str | None:
    """The name of a VO."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value):
        return None
    return f'is {value!r}; write the name of a VO, as "atlas"'


def fqan(value: str) -> str | None:
    """A VOMS name of a group, or of a role in one."""
    if re.fullmatch(r"(/[A-Za-z0-9_.-]+)+(/Role=[A-Za-z0-9_.-]+)?", value):
        return None
    return f'is {value!r}; write "/vo", "/vo/group" or "/vo/Role=role"'


def filled(value: str) -> str | None:
    """Not empty."""
    return None if value.strip() else "is empty; leave it out or write something"
