"""Tasks as they would be: for those who accept them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pandad.config import JediConfig
from pandad.jedi import refiner
from pandad.jedi.generator import build_job, lib_dataset, run_job
from pandad.spec.job import JobSpec
from pandad.spec.task import LOWEST_TASK_ID, PSEUDO_DATASET, Chunk, TaskFile, TaskSpec


@dataclass(frozen=True, slots=True)
class _Numbers:
    id: int = LOWEST_TASK_ID
    round_nr: int = 1
    more_attempts: int = 0


class Drafts:
    """What parameters mean, and what jobs they make."""

    def __init__(self, config: JediConfig) -> None:
        self._config = config

    def refine(self, parameters: Mapping[str, Any]) -> TaskSpec:
        """See `refiner.refine`."""
        return refiner.refine(parameters, self._config)

    def refine_again(self, parameters: Mapping[str, Any], new: Mapping[str, Any], *,
                     strict: bool) -> tuple[dict[str, Any], TaskSpec]:
        """See `refiner.refine_again`."""
        return refiner.refine_again(parameters, new, self._config, strict=strict)

    def sample(self, spec: TaskSpec) -> list[JobSpec]:
        """One job of each kind, as they would be submitted."""
        numbers = _Numbers()
        name = spec.input.datasets[0] if spec.input else PSEUDO_DATASET
        beside = {each.input.stream: [_a_file(3, each.input.datasets[0], "2")] for each in spec.secondaries}
        chunk = Chunk([_a_file(1, name, "1")], 1, beside)
        library = _a_file(2, lib_dataset(numbers.id), "lib.tgz") if spec.build else None
        builds = [build_job(numbers, spec)] if spec.build else []
        return [*builds, run_job(numbers, spec, chunk, 1, library)]


def _a_file(number: int, dataset: str, lfn: str) -> TaskFile:
    return TaskFile(id=number, dataset=number, name=dataset, container=dataset, scope="", lfn=lfn)
