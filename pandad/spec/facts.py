"""What is known of queues, their pilots, storage and links at one instant: brokerage decides by it, and who asks why is shown it.

Windows are given in seconds back from the instant at which the facts were read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pandad.spec.file import FileName

BUCKET_S = 300  # what happens is counted by so many seconds

# A failed attempt that was over so soon, and cost its node next to nothing, is the mark of a broken node, which is free again at
# once and eats the next job. Where stage-in and the start of a payload work they take minutes; a payload that ran used CPU time.
FAST_S = 600
FAST_CPU_S = 60

USAGE_STEPS = 4  # buckets to each doubling of a quantity: a percentile is known to within a fifth

UNKNOWN_QUEUE = ""  # under this name all queues are counted that do not exist

# Why a pilot got nothing, beside the conditions of spec/capability.py.
NOTHING = "nothing"  # no job waited
CAP = "cap"          # its user or group had all its cores
TAKEN = "taken"      # others were quicker
ROLE = "role"        # it was no pilot's to ask


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs of a queue by where they are; ``activated``: also those that a pilot has and has not begun."""

    assigned: int = 0
    activated: int = 0
    running: int = 0
    transferring: int = 0

    @property
    def waiting(self) -> int:
        """Those that do not run yet."""
        return self.assigned + self.activated


@dataclass(frozen=True, slots=True)
class Pilots:
    """What the pilots of a queue did within a window.

    :param asked: calls for jobs. :param served: jobs given out.
    :param refused: by criterion, calls that got nothing because of it; "nothing" where no job waited at all.
    :param last: when one asked last, ever.
    :param heard: words of pilots on their jobs.
    :param last_heard: when one spoke last of its job, ever.
    """

    window_s: int = 0
    asked: int = 0
    served: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    last: datetime | None = None
    heard: int = 0
    last_heard: datetime | None = None

    @property
    def calls(self) -> int:
        """All calls of pilots (PanDA's SiteData: getJob and updateJob); none in three hours means that there is no pilot."""
        return self.asked + self.heard


@dataclass(frozen=True, slots=True)
class Refusal:
    """What kept jobs from a pilot: what it had, and what the nearest of them needs.

    :param lines: so many kinds of job are kept from it by this; 0 where it is not a matter of jobs.
    """

    criterion: str
    lines: int = 0
    have: object = None
    need: object = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a pilot, or of several alike.

    :param at: when one came last. :param demands: what it said of itself, by the names of spec/capability.py and without what it
        did not say. :param jobs: how many the last one got.
    :param refusals: if it got none, why; what kept most jobs from it first.
    """

    at: datetime
    demands: Mapping[str, object]
    jobs: int
    refusals: Sequence[Refusal] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """Jobs that pilots could take now, of one kind at one queue. ``label``: prodSourceLabel. ``cores``: of all of them."""

    queue: str
    resource_type: str
    label: str
    jobs: int
    cores: int


@dataclass(frozen=True, slots=True)
class Ends:
    """How jobs of a queue began and ended within a window.

    :param fast: of those failed, the ones that did so soon after their start: the mark of a broken node or site.
    :param causes: of those failed, how many by "source:code", such as "pilot:1137" or "taskBuffer:102".
    """

    window_s: int = 0
    started: int = 0
    finished: int = 0
    failed: int = 0
    fast: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Eaten:
    """Jobs alike that failed fast at a queue, and how those like them did at the others, within a window.

    :param of: their owner; of a group's, its task. :param well_elsewhere: those begun there that did not fail fast, or finished.
    """

    of: str
    fast: int
    fast_elsewhere: int = 0
    well_elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """Room at a storage endpoint. ``free_bytes`` is what jobs may still fill."""

    total_bytes: int
    free_bytes: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where copies of files are.

    :param copies: by file, the endpoints that have it and the bytes there; a file that is nowhere is left out.
    :param silent: endpoints that did not answer, and why: what is there is not known.
    """

    copies: Mapping[FileName, Mapping[str, int]] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """From one storage endpoint, or site, to another.

    :param distance: 0 is the same place, more is further (Rucio's distances); None where nobody said.
    :param backlog_bytes: what waits to be moved along it. :param blocked: nothing may be moved along it.
    """

    distance: int | None = None
    backlog_files: int = 0
    backlog_bytes: int = 0
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What the finished jobs of a task really used: how many they were, and the figures that 95 of 100 keep below."""

    jobs: int
    walltime_s: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class Scouting:
    """The jobs of a task that went before the others.

    :param jobs: PandaIDs. :param ended: how many of them are through. :param is_over: nobody waits for them any more.
    """

    jobs: frozenset[int] = frozenset()
    ended: int = 0
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Brake:
    """A queue on which jobs failed fast, many of them, while they did not elsewhere: it gets test jobs only.

    :param why: in figures, for a person. :param level: how many times in a row its test jobs failed.
    :param until: before this it gets no test jobs either. :param tested: whether that has passed.
    :param probes: PandaIDs of the test jobs that it got since then. :param owners: whose they are (prodUserName).
    """

    since: datetime
    why: str
    level: int
    until: datetime
    tested: bool
    probes: tuple[int, ...] = ()
    owners: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of a test job at a braked queue.

    :param lived_s: from its first word there to its end or to now. None: no pilot has begun it.
    :param has_failed, has_finished: its end there; neither: it has none yet. :param is_gone: it ended or went elsewhere untried.
    """

    panda_id: int
    owner: str
    lived_s: float | None = None
    has_failed: bool = False
    has_finished: bool = False
    is_gone: bool = False
