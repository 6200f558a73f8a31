"""A machine of one's own for the commands of a page: its own files, ports, processes and host name, made of this machine's.

All files are this machine's, and what is written goes to memory (an overlay); /run, /tmp and the network are empty. Process 1 is
systemd, or a shell that only waits. The checkout is at /usr/src/pandad. When the process that made it dies, so does all of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .blocks import REPOSITORY

SYSTEMD = "/lib/systemd/systemd"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"}
BOOT_LIMIT_S = 60.0
RUN_LIMIT_S = 300.0
POLL_S = 0.05

# What systemd would do to the kernel that both machines have, or wait for in vain.
MASKED = ("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-sysctl.service", "systemd-modules-load.service",
          "systemd-timesyncd.service", "systemd-networkd.service", "systemd-resolved.service", "systemd-logind.service",
          "systemd-journald-audit.socket", "systemd-random-seed.service", "systemd-binfmt.service", "systemd-pstore.service",
          "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
          "dev-hugepages.mount", "proc-sys-fs-binfmt_misc.automount", "kmod-static-nodes.service", "systemd-remount-fs.service",
          "getty.target", "postgresql.service", "apt-daily.timer", "apt-daily-upgrade.timer", "tmp.mount")

BOOT = r"""
set -e
root=$1 name=$2
mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir "$root/written" "$root/work" "$root/new" "$root/brought" "$root/bringing"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/written,workdir=$root/work" "$root/new"
cd "$root/new"
mount -t proc proc proc
mount -o bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
test -z "$3" || mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for each in null zero full random urandom tty; do touch dev/$each; mount --bind /dev/$each dev/$each; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for each in 0:stdin 1:stdout 2:stderr; do ln -s fd/${each%:*} dev/${each#*:}; done
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mkdir -m 1777 run/lock
rm -rf etc/machine-id etc/systemd/system/multi-user.target.wants etc/postgresql  # a cluster of this machine's is none of ours
: > etc/machine-id
mkdir -p etc/systemd/system
for each in $MASKED; do ln -sf /dev/null "etc/systemd/system/$each"; done
ip link set lo up
# What pages call the checkout, Python and the package mirror; /tmp is emptied at a boot.
mkdir -p usr/src/pandad opt/python opt/mirror
mount --rbind ".$CHECKOUT" usr/src/pandad
mount --rbind ".$PYTHON" opt/python
# An overlay of its own: it may lie in the .venv of the checkout, which is made anew there.
mount -t overlay overlay -o "lowerdir=$MIRROR,upperdir=$root/brought,workdir=$root/bringing" opt/mirror
mount -t tmpfs -o mode=1777 tmpfs tmp
hostname "$name"
echo "$name" > etc/hostname
printf '127.0.0.1 localhost\n127.0.0.1 %s %s\n' "$name" "${name%%.*}" > etc/hosts
mkdir -p "$root/new/mnt/old"
pivot_root . mnt/old
umount -l /mnt/old
shift 3
: > /run/booted
exec env -i container=pandad PATH="$PATH" "$@" < /dev/null
"""
HERE = {"CHECKOUT": str(REPOSITORY), "PYTHON": sys.base_prefix, "MIRROR": sysconfig.get_path("purelib")}
WAITING = ("/bin/sh", "-c", 'trap : TERM; while :; do sleep 1000 & wait "$!"; done')


class MachineError(Exception):
    """The machine did not start; with what it said."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command said, both streams as they came, and its exit code."""

    code: int
    said: str


def impossible(systemd: bool) -> str | None:
    """Why there can be no such machine here; None if there can."""
    missing = [name for name in ("unshare", "nsenter", "setpriv", "pivot_root", "ip") if shutil.which(name, path=PATH) is None]
    if os.geteuid() != 0:
        return "a machine of one's own needs root"
    if missing:
        return f"{', '.join(missing)} missing: install util-linux and iproute2"
    if systemd and not os.access(SYSTEMD, os.X_OK):
        return "systemd is not installed"
    if systemd and _cgroups() is None:
        return "there is no cgroup2 file system"
    return None


def _cgroups() -> Path | None:
    found = re.search(r"^\S+ (\S+) cgroup2 ", Path("/proc/mounts").read_text("utf-8"), re.MULTILINE)
    return Path(found[1]) if found else None


class Machine:
    """One machine. ``start`` returns when commands can run."""

    def __init__(self, name: str, systemd: bool) -> None:
        self.name, self._systemd = name, systemd
        self._root = Path(tempfile.mkdtemp(prefix="pandad-machine-"))
        self._group = _cgroups()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def start(self) -> None:
        """Boot.

        :raise MachineError: it did not come up.
        """
        first = (SYSTEMD, "--unit=basic.target", "--log-target=journal", "--show-status=no") if self._systemd else WAITING
        spaces = ["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--propagation", "private"]
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *spaces, *(["--cgroup"] if self._systemd else []),
                   "sh", "-c", BOOT, "boot", str(self._root), self.name, "cgroups" if self._systemd else "", *first]
        if self._systemd and self._group is not None:  # what it does to its cgroups stays below one of its own
            self._group = self._group / self._root.name
            self._group.mkdir()
            command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self._group), *command]
        self._log = (self._root.parent / f"{self._root.name}.log").open("w+b")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                                         env={"PATH": PATH, "MASKED": " ".join(MASKED), **HERE})
        ready = "systemctl is-system-running | grep -Eqx 'running|degraded'" if self._systemd else "test -e /run/booted"
        deadline = time.monotonic() + BOOT_LIMIT_S
        while not (self._find() and self.run(ready).code == 0):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise MachineError(f"{self.name} did not boot:\n{Path(self._log.name).read_text()}")
            time.sleep(POLL_S)

    def _find(self) -> bool:
        """Process 1, as this machine numbers it: the child of unshare."""
        assert self._process is not None
        pid = self._process.pid
        with suppress(FileNotFoundError, IndexError):
            self._pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return self._pid > 0

    def run(self, script: str, environment: Mapping[str, str] | None = None, limit_s: float = RUN_LIMIT_S) -> Outcome:
        """Run a script of bash there, as root; when it has ended, what it said."""
        command = [*self._enter(), "bash", "-c", f"cd /\n{script}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=limit_s, check=False, env={**ENVIRONMENT, **(environment or {})})
        return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"))

    def _enter(self) -> Sequence[str]:
        spaces = ["--mount", "--net", "--pid", "--uts", "--ipc", *(["--cgroup"] if self._systemd else [])]
        return ["nsenter", "--target", str(self._pid), *spaces, "--root"]

    def must(self, script: str, environment: Mapping[str, str] | None = None) -> str:
        """What a script says that ends well.

        :raise AssertionError: it did not; with what it said.
        """
        outcome = self.run(script, environment)
        assert outcome.code == 0, f"{script}\nexit code {outcome.code}:\n{outcome.said}"
        return outcome.said

    def copy(self, source: Path, target: str) -> None:
        """A folder of this machine, to there."""
        packed = subprocess.run(["tar", "--create", "--directory", source, "."], stdout=subprocess.PIPE, check=True).stdout
        unpack = ["sh", "-c", 'mkdir -p "$0" && tar --extract --directory "$0"', target]
        subprocess.run([*self._enter(), *unpack], input=packed, env=ENVIRONMENT, check=True)

    def stop(self) -> None:
        """All of it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._log.close()
            Path(self._log.name).unlink(missing_ok=True)
        if self._systemd and self._group is not None:
            _remove(self._group)
        self._root.rmdir()


def _remove(group: Path) -> None:
    """A cgroup that its last process may just be leaving."""
    deadline = time.monotonic() + BOOT_LIMIT_S
    while group.exists() and time.monotonic() < deadline:
        for each in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                each.rmdir()
        with suppress(OSError):
            group.rmdir()
        time.sleep(POLL_S)
