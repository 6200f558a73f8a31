"""The section [monitor] of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorConfig:
    """The pages at /, to read only; docs/how-to/monitor.md."""

    enabled: bool = setting("Serve them", True)
    strangers: bool = setting(
        "Show counts, queues and what is nobody's of jobs to who has no certificate and no token, on the port without TLS too",
        True)
