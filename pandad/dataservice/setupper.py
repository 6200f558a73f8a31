"""Input that a job's queue misses is brought there: found where it lies, and one transfer for all jobs there that miss it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pandad.config import DataServiceConfig
from pandad.dataservice.copies import listed, name_of
from pandad.dataservice.ddm import IDDM, DDMUnavailable, FileName
from pandad.dataservice.dispatch import dispatch
from pandad.dataservice.inspection import Missing, Outcome
from pandad.spec import errorcodes
from pandad.spec.amount import told_bytes
from pandad.spec.facts import Whereabouts
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.timeouts import ANALYSIS_LABELS
from pandad.taskbuffer import moves, outbox, placements
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.placements import NewPlacement
from pandad.taskbuffer.store import Store, Transaction

WHO = "setupper"
NOTE = "input on its way"
URGENT_PRIORITY = 1000  # above it production goes express (PanDA: Setupper)


@dataclass(frozen=True, slots=True)
class Coming:
    """All that is missing is somewhere else, or on its way already. ``missing``: with bytes."""

    job: JobSpec
    endpoint: str
    missing: Mapping[FileName, int]


class Setupper:
    """Knows what to do about missing input."""

    def __init__(self, store: Store, ddm: IDDM, config: DataServiceConfig) -> None:
        self._store, self._ddm, self._config = store, ddm, config

    async def consider(self, outcomes: Sequence[Outcome]) -> list[Outcome | Coming]:
        """Of what is missing, what can be brought."""
        absent: dict[str, set[FileName]] = defaultdict(set)
        for each in outcomes:
            if isinstance(each, Missing) and each.absent:
                absent[each.endpoint].update(map(name_of, each.absent))
        if not absent or not self._ddm.moves:
            return list(outcomes)
        known = await self._store.read("setupper_read", _under_way, absent)
        where = await self._located({name for endpoint, names in absent.items() for name in names - known[endpoint]})
        return [_brought(each, known[each.endpoint], where) if isinstance(each, Missing) and each.absent else each
                for each in outcomes]

    async def _located(self, names: set[FileName]) -> Whereabouts | DDMUnavailable:
        try:
            return await self._ddm.locate(sorted(names, key=str)) if names else Whereabouts()
        except DDMUnavailable as error:
            return error

    async def bring(self, txn: Transaction, coming: Sequence[Coming]) -> None:
        """Have it brought; a job that waited in vain until now is brokered anew, for its data may be nearer to another queue."""
        by_endpoint: dict[str, list[Coming]] = defaultdict(list)
        for each in coming:
            if each.job.jobStatus is JobStatus.ASSIGNED:
                by_endpoint[each.endpoint].append(each)
        for endpoint, some in sorted(by_endpoint.items()):
            await self._bring_to(txn, endpoint, some)
        arrived = [each for each in coming if each.job.jobStatus is JobStatus.WAITING]
        if arrived:
            changes = [Change(_id(each.job), {} if each.job.is_pinned else {"computingSite": None},
                              why=f"its input is at other endpoints now, and not at {each.endpoint}") for each in arrived]
            await moves.move(txn, Event.INPUT_ARRIVED, changes, actor=Actor.DATASERVICE, who=WHO)
            txn.hint("brokerage")

    async def _bring_to(self, txn: Transaction, endpoint: str, coming: Sequence[Coming]) -> None:
        carriers = await placements.lock(txn, endpoint, {name for each in coming for name in each.missing})
        for new in wanted(coming, carriers, self._config):
            number, name = await placements.add(txn, new)
            carriers.update(dict.fromkeys(new.files, (number, name)))
            await outbox.ask(txn, [dispatch(number, name, new, self._config)])
        entered = await placements.hold(txn, ((_id(each.job), carriers[file][0]) for each in coming for file in each.missing))
        news = [Change(_id(each.job), _said(carriers[next(iter(each.missing))][1]), why=_why(each),
                       check_in_s=self._config.recheck_s) for each in coming if _id(each.job) in entered]
        if news:
            await moves.touch(txn, NOTE, news, frozenset({JobStatus.ASSIGNED}), actor=Actor.DATASERVICE, who=WHO)
        same = [_id(each.job) for each in coming if _id(each.job) not in entered]
        if same:
            await moves.defer(txn, same, JobStatus.ASSIGNED, self._config.recheck_s)


async def _under_way(txn: Transaction, absent: Mapping[str, set[FileName]]) -> dict[str, set[FileName]]:
    return {endpoint: await placements.under_way(txn, endpoint, names) for endpoint, names in absent.items()}


def _brought(outcome: Missing, known: set[FileName], where: Whereabouts | DDMUnavailable) -> Outcome | Coming:
    """What becomes of a job that misses input; a job waits while a part of it is nowhere."""
    unknown = [file for file in outcome.absent if name_of(file) not in known]
    if isinstance(where, DDMUnavailable):
        if unknown:
            return Missing(outcome.job, str(where), errorcodes.DDM_RSE, away=True)
        where = Whereabouts()
    nowhere = [file for file in unknown if not where.copies.get(name_of(file))]
    if nowhere:
        silent = f"; not known of {', '.join(sorted(where.silent))}" if where.silent else ""
        return Missing(outcome.job, f"nowhere to be had: {listed(nowhere)}{silent}", errorcodes.DDM_SETUPPER)
    missing = {name_of(file): file.fsize or max(where.copies.get(name_of(file), {}).values(), default=0)
               for file in outcome.absent}
    return Coming(outcome.job, outcome.endpoint, missing)


def wanted(coming: Sequence[Coming], carriers: Collection[FileName], config: DataServiceConfig) -> Iterator[NewPlacement]:
    """What is to be brought to the one endpoint of these jobs that nothing brings yet. Each file once, under the activity of
    the first job that needs it; in bites of dispatch_files. Pure."""
    taken = set(carriers)
    by_activity: dict[str, list[tuple[Coming, FileName]]] = defaultdict(list)
    for each in coming:
        for name in each.missing:
            if name not in taken:
                taken.add(name)
                by_activity[activity_of(each.job)].append((each, name))
    for activity, found in sorted(by_activity.items()):
        for start in range(0, len(found), config.dispatch_files):
            some = found[start:start + config.dispatch_files]
            job = some[0][0].job
            yield NewPlacement(config.rucio.scope, task_of(job), _id(job), some[0][0].endpoint, activity,
                               {name: each.missing[name] for each, name in some})


def activity_of(job: JobSpec) -> str:
    """Rucio's activity for a job's input, as PanDA's setupper chooses it."""
    if job.prodSourceLabel in ANALYSIS_LABELS:
        return "Analysis Input"
    return "Express" if job.currentPriority > URGENT_PRIORITY else "Production Input"


def task_of(job: JobSpec) -> str:
    """The task that a dispatch dataset is named after."""
    return str(job.jediTaskID or job.taskID or 0)


def _said(dataset: str) -> dict[str, object]:
    return {"ddmErrorCode": 0, "ddmErrorDiag": None, "dispatchDBlock": dataset}


def _why(coming: Coming) -> str:
    size = told_bytes(sum(coming.missing.values()))
    return f"{len(coming.missing)} of {len(coming.job.inputs)} input files, {size}, are brought to {coming.endpoint}"


def _id(job: JobSpec) -> int:
    assert job.PandaID is not None
    return job.PandaID
