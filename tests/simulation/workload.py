"""The work of the simulated grid: tasks of alike jobs, by users and groups, in bursts, on datasets of which few are popular."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from pandad.brokerage.rules import refusal
from pandad.spec.caller import Identity
from pandad.spec.job import JobSpec
from pandad.spec.line import Line
from pandad.spec.resourcetype import resource_type_of

from .events import chance
from .sites import HOUR_S, MCORE, NEW, OLD, RELEASES, SCORE, Site

JOBS_PER_TASK = 400  # on average
MEAN_CORES = 0.85 * SCORE + 0.15 * MCORE
MEDIAN_RUN_S, RUN_SIGMA, LEAST_RUN_S = HOUR_S, 0.8, 300.0
MEAN_RUN_S = 1.38 * HOUR_S
OVERLOAD = 1.1  # so much more work comes than the grid can do in the time
GROUPS = {"phys-higgs": 3.0, "phys-top": 2.0, "phys-susy": 1.0, "": 2.0}  # weights of their shares; "" is the users
USERS = 60
BURSTS = 12
FEWEST = 4  # queues that can take a job
BAD_TASKS = 0.01
BAD_RUN_S = 45.0
GB = 10**9


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Blocks of equal size, each of which a job reads. ``replicas``: where it is from the beginning."""

    number: int
    block_bytes: int
    replicas: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Alike jobs that come at one time.

    :param needs: attributes that its jobs have in common. :param bad: its jobs fail soon, wherever they run.
    """

    number: int
    arrives: float
    first: int  # PandaID
    size: int
    needs: Mapping[str, Any]
    priority: int
    line: Line
    user: str
    dataset: Dataset | None
    median_run_s: float
    bad: bool

    def run_s(self, panda_id: int, seed: int) -> float:
        """How long a job of it runs on a core of speed 1."""
        u = chance(seed, panda_id, 1)
        spread = 0.7 + 0.6 * u  # of one task: alike, but not the same
        return BAD_RUN_S if self.bad else max(LEAST_RUN_S, self.median_run_s * spread)

    def block(self, panda_id: int) -> tuple[int, int] | None:
        """(dataset, block) that a job reads."""
        return (self.dataset.number, panda_id - self.first) if self.dataset is not None else None


def span_s(jobs: int, queues: int, cores_per_queue: int) -> float:
    """In what time so many jobs come."""
    return jobs * MEAN_CORES * MEAN_RUN_S / (queues * cores_per_queue) / OVERLOAD


def tasks_of(seed: int, jobs: int, sites: Sequence[Site], endpoints: Sequence[str], span: float) -> list[Task]:
    """All tasks, in the order in which they come, with PandaIDs from 1."""
    rng = Random(f"{seed}/work")
    sizes = list(_sizes(rng, jobs))
    datasets = [_dataset(rng, number, endpoints) for number in range(max(4, len(sizes) // 3))]
    popularity = [1.0 / (rank + 1) for rank in range(len(datasets))]
    bursts = [(rng.uniform(0, 0.9) * span, 0.02 * span) for _ in range(BURSTS)]
    arrivals = sorted(_arrival(rng, bursts, span) for _ in sizes)
    tasks, first = [], 1
    for number, (size, arrives) in enumerate(zip(sizes, arrivals, strict=True)):
        dataset = rng.choices(datasets, popularity)[0] if rng.random() < 0.7 else None
        tasks.append(_task(rng, number, arrives, first, size, dataset, sites))
        first += size
    return tasks


def _sizes(rng: Random, jobs: int) -> Iterator[int]:
    while jobs > 0:
        size = min(max(1, round(rng.lognormvariate(0, 1) * JOBS_PER_TASK / 1.65)), jobs)
        yield size
        jobs -= size


def _dataset(rng: Random, number: int, endpoints: Sequence[str]) -> Dataset:
    weights = [1.0 / (rank + 2) for rank in range(len(endpoints))]  # large sites hold more
    copies = rng.choices((1, 2, 3), (0.5, 0.3, 0.2))[0]
    block_bytes = round(GB * min(rng.lognormvariate(0.7, 0.7), 20))
    return Dataset(number, block_bytes, frozenset(rng.choices(endpoints, weights, k=copies)))


def _arrival(rng: Random, bursts: Sequence[tuple[float, float]], span: float) -> float:
    if rng.random() < 0.5:
        return rng.uniform(0, span)
    begins, lasts = rng.choice(bursts)
    return begins + rng.random() * lasts


def _task(rng: Random, number: int, arrives: float, first: int, size: int, dataset: Dataset | None,
          sites: Sequence[Site]) -> Task:
    is_user = rng.random() < 0.4
    group = "" if is_user else rng.choices(list(GROUPS)[:-1], (3, 2, 2))[0]
    user = f"user{min(int(rng.paretovariate(0.8)), USERS):02d}" if is_user else group
    median_run_s = min(rng.lognormvariate(0, RUN_SIGMA) * MEDIAN_RUN_S, 16 * HOUR_S)
    needs = _needs(rng, number, group, user, dataset, median_run_s, sites)
    return Task(number, arrives, first, size, needs, rng.choice((900, 1000, 1000, 1000, 1100)), _line(number, JobSpec(**needs)),
                user, dataset, median_run_s, bad=rng.random() < BAD_TASKS)


def _needs(rng: Random, number: int, group: str, user: str, dataset: Dataset | None, median_run_s: float,
         sites: Sequence[Site]) -> dict[str, Any]:
    """One that some queues can take."""
    while True:
        cores = MCORE if rng.random() < 0.15 else SCORE
        memory_mb = cores * rng.choice((1500, 1500, 2000, 3000, 4000))
        needs: dict[str, Any] = {
            "jediTaskID": 10_000_000 + number, "prodSourceLabel": "managed" if group else "user", "workingGroup": group or None,
            "prodUserName": user, "prodUserID": f"/CN={user}", "maxAttempt": 3, "coreCount": cores, "minRamCount": memory_mb,
            "resource_type": resource_type_of(cores, memory_mb), "maxDiskCount": 5000, "maxWalltime": round(2 * median_run_s),
            "cmtConfig": NEW if rng.random() < 0.8 else OLD, "AtlasRelease": rng.choice(RELEASES),
            "inputFileBytes": dataset.block_bytes if dataset else None, "VO": "test"}
        if sum(refusal(JobSpec(**needs), site.queue) is None for site in sites) >= min(FEWEST, len(sites)):
            return needs


def _line(number: int, job: JobSpec) -> Line:
    return Line(
        id=number + 1, label=job.prodSourceLabel or "", job_label="", processing_type="", resource_type=job.resource_type or "",
        memory_mb=job.minRamCount, disk_mb=job.maxDiskCount, walltime_s=job.maxWalltime or 0, cores=job.coreCount or 1,
        task_id=job.jediTaskID or 0, working_group=job.workingGroup or "", country_group="",
        owner=Identity("/CN=Test CA", f"/CN={job.prodUserName}"), owner_name=job.prodUserName or "")
