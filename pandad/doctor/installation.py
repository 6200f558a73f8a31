"""What is looked at: a configuration as far as it can be read, and the host that it is on."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pandad.config import Config, configured
from pandad.doctor.finding import Finding, error
from pandad.tomlsource import Problem, Source, SourceError, Where, read, spell

CONFIGURATION = error(
    "configuration", "a key or a value in the configuration is wrong",
    "as the finding says; `pandad check --sample` shows all keys")

_STAND_IN = {"database": {"dsn": "dbname=pandad"}}  # the only key that has no default
_ROUNDS = 5  # of leaving out what is wrong; the second finds what only the first made visible


UNITS = tuple(map(Path, ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")))


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a figure is a finding; and how long one answer may take. A test lowers them."""

    long_transaction_s: float = 3600.0
    clock_skew_s: float = 10.0
    oldest_server: int = 130000
    disk_free_share: float = 0.05
    proxy_left_s: float = 6 * 3600.0
    loop_silent_periods: int = 3
    loop_silent_least_s: float = 120.0
    answer_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the looks are given.

    :param config: with defaults in the places of what is wrong. :param source: the text, for the lines of keys.
    :param left_out: the keys that are wrong; who reads them has nothing to look at. :param host: its full name.
    :param units: folders of systemd's.
    """

    config: Config
    source: Source
    now: datetime
    left_out: frozenset[Where] = frozenset()
    host: str = field(default_factory=socket.getfqdn)
    limits: Limits = Limits()
    units: tuple[Path, ...] = UNITS

    @property
    def folder(self) -> Path:
        """Of the configuration."""
        return Path(self.source.name).parent

    def place(self, *path: str | int) -> dict[str, str]:
        """Where a key stands, as a finding wants it; of a key that is not written, its section."""
        return {"place": f"{self.source.name}:{self.source.line(path)}", "key": spell(path)}

    def has(self, *path: str) -> bool:
        """Whether the value of a key, and of all in it, is what somebody wrote or its default."""
        return not any(out[: len(path)] == path or path[: len(out)] == out for out in self.left_out)

    @property
    def is_local(self) -> bool:
        """Whether only this host reaches it."""
        return self.config.server.interface in ("127.0.0.1", "::1")


def installation(path: Path, now: datetime) -> tuple[Installation | None, list[Finding]]:
    """The installation of a configuration file, None if nothing in it can be read; and all that is wrong in the text."""
    path = path.absolute()
    problems: list[Problem] = []
    try:
        source: Source | None = read(path)
    except SourceError as refused:
        problems, source = list(refused.problems), refused.rest
    if source is None:
        return None, [_finding(problem) for problem in problems]
    config, found = configured(source, path.parent, on_this_host=True, in_part=bool(problems))
    broken = {problem.path for problem in problems}
    problems = sorted((*problems, *found), key=lambda problem: problem.line)
    made = (config, set()) if config is not None else _without_mistakes(source, path.parent)
    findings = [_finding(problem) for problem in problems]
    if made is None:
        return None, findings
    return Installation(config=made[0], source=source, now=now, left_out=frozenset(made[1] | broken)), findings


def _finding(problem: Problem) -> Finding:
    text, _, remedy = problem.text.rpartition("; ")
    place = f"{problem.name}:{problem.line}"
    return replace(CONFIGURATION.found(text or remedy, place, problem.key), remedy=remedy if text else "")


def _without_mistakes(source: Source, folder: Path) -> tuple[Config, set[Where]] | None:
    left_out: set[Where] = set()
    for _ in range(_ROUNDS):
        config, problems = configured(source, folder, on_this_host=False)
        if config is not None:
            return config, left_out
        left_out |= {_key(problem.path) for problem in problems}
        source = source.without(_to_leave_out(source, problems))
        if any(problem.path == ("database", "dsn") for problem in problems):
            source.data = {**source.data, "database": {**source.data.get("database", {}), **_STAND_IN["database"]}}
    return None


def _key(path: Where) -> Where:
    """A list is right or wrong as a whole."""
    return tuple(path[: next((i for i, step in enumerate(path) if isinstance(step, int)), len(path))])


def _to_leave_out(source: Source, problems: Sequence[Problem]) -> Iterator[Where]:
    for problem in problems:
        path = _key(problem.path)
        while len(path) > 1 and not _is_written(source, path):  # something is missing in what is there
            path = path[:-1]
        yield path


def _is_written(source: Source, path: Where) -> bool:
    here: object = source.data
    for step in path:
        if not isinstance(here, dict) or step not in here:
            return False
        here = here[step]
    return True
