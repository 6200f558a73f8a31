"""Enters what pilots have written in the catalogue: copies with size, checksum and GUID, and the datasets they belong to.

The order is PanDA's: a file is first known to be somewhere, then part of its dataset, and only then is its job through; of a job
with an output that is not right only the log is entered. All of it may be done again, and is when the process dies.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, gatherResults

from pandad.config import DataServiceConfig
from pandad.dataservice.copies import name_of
from pandad.dataservice.datasets import Dataset, IDatasets, NewFile
from pandad.dataservice.ddm import (
    DatasetClosed,
    DDMRefused,
    DDMUnavailable,
    FileDiffers,
    NoQuota,
    NotAllowed,
    NotNow,
    UnknownData,
    UnknownEndpoint,
)
from pandad.dataservice.destination import dataset_of, must_move
from pandad.dataservice.jobreport import Problem, contradictions
from pandad.dataservice.reports import Outcome, as_reported, claimed, counted, failed, parsed, unreadable
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Event, JobStatus
from pandad.spec.pilotcommand import KILL
from pandad.taskbuffer import datasets
from pandad.taskbuffer.shipments import LOST, MOVES, THERE
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.worklists import Reported

Trouble = DDMUnavailable | DDMRefused
K = TypeVar("K")
TRIES = 20  # that fail for now, in search of a file that is the reason
_ADLER = re.compile(r"ad:[0-9a-fA-F]{1,8}")


@dataclass(frozen=True, slots=True)
class Claim:
    """A report, read.

    :param files: those that are to be entered, as the pilot describes them; all of a good job, the log of any other.
    :param problems: what is wrong with the others. :param readable: whether the report is one at all.
    """

    reported: Reported
    files: Sequence[FileSpec]
    problems: Sequence[Problem] = ()
    readable: bool = True

    @property
    def job(self) -> JobSpec:
        """The job."""
        return self.reported.job

    @property
    def killed(self) -> bool:
        """Who killed it was told that it ends so, even if its pilot was through before it heard."""
        return self.job.commandToPilot == KILL


def claim(reported: Reported) -> Claim:
    """What a report gives to enter. Pure."""
    try:
        said = parsed(reported.report)
    except ValueError as error:
        return Claim(reported, (), [Problem(unreadable(error))], readable=False)
    described = [_written(claimed(f, said[f.lfn or ""]), said[f.lfn or ""]) for f in reported.job.outputs if f.lfn in said]
    problems = [Problem(f"{f.lfn}: the pilot did not report it") for f in reported.job.outputs if f.lfn not in said]
    problems += [problem for f in described if (problem := _problem(f))]
    problems += contradictions(reported.job, described)
    right = [f for f in described if _problem(f) is None]
    made = Claim(reported, right, problems)
    if problems or made.killed or reported.outcome is JobStatus.FAILED:
        return replace(made, files=[f for f in right if f.type == "log"])
    return made


def _written(file: FileSpec, entry: Mapping[str, object]) -> FileSpec:
    """With the endpoint at which it is, if the pilot had to take another one."""
    endpoint = entry.get("endpoint")
    return replace(file, destinationSE=endpoint[:250]) if isinstance(endpoint, str) and endpoint else file


def _problem(file: FileSpec) -> Problem | None:
    """Why a file cannot be entered."""
    if not file.scope:
        return Problem(f"{file.lfn}: it has no scope")
    if file.fsize is None:
        return Problem(f"{file.lfn}: the pilot did not report its size")
    if not _ADLER.fullmatch(file.checksum or ""):
        return Problem(f"{file.lfn}: the pilot did not report its adler32")
    return None if file.destinationSE else Problem(f"{file.lfn}: it is not at any endpoint", errorcodes.DDM_LOCATION)


class _Group(Generic[K]):
    """What is done to the files of many jobs in one call: those at an endpoint, or in a dataset."""

    def __init__(self, key: K, of: Callable[[FileSpec], K | None],
                 act: Callable[[K, Sequence[FileSpec]], Awaitable[None]]) -> None:
        self._key, self._of, self._act = key, of, act
        self._tries = TRIES

    async def done(self, claims: Sequence[Claim]) -> dict[int, Trouble]:
        """For all of them together; where that does not work, for each half, until it is known whose files are the reason. By
        PandaID, what went wrong."""
        try:
            await self._act(self._key, [file for each in claims for file in each.files if self._of(file) == self._key])
        except (DDMUnavailable, DDMRefused) as error:
            if len(claims) == 1 or not self._may_be_one(error):
                return {_id(each): error for each in claims}
            half = len(claims) // 2
            return {**await self.done(claims[:half]), **await self.done(claims[half:])}
        return {}

    def _may_be_one(self, error: Trouble) -> bool:
        """Whether one file may be the reason for all. Where it is the system, that is found out soon."""
        if isinstance(error, NotNow):
            self._tries -= 1
            return self._tries >= 0
        return not isinstance(error, (DDMUnavailable, UnknownEndpoint))


class Registrar:
    """Enters the outputs of many jobs at a time."""

    def __init__(self, datasets: IDatasets, config: DataServiceConfig) -> None:
        self._datasets, self._config = datasets, config

    async def conclude(self, due: Sequence[Reported]) -> list[Outcome]:
        """Enter the outputs of these jobs; what becomes of each."""
        claims = [claim(reported) for reported in due]
        troubles = await self._at_once(claims, lambda f: f.destinationSE or "", self._register)
        good = [each for each in claims if _id(each) not in troubles]
        entered = {_id(each) for each in good} | {i for i, trouble in troubles.items() if isinstance(trouble, FileDiffers)}
        troubles |= await self._at_once(good, dataset_of, self._attach)
        return [concluded(each, troubles.get(_id(each)), self._config.give_up_s, _id(each) in entered) for each in claims]

    async def note(self, txn: Transaction, outcomes: Sequence[Outcome]) -> None:
        """With what becomes of the jobs: which datasets have files now."""
        into = {dataset_of(f) for o in outcomes for f in o.files if f.status in (THERE, MOVES)} - {None}
        await datasets.filled(txn, sorted((dataset.scope, dataset.name) for dataset in into if dataset is not None))

    async def _at_once(self, claims: Sequence[Claim], of: Callable[[FileSpec], K | None],
                       act: Callable[[K, Sequence[FileSpec]], Awaitable[None]]) -> dict[int, Trouble]:
        """Do something to the files by groups; by PandaID what went wrong."""
        groups: dict[K, dict[int, Claim]] = defaultdict(dict)
        for each in claims:
            for file in each.files:
                if (key := of(file)) is not None:
                    groups[key][_id(each)] = each
        work = [_Group(key, of, act).done(list(some.values())) for key, some in groups.items()]
        found = await gatherResults([Deferred.fromCoroutine(each) for each in work], consumeErrors=True)
        return {panda_id: trouble for each in found for panda_id, trouble in each.items()}

    async def _register(self, endpoint: str, files: Sequence[FileSpec]) -> None:
        await self._datasets.register(endpoint, [_new(file) for file in files])

    async def _attach(self, dataset: Dataset, files: Sequence[FileSpec]) -> None:
        names = [name_of(file) for file in files]
        try:
            await self._datasets.attach(dataset, names)
        except (UnknownData, DatasetClosed):  # somebody erased it, or closed it: it was to be closed when the jobs came
            await self._datasets.make(dataset, reopen=True)
            await self._datasets.attach(dataset, names)


def concluded(each: Claim, trouble: Trouble | None, give_up_s: float, there: bool = False) -> Outcome:
    """Finished, on the way, failed, killed, or not known yet. Pure.

    :param trouble: why its files could not be entered. :param give_up_s: how long after the report that is tried again.
    :param there: the catalogue has files of their names nevertheless.
    """
    job, reported = each.job, each.reported
    if isinstance(trouble, DDMUnavailable) and reported.age_s < give_up_s:
        return Outcome(job, None, str(trouble))
    entered = {file.row_ID: file for file in each.files} if trouble is None else {}
    seen = [_seen(file, entered.get(file.row_ID)) for file in job.outputs]
    if each.killed:
        return Outcome(job, Event.KILLED, job.taskBufferErrorDiag, _staying(seen))
    if reported.outcome is JobStatus.FAILED and each.readable:
        return as_reported(job, _staying(seen))
    if each.problems:
        return failed(job, _staying(seen), "; ".join(map(str, each.problems)), each.problems[0].code)
    if trouble is not None:
        return replace(failed(job, _staying(seen), str(trouble), _code(trouble)), entered=there)
    return counted(job, Event.TRANSFER_STARTED if any(f.status == MOVES for f in seen) else Event.COMPLETED, seen)


def _seen(file: FileSpec, entered: FileSpec | None) -> FileSpec:
    if entered is None:
        return replace(file, status=LOST)
    adler32 = (entered.checksum or "")[3:].lower().rjust(8, "0")
    return replace(entered, status=MOVES if must_move(entered) else THERE, checksum=f"ad:{adler32}")


def _staying(seen: Iterable[FileSpec]) -> list[FileSpec]:
    """Of a job that has not finished nothing is brought anywhere."""
    return [replace(file, status=THERE) if file.status == MOVES else file for file in seen]


def _code(trouble: Trouble) -> int:
    """Which PanDA code tells of it: the endpoint is none, it takes nothing from us, or anything else."""
    if isinstance(trouble, UnknownEndpoint):
        return errorcodes.DDM_RSE
    return errorcodes.DDM_LOCATION if isinstance(trouble, (NotAllowed, NoQuota)) else errorcodes.DDM_ADDER


def _new(file: FileSpec) -> NewFile:
    adler32 = (file.checksum or "")[3:].lower().rjust(8, "0")
    return NewFile(name_of(file), file.fsize or 0, adler32, file.GUID)


def _id(each: Claim) -> int:
    assert each.job.PandaID is not None
    return each.job.PandaID
