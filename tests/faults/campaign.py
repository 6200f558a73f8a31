"""A campaign: rounds of faults under load. Each round ends without faults, drained, and with everything checked."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar, TypeVar

from twisted.internet.defer import Deferred

from pandad.cli.main import VERBS
from pandad.embedded.daemon import environment_of_pandad

from .checker import Verdict, judge
from .crowd import Crowd, Habits
from .results import Result
from .stand import QUEUE, Stand
from .stored import Observer, observe

T = TypeVar("T")

DRAIN_LIMIT_S = 180.0
DRAIN_POLL_S = 0.2
FSCK_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far to go: so many cycles, or until that moment of the monotonic clock; `stopped` says that somebody wants an end."""

    cycles: int
    until_s: float
    stopped: Callable[[], bool]

    def reached(self, cycles: int) -> bool:
        """Whether to stop now."""
        return cycles >= self.cycles or time.monotonic() > self.until_s or self.stopped()


def settled(work: Coroutine[Any, Any, T] | Deferred[T]) -> Awaitable[T]:
    """Something of Twisted, for asyncio to wait for."""
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
    return deferred.asFuture(asyncio.get_running_loop())


class Campaign(ABC):
    """What all have in common. A subclass breaks things; the rest is here.

    ``cycles``: by default. ``round_cycles``: between two checks. ``jobs_per_cycle``: that users may submit.
    """

    name: ClassVar[str]
    cycles: ClassVar[int]
    round_cycles: ClassVar[int] = 20
    daemons: ClassVar[int] = 2
    jobs_per_cycle: ClassVar[int] = 100
    habits: ClassVar[Habits] = Habits()

    def __init__(self, reactor: Any, directory: Path, seed: int) -> None:
        self._reactor, self._seed = reactor, seed
        self.stand = self.build(directory)
        self.figures: dict[str, float] = {}
        self.total = Result(self.name, "", (seed, seed - 1))

    @abstractmethod
    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """A fault, and back to what it was; how many there were."""

    def build(self, directory: Path) -> Stand:
        """What is broken here, not started yet."""
        return Stand(self._reactor, directory, self.daemons)

    async def complaints(self, crowd: Crowd, after: int) -> list[str]:
        """At the end of a round: sentences, one for each violation of what only this campaign looks at.

        :param after: the last PandaID of the round before.
        """
        return []

    async def calm(self) -> None:  # noqa: B027  # most faults end by themselves
        """Faults end, for the drain."""

    def doors(self) -> dict[str, Any]:
        """Where users and pilots go."""
        return {user: self.stand.doors_for(user) for user in ("alice", "pilot")}

    async def open(self) -> None:
        """Bring everything up."""
        await settled(self.stand.start())

    async def close(self) -> None:
        """Bring everything down; the directory stays."""
        await settled(self.stand.stop())

    async def run(self, bounds: Bounds, commit: str, say: Callable[[str], None]) -> Result:
        """Rounds until the bounds are reached or one fails; what fails is on disk as evidence."""
        began = time.monotonic()
        self.total = replace(self.total, commit=commit)
        try:
            await self.open()
            while not self.total.failures and (not self.total.cycles or not bounds.reached(self.total.cycles)):
                left = replace(bounds, cycles=min(self.round_cycles, bounds.cycles - self.total.cycles))
                done = await self._round(self.total.seeds[1] + 1, left)
                self.total = replace(self.total + done, fsck=done.fsck, seconds=time.monotonic() - began)
                say(f"{self.name}: seed {self.total.seeds[1]}, {self.total.cycles} cycles, {self.total.jobs} jobs, "
                    f"{self.total.failures} failures, {self.total.seconds / self.total.cycles:.2f} s a cycle")
        finally:
            await self.close()
        return self.total

    async def _round(self, seed: int, bounds: Bounds) -> Result:
        dice, cycles, observer = Random(seed), 0, await self._observer()
        after = await settled(observer.highest())
        observer.close()
        crowd = Crowd(self.doors(), self.stand.storage, QUEUE, seed, self.habits)
        crowd.start()
        while not cycles or not bounds.reached(cycles):
            crowd.quota += self.jobs_per_cycle
            cycles += await self.cycle(crowd, dice)
            crowd.check()
        await self.calm()
        return replace(await self._reckoned(crowd, after, seed), cycles=cycles)

    async def _reckoned(self, crowd: Crowd, after: int, seed: int) -> Result:
        """Drain, look, and say what was wrong."""
        observer = await self._observer()
        try:
            drained_s = await self._drain(observer, crowd, after)
            await crowd.dismiss()
            stored = await settled(observer.stored(after))
            back_s = round(await settled(observer.back_s(after)), 1)
        finally:
            observer.close()
        verdict = judge(crowd.history, stored)
        clean, fsck = await self._fsck()
        self._note(drain_s=drained_s, back_in_queue_s=back_s)
        complaints = await self.complaints(crowd, after)
        failures = verdict.failures + crowd.history.incidents + (not clean) + len(complaints)
        if failures:
            self._keep(seed, verdict, crowd, complaints=complaints, fsck=fsck)
        return replace(
            Result(self.name, "", (seed, seed)).judged(verdict), jobs=len(stored.jobs), calls=crowd.history.calls,
            unanswered=crowd.history.unanswered, fsck=fsck.partition("\n")[0], failures=failures, figures=dict(self.figures))

    async def _drain(self, observer: Observer, crowd: Crowd, after: int) -> float:
        """No faults any more: everything must come to an end. How long it took; who does not end is found by the check."""
        began = time.monotonic()
        while time.monotonic() - began < DRAIN_LIMIT_S:
            live = await settled(observer.live(after))
            if not live and crowd.submitted >= crowd.quota:
                break
            crowd.check()
            await asyncio.sleep(DRAIN_POLL_S)
        return round(time.monotonic() - began, 1)

    async def _fsck(self) -> tuple[bool, str]:
        """Whether the database is in order, by its own check, and what that says."""
        if "fsck" not in VERBS:
            return True, "no such verb"
        code, text = await run_python("-m", "pandad.cli", "fsck", "--config", str(self.stand.config_file()), "--json")
        return code == 0, "clean" if code == 0 else f"exit {code}\n{text}"

    async def _observer(self) -> Observer:
        return await settled(observe(self._reactor, self.stand.database))

    def _note(self, **figures: float) -> None:
        """Keep the largest."""
        for name, value in figures.items():
            self.figures[name] = max(value, self.figures.get(name, 0))

    def _keep(self, seed: int, verdict: Verdict, crowd: Crowd, **more: object) -> None:
        found = {"campaign": self.name, "seed": seed, **vars(verdict), **more, "history": crowd.history.evidence()}
        (self.stand.directory / f"evidence-{seed}.json").write_text(json.dumps(found, indent=1, default=str), "utf-8")


async def run_python(*words: str) -> tuple[int, str]:
    """A program of this Python, run to its end: exit code and all that it said."""
    environ = environment_of_pandad()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environ)
    text, _ = await asyncio.wait_for(process.communicate(), FSCK_LIMIT_S)
    return process.returncode or 0, text.decode("utf-8", "replace")

