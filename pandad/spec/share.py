"""Shares: which part of the work a job belongs to, for the order in which jobs go out. (PanDA: global shares, gshare.)"""

from __future__ import annotations

from enum import StrEnum

AGEING_S = 24 * 3600  # a user job that has been activated for so long gains priority, and again each day (PanDA: copyArchive)
AGEING_GAIN = 40


class Work(StrEnum):
    """Type of work."""

    PRODUCTION = "production"
    ANALYSIS = "analysis"
    TEST = "test"


PRODUCTION_LABELS = frozenset({"managed", "prod_test", "install"})
ANALYSIS_LABELS = frozenset({"user", "panda", ""})


def work_of(label: str) -> Work:
    """The type of work of a prodSourceLabel."""
    if label in PRODUCTION_LABELS:
        return Work.PRODUCTION
    return Work.ANALYSIS if label in ANALYSIS_LABELS else Work.TEST


def share_name(working_group: str, label: str) -> str:
    """The share's name on a job: group/work, or only the work for those of no group."""
    work = work_of(label)
    return f"{working_group}/{work}" if working_group else str(work)
