"""Where log lines go: text to standard error or to a file, from the configured level up."""

from __future__ import annotations

import sys

from twisted.logger import FilteringLogObserver, ILogObserver, LogLevel, LogLevelFilterPredicate, textFileLogObserver

from pandad.config import LogConfig

chosen = LogConfig()
"""Set once, by service.Options: twistd takes a logger by its name only, so the settings cannot be an argument."""


def observer() -> ILogObserver:
    """What twistd logs with."""
    stream = open(chosen.file, "a", encoding="utf-8") if chosen.file else sys.stderr  # noqa: SIM115 - open for life
    threshold = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(chosen.level))
    return FilteringLogObserver(textFileLogObserver(stream), [threshold])


OBSERVER_NAME = f"{observer.__module__}.{observer.__qualname__}"


def choose(config: LogConfig) -> None:
    """Settle where the lines of this process go, before twistd asks for the observer."""
    global chosen
    chosen = config
