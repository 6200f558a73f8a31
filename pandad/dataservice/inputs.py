"""Which of a job's input files are not where the job needs them: for those who ask, not for those who decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.dataservice.copies import differs, locate, name_of
from pandad.dataservice.ddm import IDDM
from pandad.spec.job import JobSpec


@dataclass(frozen=True, slots=True)
class Absent:
    """Files by scope:lfn, or how they differ from what they should be; ``problem``: why nothing is known."""

    endpoint: str | None
    files: Sequence[str] = ()
    problem: str | None = None


class Inputs:
    """Asks the data management."""

    def __init__(self, ddm: IDDM) -> None:
        self._ddm = ddm

    async def absent(self, job: JobSpec, endpoint: str | None) -> Absent:
        """What of the job's input is not at that endpoint, as of now."""
        if not endpoint:
            return Absent(None, problem="the queue has no storage endpoint to read input from" if job.inputs else None)
        here = (await locate(self._ddm, [(endpoint, file) for file in job.inputs])).get(endpoint, {})
        if isinstance(here, Exception):
            return Absent(endpoint, problem=str(here))
        missing = [str(name_of(file)) for file in job.inputs if name_of(file) not in here]
        wrong = [text for file in job.inputs if name_of(file) in here and (text := differs(file, here[name_of(file)]))]
        return Absent(endpoint, [*missing, *wrong])
