"""The brake for queues that eat jobs: a broken node or site fails each job at once and takes the next. Pure.

Such a queue is told from a good one to which bad jobs came by the other queues, where the same jobs fail as well; and by whose
jobs they are, for bad ones may be pinned to one queue: of several owners, or like others that do well elsewhere. It then gets
nothing but a few test jobs at a time, each of another owner, so that one whose jobs are bad anywhere cannot keep it braked. When
they do well it is as any other; when they fail, the pause until the next ones doubles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil
from statistics import median_low

from pandad.spec.facts import FAST_S, Eaten, Ends, Probe

SHARE = 0.5  # of the jobs begun at a queue, that fail fast
TIMES_ELSEWHERE = 3.0  # the share at a queue in the middle of the others
WELL = 3  # jobs alike that did not fail fast elsewhere, from which they do well there
SEEN = 5  # jobs begun at a queue, from which its share counts for comparison
MOST_DOUBLINGS = 4  # the test jobs cost little: the longest pause is sixteen times the first
MEMORY_S = 24 * 3600  # a queue that is braked again so soon goes on where it was: one of its nodes may be broken


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """``failures``: fast ones, from which a queue may be braked; 0 is never. ``pause_s``: before the first test jobs.
    ``owners``: of so many the failures must be, or of jobs that do well elsewhere."""

    failures: int = 10
    pause_s: float = 600.0
    owners: int = 3

    def pause_after(self, level: int) -> float:
        """Before the next test jobs, s."""
        return self.pause_s * float(2 ** min(level, MOST_DOUBLINGS))


class Verdict(Enum):
    """What the test jobs say of their queue."""

    WAIT = "not known yet"
    GOOD = "they did well"
    BAD = "they failed"
    VOID = "they tell nothing: others are needed"


def suspects(ends: Mapping[str, Ends], spared: Collection[str], limits: BrakeLimits) -> dict[str, str]:
    """Queues to brake, each with the reason in figures.

    :param ends: of a window. :param spared: queues that are braked, or were released within the window.
    """
    shares = {queue: _share(each) for queue, each in ends.items()}
    found = {}
    for queue, each in ends.items():
        if queue in spared or not limits.failures or each.fast < limits.failures or shares[queue] < SHARE:
            continue
        others = [shares[name] for name, other in ends.items()
                  if name != queue and name not in spared and other.started >= SEEN]
        if others and shares[queue] >= TIMES_ELSEWHERE * median_low(others):
            found[queue] = (f"{each.fast} of {max(each.started, each.fast)} jobs begun there within {each.window_s // 60} minutes"
                            f" failed at once, elsewhere {median_low(others):.0%} do")
    return found


def is_borne_out(eaten: Sequence[Eaten], limits: BrakeLimits) -> bool:
    """Whether the failures at a suspect are its own fault, rather than that of a bad task or user: as many as it takes, of which
    each owner counts for a part. Of jobs that do well elsewhere all count."""
    most_of_one = ceil(limits.failures / limits.owners)
    by_owner: Counter[str] = Counter()
    proof = 0
    for each in eaten:
        if each.well_elsewhere >= max(WELL, TIMES_ELSEWHERE * each.fast_elsewhere):
            proof += each.fast
        else:
            by_owner[each.of] += each.fast
    return proof + sum(min(fast, most_of_one) for fast in by_owner.values()) >= limits.failures


def _share(ends: Ends) -> float:
    """Of the jobs begun, those that failed fast; so those that go on running speak for their queue before they end."""
    begun = max(ends.started, ends.fast)
    return ends.fast / begun if begun else 0.0


def judge(probes: Sequence[Probe], wanted: int) -> Verdict:
    """What test jobs say. Half of them in one direction is enough.

    :param wanted: how many test jobs there are to be.
    """
    good = sum(probe.has_finished or (not probe.has_failed and (probe.lived_s or 0) >= FAST_S) for probe in probes)
    bad = sum(probe.has_failed and (probe.lived_s or 0) < FAST_S for probe in probes)
    is_over = all(probe.has_failed or probe.has_finished or probe.is_gone or (probe.lived_s or 0) >= FAST_S for probe in probes)
    if good * 2 > wanted or (is_over and good and good >= bad):
        return Verdict.GOOD
    if bad * 2 > wanted or (is_over and bad):
        return Verdict.BAD
    return Verdict.VOID if is_over and probes else Verdict.WAIT
