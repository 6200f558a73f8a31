"""The brake of the daemon on the simulated grid: its own judgement, on a table that is a dictionary here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pandad.brokerage.brake import MEMORY_S, BrakeLimits, Verdict, is_borne_out, judge, suspects
from pandad.config import BrokerageConfig
from pandad.spec.facts import Brake, Eaten, Ends, Probe

from .jobs import Job
from .known import EPOCH
from .place import End

Look = Callable[[Collection[str]], Mapping[str, Sequence[Eaten]]]


@dataclass(slots=True)
class _Test:
    """A test job: where it was sent, and how its attempt there ended, and when."""

    job: Job
    site: int
    sent: int  # attempts before
    end: End | None = None
    at: float = 0.0

    def probe(self, now: float) -> Probe:
        """As the task buffer tells of it."""
        has_begun = self.job.attempts > self.sent
        is_gone = self.end is None and (has_begun and self.job.attempts > self.sent + 1 or self.job.site != self.site)
        lived_s = (self.at if self.end is not None else now) - self.job.began if has_begun else None
        return Probe(self.job.panda_id, self.job.task.user, lived_s, self.end not in (None, End.FINISHED),
                     self.end is End.FINISHED, is_gone)


@dataclass(slots=True)
class _Braked:
    since: float
    why: str
    level: int
    until: float
    tests: dict[int, _Test] = field(default_factory=dict)


class Brakes:
    """Which queues are braked, and what tests them."""

    def __init__(self, config: BrokerageConfig) -> None:
        self._wanted = config.brake_probes
        self._limits = BrakeLimits(config.brake_failures, config.brake_s, config.brake_owners)
        self._braked: dict[str, _Braked] = {}
        self._released: dict[str, tuple[float, int]] = {}  # when, and the level until then
        self.times = 0  # a queue was braked

    def known(self, now: float) -> dict[str, Brake]:
        """As brokerage is told."""
        return {queue: self._told(each, now) for queue, each in self._braked.items()}

    def _told(self, each: _Braked, now: float) -> Brake:
        owners = frozenset(test.job.task.user for test in each.tests.values())
        return Brake(_date(each.since), each.why, each.level, _date(each.until), each.until <= now, tuple(each.tests), owners)

    def placed(self, queue: str, job: Job, site: int) -> None:
        """A job goes to the queue: to test it, if it is braked."""
        if queue in self._braked:
            self._braked[queue].tests[job.panda_id] = _Test(job, site, job.attempts)

    def ended(self, queue: str, job: Job, end: End, now: float) -> None:
        """An attempt there is over."""
        test = self._braked[queue].tests.get(job.panda_id) if queue in self._braked else None
        if test is not None and test.end is None and job.attempts == test.sent + 1:
            test.end, test.at = end, now

    def tests(self, queue: str, job: Job) -> bool:
        """Whether that is why the job is there."""
        return job.panda_id in self._braked[queue].tests

    def judge(self, ends: Mapping[str, Ends], eaten: Look, now: float) -> None:
        """As the daemon's loop does.

        :param eaten: tells whose jobs failed fast at these queues.
        """
        window_s = self._limits.pause_s
        self._released = {queue: (at, level) for queue, (at, level) in self._released.items() if at > now - MEMORY_S}
        spared = {queue for queue, (at, _) in self._released.items() if at > now - window_s}
        found = suspects(ends, self._braked.keys() | spared, self._limits)
        whose = eaten(found) if found else {}
        found = {queue: why for queue, why in found.items() if is_borne_out(whose[queue], self._limits)}
        for queue, each in list(self._braked.items()):
            verdict = judge([test.probe(now) for test in each.tests.values()], self._wanted)
            if verdict is Verdict.GOOD:
                del self._braked[queue]
                self._released[queue] = now, each.level
            elif verdict is Verdict.BAD:
                level = each.level + 1
                self._braked[queue] = _Braked(each.since, each.why, level, now + self._limits.pause_after(level))
            elif verdict is Verdict.VOID:
                each.tests.clear()
        for queue, why in found.items():
            level = self._released.pop(queue, (now, -1))[1] + 1
            self._braked[queue] = _Braked(now, why, level, now + self._limits.pause_after(level))
            self.times += 1


def _date(now: float) -> datetime:
    return EPOCH + timedelta(seconds=now)
