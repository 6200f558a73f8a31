"""What values of the configuration have to be, beyond their type: None, or what is wrong and what to write instead."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

from pandad.spec.fqan import Fqan, fqan_of
from pandad.spec.principal import principal_of

ROOT = 0  # uid; may read everything anyway


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


def writable_directory(path: Path) -> str | None:
    """A folder in which this user can make files."""
    if (refusal := directory(path)) is not None:
        return refusal
    return None if os.access(path, os.W_OK) else f"{path} cannot be written to; let the user of the daemon write there"


def file_or_directory(path: Path) -> str | None:
    """Either, that this user can read."""
    return directory(path) if path.is_dir() else file(path)


def certificate(path: Path) -> str | None:
    """A file that this user can read; and nobody else, if there is a key in it."""
    refusal = file(path)
    return secret(path) if refusal is None and b"PRIVATE KEY-----" in path.read_bytes() else refusal


def secret(path: Path) -> str | None:
    """A file that nobody else can read: it belongs to this user, or to root, who may let a group of this user read it (so do
    Kubernetes' secrets with an fsGroup, and /etc/grid-security where several daemons share a key)."""
    if (refusal := file(path)) is not None:
        return refusal
    found, us = path.stat(), os.geteuid()
    if not {found.st_uid, path.lstat().st_uid} <= {us, ROOT}:
        return f"{path} belongs to another user (uid {found.st_uid}); run: chown {us} {path}"
    mode, own = stat.S_IMODE(found.st_mode), found.st_uid == us
    if mode & (0o077 if own else 0o037):
        return f"{path} may be read by others (mode {mode:04o}); run: chmod {'0400' if own else '0440'} {path}"
    if _has_access_list(path):
        return f"{path} may be read by others (it has an access list, see getfacl); run: setfacl -b {path}"
    return _replaceable(path)


def trusted(path: Path) -> str | None:
    """A file that nobody else can change: it decides who may do what."""
    if (refusal := file(path)) is not None:
        return refusal
    found = path.stat()
    if not {found.st_uid, path.lstat().st_uid} <= {os.geteuid(), ROOT}:
        return f"{path} belongs to another user (uid {found.st_uid}); run: chown root {path}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} can be changed by others (mode {stat.S_IMODE(found.st_mode):04o}); run: chmod go-w {path}"
    return _replaceable(path)


def key_or_place(path: Path) -> str | None:
    """A file that nobody else can read; or none yet, in a folder that this user can write in."""
    return secret(path) if path.exists() else closed_place(path)


def socket_place(path: Path) -> str | None:
    """The same; or in a folder that is not there yet, as systemd's RuntimeDirectory= before the first start."""
    return closed_place(path) if path.parent.exists() else None


def closed_place(path: Path) -> str | None:
    """A path in a folder that this user can write in, and not just anybody."""
    return writable_place(path) or _replaceable(path)


def _has_access_list(path: Path) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:  # the file system knows no such lists
        return False


def _replaceable(path: Path) -> str | None:
    """Who may write in a folder on the way may put another file in the place of this one."""
    for folder in {*path.absolute().parents, *path.resolve().parents}:
        mode = folder.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"{path} lies in {folder}, where anybody may put another file in its place; run: chmod o-w {folder}"
    return None


_PASSWORD = re.compile(r"\b(?:password|sslpassword)\s*=\s*(?!'')[^\s&]|://[^/@\s]*:[^/@\s]+@", re.IGNORECASE)


def has_password(dsn: str) -> bool:
    """Whether there is a password in libpq's words for a database."""
    return _PASSWORD.search(dsn) is not None


def writable_place(path: Path) -> str | None:
    """A path in a folder that this user can write in."""
    if path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK):
        return None
    return f"{path} cannot be written; let the user of the daemon write in {path.parent}"


def loopback(value: str) -> str | None:
    """An address that no other host reaches."""
    try:
        fits = ipaddress.IPv4Address(value).is_loopback
    except ValueError:
        fits = False
    return None if fits else f'is {value!r}, which other hosts can reach; write "127.0.0.1", or use SSH'


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _url(value: str, danger: str = "over http anybody on the way could send keys of his own") -> str | None:
    """Something to fetch keys from, or to send secrets to: nobody on the way may be able to change or read them."""
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
        return f"is {value!r}; write https: {danger}"
    return None


def issuer(value: str) -> str | None:
    """The name of a token issuer, which is an address."""
    refusal = _url(value)
    return refusal or (f"is {value!r}; write it without a question mark" if "?" in value else None)


def discovery(value: str) -> str | None:
    """An address, or "" for the usual one."""
    return _url(value) if value else None


def place(value: str) -> str | None:
    """An address or the absolute path of a file; or "" for none."""
    if "://" in value:
        return _url(value)
    return None if not value or value.startswith("/") else f'is {value!r}; write an address, or a path from / on'


def site(value: str) -> str | None:
    """Scheme, host and port of what anybody may fetch, and pilots do from http; "" is none."""
    fine = not value or re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:\d{1,5})?", value)
    return None if fine else f'is {value!r}; write "https://HOST:PORT" or "http://HOST:PORT", and nothing behind it'


def service(value: str) -> str | None:
    """The address of a service that gets credentials of ours; "" is none."""
    refusal = _url(value, "over http anybody on the way could read the credentials") if value else None
    return refusal or (f"is {value!r}; write it without a question mark" if "?" in value else None)


def readable(path: Path) -> str | None:
    """A file, or a folder, that this user can read."""
    return directory(path) if path.is_dir() else file(path)


def header(value: str) -> str | None:
    """What goes into a line of an HTTP head."""
    return None if re.fullmatch(r"[ -~]*", value) else f"is {ascii(value)}; write letters and digits without accents"


def fqan(value: str) -> str | None:
    """What a VO says of its members: a group, or a role in one."""
    return None if fqan_of(value) is not None else f'is {value!r}; write "/vo", "/vo/group" or "/vo/Role=role"'


def filled(value: str) -> str | None:
    """Not empty."""
    return None if value.strip() else "is empty; leave it out or write something"
