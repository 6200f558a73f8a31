"""This host: disks, the console's socket, and the systemd unit beside the configuration."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.installation import Installation

PAGE, SERVICE, CONSOLE = "reference/checks.md", "operations.md#the-service", "reference/console.md"
DISK = warning("disk-full", "the disk of a folder that pandad writes in, or serves, is nearly full", "make room on {path}", PAGE)
CONSOLE_TAKEN = error(
    "console-taken", "something else lies where the console's socket should be", "rm {path}, if it is nobody's", CONSOLE)
CONSOLE_FOREIGN = warning(
    "console-foreign", "the console's socket belongs to another account", "stop that pandad, or write another path", CONSOLE)
UNIT_TYPE = warning(
    "unit-type", "the unit does not wait until pandad is ready", "write Type=notify, as etc/pandad.service has it", SERVICE)
UNIT_CONFIG = warning(
    "unit-config", "the unit starts pandad with another configuration than this one", "run: pandad doctor --config {path}",
    SERVICE)
UNIT_STOP = warning(
    "unit-stop", "systemd kills pandad before it has stopped",
    "write TimeoutStopSec={least} into the unit, or lower server.stop_s", SERVICE)
UNIT_FILES = warning(
    "unit-files", "pandad may not open as many connections as limits.connections says",
    "write LimitNOFILE={least} into the unit, or lower limits.connections", SERVICE)
UNIT_PORTS = error(
    "unit-ports", "systemd listens on other ports than the configuration names: pandad does not start",
    "write the ports of [server] into the ListenStream= of pandad.socket", SERVICE)
UNIT_PATHS = error(
    "unit-paths", "systemd keeps pandad from writing in a folder", "write ReadWritePaths={path} into the unit", SERVICE)

OWN_FILES = 200
STOP_GRACE_S = 3.0

Unit = dict[str, list[str]]


def host(seen: Installation) -> Iterator[Finding]:
    """Disks and the console."""
    for path in (seen.config.log.file, seen.config.cache.folder, *seen.config.dataservice.endpoints.values()):
        folder = next((each for each in (path, *path.parents) if each.is_dir()), None) if path is not None else None
        usage = shutil.disk_usage(folder) if folder is not None else None
        if usage is not None and usage.free < seen.limits.disk_free_share * usage.total:
            yield DISK.found(f"{usage.free >> 20} MB of {usage.total >> 20} are left for {path}", path=folder)
    socket = seen.config.console.socket
    if socket is not None and os.path.lexists(socket):
        found, where = socket.lstat(), seen.place("console", "socket")
        if not stat.S_ISSOCK(found.st_mode):
            yield CONSOLE_TAKEN.found(f"{socket} is no socket", **where, path=socket)
        elif os.geteuid() and found.st_uid not in (os.geteuid(), 0):
            yield CONSOLE_FOREIGN.found(f"{socket} belongs to uid {found.st_uid}", **where)


def units(seen: Installation) -> Iterator[Finding]:
    """The installed units, if there are some."""
    service, socket = (unit_of(seen.units, f"pandad.{kind}") for kind in ("service", "socket"))
    if service:
        yield from _service(seen, service)
    wanted = {seen.config.server.tls_port, seen.config.server.http_port}
    listens = {int(port) for each in socket.get("ListenStream", ()) if (port := each.rpartition(":")[2]).isdigit()}
    if listens and not listens <= wanted:
        yield UNIT_PORTS.found(f"pandad.socket has {_listed(listens)}, and [server] {_listed(wanted)}", **seen.place("server"))


def _listed(numbers: set[int]) -> str:
    return " and ".join(map(str, sorted(numbers)))


def unit_of(folders: Sequence[Path], name: str) -> Unit:
    """Its settings, with those of its drop-ins behind; empty if there is none."""
    files = [folder / name for folder in folders if (folder / name).is_file()][:1]
    files += sorted(file for folder in folders for file in folder.glob(f"{name}.d/*.conf")) if files else []
    found: Unit = {}
    for file in files:
        for line in file.read_text("utf-8", "replace").splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith(("#", ";")):
                found[key] = [*found.get(key, []), value.strip()] if value.strip() else []
    return found


def _service(seen: Installation, unit: Unit) -> Iterator[Finding]:
    if not last(unit, "Type", "simple").startswith("notify"):
        yield UNIT_TYPE.found(f"Type={last(unit, 'Type', 'simple')}")
    named = config_of(unit)
    if named not in (None, Path(seen.source.name)):
        yield UNIT_CONFIG.found(f"ExecStart= has {named}, and this is {seen.source.name}", path=named)
    stop_s, least_s = _seconds(last(unit, "TimeoutStopSec", "90")), seen.config.server.stop_s + STOP_GRACE_S
    if stop_s is not None and stop_s < least_s:
        yield UNIT_STOP.found(f"TimeoutStopSec={stop_s:g}, and server.stop_s is {seen.config.server.stop_s:g}",
                              **seen.place("server", "stop_s"), least=int(least_s) + 1)
    files, least = last(unit, "LimitNOFILE", "524288").rpartition(":")[2], seen.config.limits.connections + OWN_FILES
    if files.isdigit() and int(files) < least:
        yield UNIT_FILES.found(f"LimitNOFILE={files}, and limits.connections is {seen.config.limits.connections}", least=least,
                               **seen.place("limits", "connections"))
    yield from _paths(seen, unit)


def _paths(seen: Installation, unit: Unit) -> Iterator[Finding]:
    """What a file system that is read-only for the service leaves out."""
    if last(unit, "ProtectSystem", "no") != "strict":
        return
    open_to_us = [Path(path.lstrip("-+")) for value in unit.get("ReadWritePaths", ()) for path in value.split()]
    open_to_us += [Path("/var/lib") / each for each in unit.get("StateDirectory", ())]
    open_to_us += [Path("/var/log") / each for each in unit.get("LogsDirectory", ())]
    open_to_us += [Path("/run") / each for each in unit.get("RuntimeDirectory", ())]
    for path in (seen.config.log.file, seen.config.server.ports_file, seen.config.console.socket):
        if path is not None and not any(path.is_relative_to(folder) for folder in open_to_us):
            yield UNIT_PATHS.found(f"ProtectSystem=strict, and {path} lies in none of its folders", path=path.parent)


def config_of(unit: Unit) -> Path | None:
    """The configuration that it starts the daemon with, if it names one."""
    words = last(unit, "ExecStart", "").split()
    return Path(words[words.index("--config") + 1]) if "--config" in words[:-1] else None


def last(unit: Unit, key: str, usual: str) -> str:
    """What counts of a setting that may stand there several times."""
    return (unit.get(key) or [usual])[-1]


def _seconds(written: str) -> float | None:
    """None for what has no end, and for what only systemd understands."""
    number = written.removesuffix("sec").removesuffix("s").strip()
    return float(number) if number.replace(".", "", 1).isdigit() else None
