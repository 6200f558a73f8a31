"""The daemon's brake, as the simulated grid keeps it."""

from __future__ import annotations

from pandad.config import BrokerageConfig
from pandad.spec.facts import Eaten, Ends

from .brakes import Brakes, Look
from .jobs import Job
from .place import End
from .workload import Task

CONFIG = BrokerageConfig()
EATS = {"HOLE": Ends(600, 50, 0, 50, 50), "A": Ends(600, 50, 50), "B": Ends(600, 50, 50)}
RESTS = {queue: Ends(600) for queue in EATS}


def whose(*eaten: Eaten) -> Look:
    """Of these, wherever."""
    return lambda queues: dict.fromkeys(queues, eaten)


def braked() -> Brakes:
    brakes = Brakes(CONFIG)
    brakes.judge(EATS, whose(Eaten("alice", 50, 0, 50)), 0.0)
    return brakes


def probed(brakes: Brakes, task: Task, now: float, end: End) -> None:
    """Test jobs go to the hole, begin, and end 11 minutes later, or 30 s if they fail."""
    for number in range(CONFIG.brake_probes):
        job = Job(number, task)
        job.site = 0
        brakes.placed("HOLE", job, 0)
        job.attempts, job.began = 1, now
        brakes.ended("HOLE", job, end, now + (660.0 if end is End.FINISHED else 30.0))
    brakes.judge(RESTS, whose(), now + 700.0)


def test_what_eats_is_braked_and_then_tested() -> None:
    """Only the queue where jobs fail at once; it gets no test job before the pause is over."""
    brakes = braked()
    (hole,) = brakes.known(1.0).items()
    assert hole[0] == "HOLE" and not hole[1].tested
    assert brakes.known(CONFIG.brake_s + 1.0)["HOLE"].tested


def test_good_tests_release_it(a_task: Task) -> None:
    """Test jobs that do well."""
    brakes = braked()
    probed(brakes, a_task, 1000.0, End.FINISHED)
    assert not brakes.known(2000.0)


def test_bad_tests_brake_it_on(a_task: Task) -> None:
    """For longer, with other test jobs."""
    brakes = braked()
    probed(brakes, a_task, 1000.0, End.HOLE)
    (hole,) = brakes.known(1701.0).values()
    assert hole.level == 1 and not hole.tested and not hole.probes
    assert (hole.until - hole.since).total_seconds() == 1700.0 + 2 * CONFIG.brake_s


def test_a_bad_task_brakes_nothing() -> None:
    """Whose jobs do well nowhere is no proof against a queue."""
    brakes = Brakes(CONFIG)
    brakes.judge(EATS, whose(Eaten("alice", 50)), 0.0)
    assert not brakes.known(1.0)
