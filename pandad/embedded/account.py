"""Which account PostgreSQL runs as, and what that account can reach. PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from pandad.embedded.errors import PostgresError

CANDIDATES = ("postgres", "daemon", "bin", "mail")
"""Accounts that exist on about every system, the fittest first. Never ``nobody``: payloads of pilots run as
nobody, and could then read and signal the database."""


@dataclass(frozen=True)
class Account:
    """An account of this machine."""

    uid: int
    gid: int
    drop: bool
    """True when the present process is root and has to become this account."""

    def give(self, path: Path) -> None:
        if self.drop:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether every existing directory on the way to `path`, itself included, lets the account through.

        Reads the mode bits only; an access list that says otherwise makes this wrong on the cautious side or
        shows up as PostgreSQL's own error."""
        if not self.drop:
            return True
        way = [path, *path.parents]
        return all(self._may_enter(directory.stat()) for directory in way if directory.is_dir())

    def _may_enter(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def choose_account(data: Path, name: str | None = None) -> Account:
    """The account for the data directory `data`: its owner if it exists, else `name`, else the first
    candidate.

    Raises PostgresError when the data belongs to somebody else or when root finds no account to become."""
    if os.geteuid() != 0:
        return _own_account(data)
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid, drop=True)
    for candidate in (name,) if name else CANDIDATES:
        account = _lookup(candidate)
        if account:
            return account
    wanted = name or ", ".join(CANDIDATES)
    raise PostgresError(f"PostgreSQL does not run as root, and there is no unprivileged account {wanted}")


def _own_account(data: Path) -> Account:
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise PostgresError(f"{data} belongs to uid {data.stat().st_uid}; this process is uid {os.geteuid()}")
    return Account(os.geteuid(), os.getegid(), drop=False)


def _lookup(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, drop=True) if entry.pw_uid != 0 else None
