"""A cut at every statement border of every mutating call and loop; then the job must end as if there had been none."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from pandad.spec.jobstatus import JobStatus

from .campaign import Bounds, settled
from .checker import Verdict, judge
from .lives import Life, Place, Stuck
from .results import Result
from .scalpel import Cut, Scalpel
from .scenarios import SCENARIOS
from .stand import Stand
from .stored import observe
from .ways import Scenario

CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Case:
    """One cut. ``statement``: its beginning."""

    scenario: Scenario
    border: int
    cut: Cut
    statement: str

    def __str__(self) -> str:
        return f"{self.scenario.__name__}: {self.cut} statement {self.border} ({self.statement})"


async def cases(place: Place, lives: Collection[str] = ()) -> list[Case]:
    """Every border of every scenario, or of those of these names, found by leading the lives undisturbed; with every kind of
    cut."""
    found = []
    for scenario in [each for each in SCENARIOS if not lives or each.__name__ in lives]:
        scalpel = Scalpel()
        life = Life(place, scalpel)
        await scenario(life)
        await life.finish()
        await life.end()
        found += [Case(scenario, number, kind, " ".join(text.split()[:4])) for number, text in enumerate(scalpel.borders)
                  for kind in Cut]
    return found


async def lead(place: Place, case: Case) -> tuple[Verdict, list[str], bool]:
    """One life with its cut, to its end: what was wrong with it, what fsck and the audit say, and whether the border was met."""
    life = Life(place, Scalpel(case.border, case.cut))
    after = await place.observer.highest()
    stuck = ""
    try:
        await case.scenario(life)
        await life.finish()
    except Stuck as error:
        stuck = str(error)
    await life.clear_others()
    verdict = judge(life.history, await place.observer.stored(after))
    status = await life.status() if life.job_id else None
    flaws = [f"{case}: {text}" for text in await life.flaws()]
    await life.end()
    return _named(case, verdict, stuck, status), flaws, life.scalpel.cut


def _named(case: Case, verdict: Verdict, stuck: str, status: JobStatus | None) -> Verdict:
    """The verdict, each sentence with its case."""
    expected = SCENARIOS[case.scenario]
    if stuck:
        verdict.lost.append(stuck)
    elif expected is not None and status is not expected:
        verdict.lost.append(f"the job is {status}")
    return Verdict(**{kind: [f"{case}: {text}" for text in found] for kind, found in vars(verdict).items()})


class CrashPoints:
    """All cases in an order by the seed; a cycle is a case. ``lives``: the names of those to lead; none: all."""

    name, cycles = "crashpoints", 1_000_000
    lives: Collection[str] = ()

    def __init__(self, reactor: Any, directory: Path, seed: int) -> None:
        self._reactor, self._seed = reactor, seed
        self.total = Result(self.name, "", (seed, seed), fsck=CLEAN)
        self.stand = Stand(reactor, directory, 0, fsync=False)

    async def run(self, bounds: Bounds, commit: str, say: Callable[[str], None]) -> Result:
        """Case by case until the bounds are reached; a failure does not hide the others."""
        began = time.monotonic()
        self.total = replace(self.total, commit=commit)
        try:
            await settled(self.stand.start())
            observer = await settled(observe(self._reactor, self.stand.database))
            place = Place(self._reactor, self.stand.database, self.stand.storage, observer)
            found = await settled(cases(place, self.lives))
            say(f"{self.name}: {len(found)} cases")
            Random(self._seed).shuffle(found)
            for case in found:
                if bounds.reached(self.total.cycles):
                    break
                self.total = self.total + await self._case(place, case, say)
            observer.close()
        finally:
            await settled(self.stand.stop())
        return replace(self.total, seconds=time.monotonic() - began, figures={"cases": len(found)})

    async def _case(self, place: Place, case: Case, say: Callable[[str], None]) -> Result:
        verdict, flaws, met = await settled(lead(place, case))
        for text in itertools.chain(*vars(verdict).values(), flaws):
            say(text)
        one = Result(self.name, "", (self._seed, self._seed), cycles=int(met), jobs=1, failures=verdict.failures + len(flaws),
                     fsck="flaws" if flaws else CLEAN)
        return one.judged(verdict)
