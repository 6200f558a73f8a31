"""Resource types: each job has exactly one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pandad.spec.resourcetype import HIMEM_THRESHOLD_MB, RESOURCE_TYPES, ResourceType, resource_type_of

CORES = st.integers(1, 256)
MEMORY_MB = st.integers(0, 2_000_000)


def covers(kind: ResourceType, cores: int, memory_mb: int) -> bool:
    """By the definition: limits on cores, and on memory per core where it is rounded up."""
    per_core = -(-memory_mb // cores)
    return kind.mincore <= cores <= (kind.maxcore or cores) and (kind.minrampercore or 0) <= per_core <= (
        kind.maxrampercore or per_core
    )


@given(CORES, MEMORY_MB)
def test_exactly_one_type_covers_a_job(cores: int, memory_mb: int) -> None:
    """The table leaves no gap and no overlap, and the function agrees with the table."""
    assert [t.resource_name for t in RESOURCE_TYPES if covers(t, cores, memory_mb)] == [resource_type_of(cores, memory_mb)]


def test_borders() -> None:
    """One core and two, the threshold and one more: PanDA's four names."""
    assert resource_type_of(1, HIMEM_THRESHOLD_MB) == "SCORE"
    assert resource_type_of(1, HIMEM_THRESHOLD_MB + 1) == "SCORE_HIMEM"
    assert resource_type_of(2, 2 * HIMEM_THRESHOLD_MB) == "MCORE"
    assert resource_type_of(2, 2 * HIMEM_THRESHOLD_MB + 1) == "MCORE_HIMEM"


def test_no_cores_said_is_one() -> None:
    """A job that does not say how many cores it wants gets one."""
    assert resource_type_of(0, 100) == "SCORE"
