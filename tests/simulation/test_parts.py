"""The parts of the simulated grid that can be wrong by themselves."""

from __future__ import annotations

import pytest

from pandad.brokerage.rules import refusal
from pandad.spec.job import JobSpec

from .data import SETUP_S, Storage
from .due import Due
from .events import Events, chance
from .jobs import Job
from .known import Recent
from .measures import jain, percentile
from .sites import CORES_PER_QUEUE, endpoints, sites_of
from .workload import FEWEST, Dataset, Task, span_s, tasks_of

QUEUES, JOBS = 40, 4000


def some_tasks() -> list[Task]:
    span = span_s(JOBS, QUEUES, CORES_PER_QUEUE)
    return tasks_of(1, JOBS, sites_of(1, QUEUES, span), endpoints(QUEUES), span)


def test_events_happen_in_order() -> None:
    """By time, and those of one instant in the order in which they were planned, also by each other."""
    events, seen = Events(), list[tuple[float, str]]()

    def note(word: str) -> None:
        seen.append((events.now, word))
        if word == "b":
            events.after(0.0, note, "d")

    for when, word in ((2.0, "e"), (1.0, "a"), (1.0, "b"), (1.0, "c")):
        events.at(when, note, word)
    events.run()
    assert seen == [(1.0, "a"), (1.0, "b"), (1.0, "c"), (1.0, "d"), (2.0, "e")]


def test_chances_are_even_and_stay() -> None:
    """A key has one number for ever, and the numbers of many keys are spread evenly."""
    numbers = [chance(7, job, 1) for job in range(10_000)]
    assert numbers == [chance(7, job, 1) for job in range(10_000)]
    assert all(0 <= number < 1 for number in numbers)
    assert [sum(number * 10 // 1 == tenth for number in numbers) for tenth in range(10)] == pytest.approx([1000] * 10, rel=0.15)


def test_each_job_has_somewhere_to_go() -> None:
    """All jobs are there once, under PandaIDs of their own, and some queues can take each."""
    tasks, sites = some_tasks(), sites_of(1, QUEUES, 1e5)
    assert [n for task in tasks for n in range(task.first, task.first + task.size)] == list(range(1, JOBS + 1))
    assert [task.arrives for task in tasks] == sorted(task.arrives for task in tasks)
    for task in tasks:
        assert sum(refusal(JobSpec(**task.needs), site.queue) is None for site in sites) >= FEWEST


def test_sites_are_uneven_and_some_are_in_trouble() -> None:
    """The largest has many times the slots of the middle one; trouble comes to few, and to none of two kinds."""
    sites = sites_of(1, 200, 1e5)
    cores = sorted(site.cores for site in sites)
    assert sum(cores) == pytest.approx(200 * CORES_PER_QUEUE, rel=0.05) and cores[-1] > 20 * cores[100]
    holes = [site for site in sites if site.broken]
    assert len(holes) == 4 and sum(site.broken < site.slots for site in holes) == 1
    assert all(sum((bool(site.broken), bool(site.down.ends), bool(site.opens))) <= 1 for site in sites)


def test_a_link_moves_one_file_after_the_other() -> None:
    """A block is moved once however many wait for it, from where it comes soonest; what is there already is there at once."""
    events = Events()
    storage = Storage(1, ["A", "B"], events)
    dataset, seen = Dataset(0, 10**9, frozenset({"A"})), list[tuple[int, float]]()
    for number in (0, 0, 1):
        storage.bring(dataset, (0, number), "B", lambda number=number: seen.append((number, events.now)))  # type: ignore[misc]
    storage.bring(dataset, (0, 0), "A", lambda: seen.append((9, events.now)))
    assert storage.links()["A", "B"].backlog_files == 2
    events.run()
    each_s = 10**9 / storage.wires["A", "B"].rate
    assert seen == [(9, 0.0), (0, SETUP_S + each_s), (0, SETUP_S + each_s), (1, pytest.approx(SETUP_S + 2 * each_s))]
    assert storage.moved_bytes == 2 * 10**9 and storage.holders(dataset, (0, 0)) == {"A", "B"}


def test_a_window_forgets() -> None:
    """Counts of a window are those of the last so many seconds, to the minute."""
    recent = Recent(600.0)
    for minute in range(60):
        recent.add(60.0 * minute, "x")
    assert recent.sums(3540.0)["x"] == 11 and recent.sums(99_999.0)["x"] == 0


def test_lines_keep_their_order() -> None:
    """Of a line the most urgent come first, then the oldest, also those that come back; lines are apart; nothing is lost."""
    one, other = some_tasks()[:2]
    urgent = Job(one.first + 5, one)
    urgent.priority += 1
    jobs = [Job(one.first + number, one) for number in range(4)]
    due = Due()
    due.add(*reversed(jobs), urgent, Job(other.first, other))
    assert due.lines == [one.number, other.number]
    first, second = due.take(one.number, 2)
    assert (first, second) == (urgent, jobs[0])
    due.add(second)
    assert due.take(one.number, 99) == jobs and due.take(one.number, 1) == []
    assert [job.task for job in due.take_all()] == [other] and not due


def test_indices() -> None:
    """Jain's index and percentiles on numbers that can be worked out by hand."""
    assert jain([2, 2, 2]) == 1 and jain([5, 0, 0, 0]) == 0.25 and jain([]) == 1
    assert percentile([3, 1, 2], 0.5) == 2 and percentile([3, 1, 2], 0.95) == 3
