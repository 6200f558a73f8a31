"""Resource types: PanDA's four classes of jobs by cores and memory per core."""

from __future__ import annotations

from dataclasses import dataclass

HIMEM_THRESHOLD_MB = 2000  # per core, semantics: PanDA's default table


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A class of jobs; limits in cores and MB per core, None where open."""

    resource_name: str
    mincore: int
    maxcore: int | None
    minrampercore: int | None
    maxrampercore: int | None


RESOURCE_TYPES = (
    ResourceType("SCORE", 1, 1, None, HIMEM_THRESHOLD_MB),
    ResourceType("MCORE", 2, None, None, HIMEM_THRESHOLD_MB),
    ResourceType("SCORE_HIMEM", 1, 1, HIMEM_THRESHOLD_MB + 1, None),
    ResourceType("MCORE_HIMEM", 2, None, HIMEM_THRESHOLD_MB + 1, None),
)


def resource_type_of(cores: int, memory_mb: int) -> str:
    """The class of a job that needs that many cores and that much memory in all."""
    base = "SCORE" if cores <= 1 else "MCORE"
    return base + "_HIMEM" if memory_mb > HIMEM_THRESHOLD_MB * max(cores, 1) else base
