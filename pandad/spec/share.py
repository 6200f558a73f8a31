"""Shares: which part of the work a job belongs to, for the order in which jobs go out. (PanDA: global shares, gshare.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pandad.spec.account import Directory
from pandad.spec.caller import Identity
from pandad.spec.line import Line

AGEING_S = 24 * 3600  # a user job that has been activated for so long gains priority, and again each day (PanDA: copyArchive)
AGEING_GAIN = 40


class Work(StrEnum):
    """Type of work."""

    PRODUCTION = "production"
    ANALYSIS = "analysis"
    TEST = "test"


MANAGED = "managed"
PRODUCTION_LABELS = frozenset({MANAGED, "prod_test", "install"})
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
    """Who has a cap: a user, by all identities of his, or a working group, by name; and how many cores it is."""

    who: frozenset[Identity] | str
    cores: int

    @property
    def name(self) -> str:
        """For a person."""
        if isinstance(self.who, str):
            return f"group {self.who}"
        return f"user {' alias '.join(sorted(identity.subject for identity in self.who))}"


CapsOf = Callable[[Line], Sequence[Capped]]
"""The caps that hold for the jobs of a line."""


def caps_by(user_cap: int, group_caps: Mapping[str, int], directory: Directory) -> CapsOf:
    """What each user and some groups may have at most.

    :param user_cap: 0 is none. :param directory: whose identities are one user.
    """

    def caps_of(line: Line) -> Sequence[Capped]:
        group = group_caps.get(line.working_group)
        of_user = [Capped(directory.person(line.owner), user_cap)] if user_cap else []
        return of_user if group is None else [*of_user, Capped(line.working_group, group)]

    return caps_of
