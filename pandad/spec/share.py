"""Shares: which part of the work a job belongs to, for the order in which jobs go out. (PanDA: global shares, gshare.)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pandad.spec.caller import Identity
from pandad.spec.line import Line

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


CAP_RELEASE = 0.9  # of a cap: only below it jobs come back, or each end of a job would be two moves (PanDA: 0.9)


@dataclass(frozen=True, slots=True)
class Capped:
    """Who has a cap: a user, by identity, or a working group, by name; and how many cores it is."""

    who: Identity | str
    cores: int

    @property
    def name(self) -> str:
        """For a person."""
        return f"group {self.who}" if isinstance(self.who, str) else f"user {self.who.subject}"


def caps_of(line: Line, user_cap: int, group_caps: Mapping[str, int]) -> Iterator[Capped]:
    """The caps that hold for the jobs of a line. ``user_cap``: 0 is none."""
    if user_cap:
        yield Capped(line.owner, user_cap)
    if line.working_group in group_caps:
        yield Capped(line.working_group, group_caps[line.working_group])
