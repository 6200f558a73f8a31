"""The section [log] of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pandad import configchecks
from pandad.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """What pandad says about itself."""

    level: str = setting(
        "Least important level to write; read again on reload", "info", choices=("debug", "info", "warn", "error", "critical")
    )
    format: str = setting(
        "text is for a person, json has one object a line; auto is json where systemd's journal reads, else text",
        "auto", choices=("auto", "text", "json"))
    file: Path | None = setting(
        'Log file; "" is standard error, which the journal keeps', None, on_disk=configchecks.writable_place
    )
