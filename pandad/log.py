"""Log lines: for a person as text, for the journal as JSON, from the configured level up, to standard error or to a file.

A line that is written while a call is answered names it: request id, who calls, and the PandaID it is about.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
)

from pandad import tracing
from pandad.config import LogConfig

JOURNAL = "JOURNAL_STREAM"  # systemd.exec(5): set where standard error goes to the journal
# sd-daemon(3): the journal takes this off the line and keeps it as the line's priority.
PRIORITIES = {LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}
LEVELS = tuple(level.name for level in LogLevel.iterconstants())

# What an event says may come from outside, and must not look like lines of ours, or turn their direction around.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OWN = frozenset({"log_level", "log_namespace", "log_time", "log_format", "log_failure", "log_text"})
_PANDA_ID = ("panda_id", "PandaID")

chosen = LogConfig()
"""Set once, by service.Options: twistd takes a logger by its name only, so the settings cannot be an argument."""
levels = LogLevelFilterPredicate(defaultLogLevel=LogLevel.info)
"""What is written; may change while the process runs."""


def observer() -> ILogObserver:
    """What twistd logs with."""
    stream = open(chosen.file, "a", encoding="utf-8") if chosen.file else sys.stderr  # noqa: SIM115 - open for life
    journal = chosen.file is None and JOURNAL in os.environ
    form = ("json" if journal else "text") if chosen.format == "auto" else chosen.format
    return writer(stream, json_line if form == "json" else text_line, journal)


def writer(stream: TextIO, line: Callable[[LogEvent], str], journal: bool) -> ILogObserver:
    """Lines into a stream, those that `levels` lets through."""
    shaped = (lambda event: f"<{_priority(event)}>{line(event)}") if journal else line
    return FilteringLogObserver(FileLogObserver(stream, shaped), [levels])


OBSERVER_NAME = f"{observer.__module__}.{observer.__qualname__}"


def choose(config: LogConfig) -> None:
    """Settle where the lines of this process go, before twistd asks for the observer."""
    global chosen
    chosen = config
    set_level(config.level)


def set_level(level: str, namespace: str = "") -> None:
    """Write from this level up, all or what a module (and those in it) says; for good until the next of these, or a restart."""
    if namespace:
        levels.setLogLevelForNamespace(namespace, LogLevel.levelWithName(level))
    else:
        levels.defaultLogLevel = LogLevel.levelWithName(level)
        levels.clearLogLevels()


def context_of(event: LogEvent) -> Iterator[tuple[str, str | int]]:
    """Which call the line belongs to: request, PandaID, identity, as far as they are known."""
    call = tracing.current.get()
    said = next((event[key] for key in _PANDA_ID if key in event), None)
    if call is not None:
        yield "request", call.request_id
    panda_id = said if said is not None or call is None else call.panda_id
    if panda_id is not None:
        yield "PandaID", panda_id
    if call is not None and call.subject is not None:
        yield "identity", call.subject


def text_line(event: LogEvent) -> str:
    """When, where, how bad, what, for which call; the traceback below it."""
    said = "\n    ".join(_CONTROL.sub("?", line) for line in formatEvent(event).split("\n"))
    about = " ".join(f"{name}={_CONTROL.sub('?', str(value))}" for name, value in context_of(event))
    level, where = event.get("log_level", LogLevel.info).name, event.get("log_namespace", "-")
    trace = "\n" + event["log_failure"].getTraceback().rstrip() if "log_failure" in event else ""
    return f"{_time(event).isoformat(timespec='milliseconds')} [{where}#{level}] {said}{about and f' ({about})'}{trace}\n"


def json_line(event: LogEvent) -> str:
    """One JSON object in one line: time, level, logger, message; request, PandaID, identity, traceback where there are such; and
    what the message was made of."""
    said = {name: value for name, value in event.items() if name not in _OWN and not name.startswith(("log_", "_"))
            and isinstance(value, str | int | float | bool)}
    line: dict[str, Any] = {
        **{name: value for name, value in said.items() if name.isidentifier() and name not in ("isError", "system", "time")},
        "time": _time(event).isoformat(timespec="milliseconds"), "level": event.get("log_level", LogLevel.info).name,
        "logger": event.get("log_namespace", "-"), "message": formatEvent(event), **dict(context_of(event))}
    if "log_failure" in event:
        line["message"] = line["message"] or str(event["log_failure"].value)
        line["traceback"] = event["log_failure"].getTraceback()
    return orjson.dumps(_encodable(line), default=str).decode() + "\n"


def _encodable(line: dict[str, Any]) -> dict[str, Any]:
    """JSON is UTF-8 and knows 64 bits; a log line is written whatever it says."""
    return {name: value.encode("utf-8", "replace").decode() if isinstance(value, str)
            else str(value) if isinstance(value, int) and not -2**63 <= value < 2**63 else value for name, value in line.items()}


def _time(event: LogEvent) -> datetime:
    return datetime.fromtimestamp(event.get("log_time", 0.0), UTC)


def _priority(event: LogEvent) -> int:
    return PRIORITIES[event.get("log_level", LogLevel.info)]
