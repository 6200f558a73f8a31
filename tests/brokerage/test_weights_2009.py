"""The broker of 2009, replayed on a grid of four sites with answers worked out by hand from its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from factories import a_file, a_job, a_queue

from pandad.brokerage.broker import Decision, Policy, Round
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import BROKER_2009, WEIGHTS, inverse
from pandad.spec.facts import Load, Pilots, Whereabouts
from pandad.spec.file import FileName
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus as S

POLICY = Policy(BROKER_2009)


def site(name: str, **but: Any) -> Any:
    disk = {"pr": [f"{name}_DISK"]}
    return a_queue(nickname=name, tier="T1" if name == "BNL" else "T2", astorages=disk, maxrss=2000, releases=["14.5.0"], **but)


SITES = [site("BNL"), site("BU"), site("MWT2"), site("SLAC", status="offline")]
# waiting jobs and calls of pilots in three hours: the inverse weights are BNL 400/100 = 4, BU 30/20 = 1.5, MWT2 100/50 = 2
WAITING = {"BNL": 400, "BU": 30, "MWT2": 100, "SLAC": 0}
NOWHERE: Mapping[str, int] = {}
CALLS = {"BNL": 100, "BU": 20, "MWT2": 50, "SLAC": 999}


def replay(job: JobSpec, waiting: Mapping[str, int] = WAITING, files_at: Mapping[str, int] = NOWHERE) -> Decision:
    """The decision, with so many of the job's files at each site."""
    copies: dict[FileName, dict[str, int]] = {}
    for name, count in files_at.items():
        for file in job.inputs[:count]:
            copies.setdefault(FileName.of(file), {})[f"{name}_DISK"] = 1
    counts = {name: {S.ACTIVATED: jobs} for name, jobs in waiting.items()}
    pilots = {name: Pilots(3 * 3600, asked) for name, asked in CALLS.items()}
    return Round(Snapshot(SITES, counts, pilots=pilots, where=Whereabouts(copies)), POLICY).decide(job)


def production(files: int = 0, **but: Any) -> JobSpec:
    values = {"prodSourceLabel": "managed", "currentPriority": 500, "AtlasRelease": "14.5.0", **but}
    return a_job(Files=[a_file(type="input", lfn=f"in{n}", fsize=1) for n in range(files)], **values)


def test_inverse_weight() -> None:
    """Waiting jobs for each pilot, by hand."""
    assert inverse(Load(assigned=100, activated=300), 100) == 4
    assert inverse(Load(activated=30), 0) == 30


def test_the_least_loaded_site() -> None:
    """Without input the job goes to the site with the least inverse weight; the weights are those worked out above."""
    decision = replay(production())
    assert decision.queue == "BU"
    assert {v.queue: round(1 / v.weight, 6) for v in decision.verdicts if v.no is None} == {"BNL": 4, "BU": 1.5, "MWT2": 2}
    assert {v.queue: v.no.criterion for v in decision.verdicts if v.no} == {"SLAC": "status"}


@pytest.mark.parametrize(
    ("files_at", "chosen"),
    [
        ({"MWT2": 2}, "MWT2"),  # of the two best the one with the files
        ({"MWT2": 1, "BU": 1}, "BU"),  # as many there: the better weight
        ({"BNL": 2}, "BU"),  # not one of the two best
    ],
)
def test_files_decide_between_the_two_best(files_at: dict[str, int], chosen: str) -> None:
    """Two sites are kept; of these the one where most of the files are."""
    assert replay(production(files=2), files_at=files_at).queue == chosen


def test_one_that_is_twice_as_bad_is_dropped() -> None:
    """If the second inverse weight is more than twice the first, files there do not matter: BU 10/20 = 0.5, MWT2 100/50 = 2."""
    assert replay(production(files=2), {**WAITING, "BU": 10}, {"MWT2": 2}).queue == "BU"


def test_many_files_favour_the_top_tier() -> None:
    """With more than four files the tier-1 counts half as loaded: BNL 160/100/2 = 0.8 against BU's 1.5; with four it is 1.6."""
    waiting = {**WAITING, "BNL": 160}
    assert replay(production(files=5), waiting).queue == "BNL"
    assert replay(production(files=4), waiting).queue == "BU"


@pytest.mark.parametrize(
    ("job", "chosen"),
    [
        (production(currentPriority=950), "BNL"),
        (production(currentPriority=949), "BU"),
        (production(files=20), "BNL"),
        (production(files=19), "BU"),
    ],
)
def test_short_cuts_to_the_top_tier(job: JobSpec, chosen: str) -> None:
    """Urgent production and jobs of twenty files go to the tier-1 at once."""
    assert replay(job).queue == chosen


@pytest.mark.parametrize(
    ("but", "criterion"),
    [({"AtlasRelease": "15.0.0"}, "cache"), ({"minRamCount": 3000}, "lowmemory"), ({"maxWalltime": 10**6}, "shortwalltime")],
)
def test_its_filters(but: dict[str, Any], criterion: str) -> None:
    """Release, memory and time keep a job from every site; the one that is offline says that."""
    decision = replay(production(**but))
    assert decision.chosen is None
    assert {v.queue: v.no.criterion for v in decision.verdicts if v.no} == {
        "BNL": criterion, "BU": criterion, "MWT2": criterion, "SLAC": "status"}


def test_it_is_chosen_by_name() -> None:
    """In the configuration, as the others."""
    assert WEIGHTS["2009"] is BROKER_2009
