"""As whom the looks are taken."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from pandad.doctor.account import account_of_daemon, become_daemon
from pandad.embedded.daemon import environment_of_pandad

UNIT = "[Service]\nUser={user}\nExecStart=/opt/pandad/bin/twistd -n pandad --config {config}\n"


@pytest.mark.parametrize(("user", "config", "found"), [
    ("nobody", "/etc/pandad/pandad.toml", "nobody"), ("nobody", "/etc/other.toml", None),
    ("no-such-account", "/etc/pandad/pandad.toml", None),
])
def test_the_account_is_that_of_the_unit(tmp_path: Path, user: str, config: str, found: str | None) -> None:
    """Of a unit that starts the daemon with this configuration, and with no other."""
    assert account_of_daemon(Path("/etc/pandad/pandad.toml"), [tmp_path]) is None
    (tmp_path / "pandad.service").write_text(UNIT.format(user=user, config=config))
    account = account_of_daemon(Path("/etc/pandad/pandad.toml"), [tmp_path])
    assert (account and account.pw_name) == found


BECOME = """
import os, sys
from pathlib import Path
from pandad.doctor import account
account.account_of_daemon.__defaults__ = ([Path(sys.argv[1])],)
account.become_daemon(Path("/etc/pandad/pandad.toml"))
print(os.getuid(), os.geteuid(), os.getgid(), os.environ["HOME"])
"""


def test_root_becomes_the_daemon(tmp_path: Path) -> None:
    """For good; anybody else stays who he is."""
    (tmp_path / "pandad.service").write_text(UNIT.format(user="nobody", config="/etc/pandad/pandad.toml"))
    done = subprocess.run([sys.executable, "-c", BECOME, str(tmp_path)], capture_output=True, text=True, check=True,
                          env=environment_of_pandad())
    nobody = pwd.getpwnam("nobody")
    uid, gid, home = nobody.pw_uid, nobody.pw_gid, nobody.pw_dir
    if os.geteuid():
        uid, gid, home = os.getuid(), os.getgid(), os.environ["HOME"]
    assert done.stdout.split() == [str(uid), str(uid), str(gid), home]


def test_without_a_unit_nobody_changes(tmp_path: Path) -> None:
    """As in a sandbox."""
    before = os.geteuid()
    become_daemon(tmp_path / "pandad.toml")
    assert os.geteuid() == before
