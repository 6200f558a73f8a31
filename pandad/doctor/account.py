"""Root sees with the eyes of the daemon: what it may read, and the name by which the database knows it, are the daemon's."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path

from pandad.doctor.host import config_of, last, unit_of
from pandad.doctor.installation import UNITS


def account_of_daemon(config: Path, units: Sequence[Path] = UNITS) -> pwd.struct_passwd | None:
    """Whose systemd runs the daemon with this configuration as; None if there is no such unit, or no such account."""
    unit = unit_of(units, "pandad.service")
    if config_of(unit) != config.absolute():
        return None
    try:
        return pwd.getpwnam(last(unit, "User", "root"))
    except KeyError:
        return None


def become_daemon(config: Path) -> None:
    """For good, if this is root and the daemon is not. Nothing that follows can change what is not the daemon's."""
    account = account_of_daemon(config) if os.geteuid() == 0 else None
    if account is None or account.pw_uid == 0:
        return
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ["HOME"] = account.pw_dir  # where libpq looks for .pgpass
