"""What holds in every run of the simulated grid, on small ones."""

from __future__ import annotations

import pytest

from pandad.spec.jobstatus import JobStatus

from .measures import Measures
from .place import End
from .policies import POLICIES
from .run import Setup, simulate

JOBS, QUEUES, SEED = 3000, 20, 3


@pytest.fixture(scope="module")
def runs() -> dict[str, Measures]:
    """The same work on the same grid, under each policy."""
    return {policy: simulate(Setup(policy, JOBS, QUEUES, SEED)) for policy in POLICIES}


@pytest.mark.parametrize("policy", POLICIES)
def test_every_job_ends(policy: str, runs: dict[str, Measures]) -> None:
    """Once, and each attempt too: those that finished are the finished jobs, and a job of a bad task never finishes."""
    run = runs[policy]
    assert run.is_over
    assert run.states[JobStatus.FINISHED] + run.states[JobStatus.FAILED] == JOBS
    assert run.ends[End.FINISHED] == run.states[JobStatus.FINISHED]
    assert run.ends[End.TASK] == run.bad_jobs <= run.states[JobStatus.FAILED]


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_is_left_behind(policy: str, runs: dict[str, Measures]) -> None:
    """At the end no queue has a job by its books, no line has cores, no slot is taken, and nothing is on its way over a link."""
    run = runs[policy]
    for place in run.places:
        assert not any(place.books.counts.values()) and not place.busy and not place.waiting and not place.busy_cores
        assert place.slots_free == place.site.slots
    assert not run.turns.cores
    assert all(not wire.files and not wire.bytes for wire in run.storage.wires.values())


def test_a_seed_decides_everything(runs: dict[str, Measures]) -> None:
    """The same run again gives the same figures to the last digit; another seed gives others."""
    again = simulate(Setup("pandad", JOBS, QUEUES, SEED)).figures()
    assert again == runs["pandad"].figures()
    assert again != simulate(Setup("pandad", JOBS, QUEUES, SEED + 1)).figures()


def test_brokerage_is_worth_its_while(runs: dict[str, Measures]) -> None:
    """pandad has the work done no later than a blind choice, though nobody tells it how large sites are, and idles less."""
    pandad, blind = runs["pandad"].figures(), runs["random"].figures()
    assert pandad["makespan_h"] <= blind["makespan_h"] and pandad["most_done_h"] <= blind["most_done_h"]
    assert pandad["idle_with_work"] < blind["idle_with_work"]


def test_black_holes_stay_hungry(runs: dict[str, Measures]) -> None:
    """A site that fails each job within a minute gets few of them, and hardly any job fails in the end because of it."""
    run = runs["pandad"]
    assert sum(place.site.broken for place in run.places) > 100
    assert 0 < run.eaten_jobs <= 0.02 * JOBS and run.failed_by_hole <= 0.001 * JOBS
