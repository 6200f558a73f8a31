"""From an older pandad to this one and back, on a machine of its own: ``python -m tests.docs COMMIT``.

The older one is installed with its own files and a configuration of few keys, with jobs under way; then docs/how-to/upgrade.md is
gone through, and the way back that fits: the older pandad on the newer schema where it can work on it, else the dump that was
made before. Prints what was done.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from . import host as hosts
from . import pilots
from .blocks import REPOSITORY, Page, read
from .distribution import write
from .machine import Machine, impossible
from .session import Step, complaints, steps
from .upgrading import LOOKED, UPGRADED

CONFIG = "[database]\ndsn = 'dbname=pandad'\n[identity]\npilot = []\n"  # of a whole sample one of the two might not know all keys
OLD = "/usr/src/pandad-old"
INSTALL, UPGRADE = (read(REPOSITORY / "docs" / "how-to" / name) for name in ("install.md", "upgrade.md"))
WORDS = {"NEW": hosts.CHECKOUT, "OLD": OLD}
RESTORE = f"""systemctl stop pandad.socket pandad && /opt/pandad/bin/pip install --quiet --force-reinstall {OLD}
su postgres -c 'dropdb pandad && createdb --owner=pandad pandad'
runuser -u pandad -- pg_restore --single-transaction --no-owner --dbname=dbname=pandad /var/tmp/before.dump
runuser -u pandad -- pandad fsck --after-restore --repair && systemctl start pandad.socket pandad"""


def put_old_version(machine: Machine, commit: str) -> None:
    """Its checkout."""
    with tempfile.TemporaryDirectory(prefix="pandad-old-") as directory:
        packed = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "--extract", "--directory", directory], input=packed, check=True)
        machine.copy(Path(directory), OLD)


def of(page: Page) -> list[Step]:
    """Its commands, from the old version to this one."""
    return list(steps(page.commands, WORDS, {}))


def gone_through(machine: Machine, wanted: list[Step], folder: str) -> None:
    """:raise AssertionError: something did not go as the page says."""
    found = complaints(machine, wanted, folder, hosts.ENVIRONMENT)
    assert not found, "\n\n".join(found)


def there_and_back(machine: Machine, commit: str) -> str:
    """What was done."""
    hosts.set_up(machine)
    put_old_version(machine, commit)
    for step in of(INSTALL):
        machine.must(f"cd {OLD}\n{step.command}", hosts.ENVIRONMENT)  # what it says may have changed since
    write(machine, "/etc/pandad/pandad.toml", CONFIG)
    pilots.set_up(machine)
    pilots.submit(machine)
    running = pilots.acquire(machine)
    before = machine.must(f"ls {OLD}/pandad/taskbuffer/schema | tail -n 1").split("_")[0]
    plan = machine.must(f"/opt/pandad/bin/pip install --quiet {hosts.CHECKOUT} && runuser -u pandad -- pandad upgrade")
    by_install = "the way back: install" in plan
    gone_through(machine, of(UPGRADE)[LOOKED:UPGRADED], hosts.CHECKOUT)
    assert pilots.report(machine, running, "running") is None
    second = pilots.acquire(machine)
    if by_install:
        gone_through(machine, of(UPGRADE)[UPGRADED:], hosts.CHECKOUT)
    else:
        machine.must(RESTORE)
    told = [pilots.report(machine, each, "running") for each in (running, second)]
    assert told == [None, None if by_install else "tobekilled"], told
    machine.must("runuser -u pandad -- pandad fsck")
    way = "by installing it again" if by_install else "by the dump"
    return f"{plan}\n{commit}, schema {before}, to this pandad with jobs under way, and back {way}: as the page says"


def main() -> int:
    """0: it went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__)
    parser.add_argument("commit", metavar="COMMIT", help="the older pandad")
    args = parser.parse_args()
    if (reason := impossible(systemd=True)) is not None:
        sys.stderr.write(f"{reason}\n")
        return 1
    machine = Machine(hosts.NAME, systemd=True)
    machine.start()
    try:
        sys.stdout.write(f"{there_and_back(machine, args.commit)}\n")
    finally:
        machine.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
