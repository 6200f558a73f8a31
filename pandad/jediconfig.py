"""The section [jedi] of the configuration: tasks."""

from __future__ import annotations

from dataclasses import dataclass

from pandad import configchecks
from pandad.settings import setting

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class JediConfig:
    """Tasks, which jobs are made of; docs/reference/tasks.md."""

    max_tasks: int = setting("Tasks of one person that have not ended", 1000, low=1, high=1_000_000)
    max_files: int = setting("Files that one task may read, or jobs without input", 100_000, low=1, high=1_000_000)
    max_jobs: int = setting("Jobs of one task at a time: more are made as these end", 1000, low=1, high=100_000)
    portion: int = setting("Jobs that are made in one transaction", 200, low=1, high=5000)
    batch: int = setting("Tasks in one round", 50, low=1, high=10_000)
    look_s: float = setting("How often a task is looked at whose jobs are at work", 5.0, low=0.05, high=HOUR_S)
    input_retry_s: float = setting("How often input that is not there is looked up again", 60.0, low=0.05, high=DAY_S)
    input_wait_s: int = setting("A task is broken whose input is not there for so long", DAY_S, low=0, high=365 * DAY_S)
    most_files_per_job: int = setting("Files that go into one job, whatever its task asks for", 200, low=1, high=5000)
    gb_per_job: int = setting("GB of input that go into one job of a task that does not say", 10, low=1, high=100_000)
    lib_scope: str = setting("Scope of the libraries that build jobs make; a Rucio must know it", "panda",
                             check=configchecks.header)
    wn_script_base_url: str = setting(
        'Where payload scripts lie, as "https://pandad.example.org:25443", below /trf/user; "" is where clients keep their files',
        "", check=configchecks.site)
