"""The section [cache] of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pandad import configchecks
from pandad.settings import setting

DAY_S = 24 * 3600
MOST_MIB = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """What people upload for their jobs (sandboxes of prun and pathena); anybody who knows a name may fetch it at /cache/."""

    folder: Path | None = setting(
        'Where it lies; daemons on several hosts share the folder; "" takes no uploads', None,
        on_disk=configchecks.writable_directory)
    sources_mib: int = setting("The most that one with the sources for a build (sources.*) may have", 768, low=1, high=MOST_MIB)
    other_mib: int = setting("The same, any other", 10, low=1, high=MOST_MIB)
    person_mib: int = setting("All of one person together", 20_480, low=1, high=10**9)
    free_mib: int = setting("What has to stay free in the folder", 1024, low=0, high=10**9)
    uploads: int = setting("At the same time, in one process; a person has at most a quarter of them", 40, low=4, high=10_000)
    keep_s: int = setting("Removed when nobody asked for it for so long, and no job or task that is not done names it", 7 * DAY_S,
                          low=60, high=3650 * DAY_S)
