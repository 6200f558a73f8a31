"""Outputs whose names are taken already: their jobs end before they start, for what they write could not be registered.

A name of the catalogue stands for one content for ever, whoever gave it, and nobody knows before a job has run whether it would
write the same again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pandad.dataservice.copies import listed, name_of
from pandad.dataservice.datasets import IDatasets
from pandad.dataservice.ddm import DDMRefused, DDMUnavailable, FileName
from pandad.dataservice.inspection import Outcome, Ready
from pandad.dataservice.reports import DIAG_LENGTH
from pandad.dataservice.setupper import Coming
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event
from pandad.taskbuffer import moves
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Transaction

WHO = "activator"


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that would write files of these names, which there are."""

    job: JobSpec
    files: Sequence[FileSpec]

    @property
    def why(self) -> str:
        """For its owner."""
        return f"the name {listed(self.files)} is taken in the catalogue already; have the job write another one"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A job that would start, and nobody says now whether it may."""

    job: JobSpec


class Names:
    """Knows which are taken."""

    def __init__(self, datasets: IDatasets) -> None:
        self._datasets = datasets

    async def consider(self, outcomes: Sequence[Outcome | Coming]) -> list[Outcome | Coming | Taken | Unknown]:
        """Jobs that would start, or whose input would be sent for: those whose outputs cannot be registered are found. One
        question for all of them; where it is not answered who would start waits."""
        asked = {id(each): _named(each.job) for each in outcomes if _is_due(each)}
        try:
            taken = set(await self._datasets.taken(sorted({name for some in asked.values() for name, _ in some}, key=str)))
        except DDMUnavailable:
            return [Unknown(each.job) if isinstance(each, Ready) and asked[id(each)] else each for each in outcomes]
        except DDMRefused:  # it answers no such questions: who registers the outputs will find out
            return list(outcomes)
        return [Taken(each.job, files) if (files := [file for name, file in asked.get(id(each), ()) if name in taken]) else each
                for each in outcomes]


def _is_due(outcome: Outcome | Coming) -> bool:
    return isinstance(outcome, Ready) or isinstance(outcome, Coming) and not outcome.job.dispatchDBlock


def _named(job: JobSpec) -> list[tuple[FileName, FileSpec]]:
    return [(name_of(file), file) for file in job.outputs if file.scope and file.lfn]


async def end(txn: Transaction, taken: Iterable[Taken]) -> None:
    """These do not start."""
    changes = [Change(each.job.PandaID or 0, {"ddmErrorCode": errorcodes.DDM_SETUPPER, "ddmErrorDiag": each.why[:DIAG_LENGTH]},
                      why=each.why) for each in taken]
    if changes:
        await moves.move(txn, Event.REFUSED, changes, actor=Actor.DATASERVICE, who=WHO)
