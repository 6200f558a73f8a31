"""Failed attempts: another one in place, another one elsewhere, or the end; decided and recorded in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pandad.config import RetryConfig
from pandad.spec import outputname
from pandad.spec.caller import Identity
from pandad.spec.failure import cause_of, failures_of
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import AFTER_PILOT, IN_SLOT, RETRIES, TRANSITIONS, Actor, Event
from pandad.spec.pilotcommand import KILL
from pandad.spec.retry import CLEAN, PRIORITY_STEP, Action, Decision, RetryPolicy, RetryRule, decide
from pandad.spec.site import Queue
from pandad.taskbuffer import files, lines, moves, sites
from pandad.taskbuffer.jobs import JOB_ROW, job_from_row
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.statement import as_json, sql
from pandad.taskbuffer.store import Transaction


def policy_of(config: RetryConfig) -> RetryPolicy:
    """The configured rules in the words of the spec."""
    rules = [RetryRule(name=name, **{f.name: getattr(rule, f.name) for f in fields(rule) if f.name != "action"},
                       action=Action(rule.action)) for name, rule in config.rules.items()]
    return RetryPolicy(config.attempts, config.most_attempts, rules)


LISTED = 3  # names in a message


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that has failed.

    :param event: what happens to the job if it is not tried again, and in which states: FAILED, LOST or TIMED_OUT.
    :param why: the reason, for a person.
    :param attempt_nr: which attempt; a job that is in another one by now is left alone. None: whichever it is in.
    :param values: the errors that the caller found, JobSpec attributes; the others stand on the job.
    :param files: what became known of its outputs; kept if the job ends.
    :param entered: the catalogue has files of the names of its outputs, so that no other attempt can write these.
    """

    panda_id: int
    event: Event
    why: str
    attempt_nr: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[FileSpec] = ()
    entered: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """PandaIDs that got another attempt, and those that came to their end; a job in neither had changed meanwhile."""

    retried: frozenset[int]
    ended: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Case:
    """A failed attempt beside its job, on which the errors stand, and the decision; None: it was to be killed."""

    failed: Failed
    job: JobSpec
    owner: Identity
    decision: Decision | None
    queue: Queue | None

    @property
    def event(self) -> Event:
        if self.decision is None:
            return Event.KILLED
        if not self.decision.retried:
            return self.failed.event
        return Event.RETRIED_ELSEWHERE if self.decision.elsewhere else Event.RETRIED


_LOCK = sql("retries.lock", f"""
    SELECT {JOB_ROW}, j.owneranchor, j.ownersubject,
           (SELECT count(*) FROM job_event e
            WHERE e.pandaid = j.pandaid AND e.event IN ({", ".join(f"'{event}'" for event in sorted(RETRIES))}))
    FROM job j LEFT JOIN job_text t USING (pandaid) WHERE j.pandaid = ANY (%(ids)s::bigint[])
    ORDER BY j.pandaid FOR UPDATE OF j""")

# An output that got its endpoint from the queue gets another one with another queue.
_RESET = sql("retries.reset", """
    WITH anew AS (
        SELECT * FROM unnest(%(ids)s::bigint[], %(elsewhere)s::boolean[], %(endpoints)s::text[], %(parameters)s::text[])
        AS a(pandaid, elsewhere, endpoint, parameters)),
    written AS (
        SELECT * FROM jsonb_to_recordset(%(written)s::jsonb) AS w(row_id bigint, lfn text, guid text, attemptnr bigint)),
    texts AS (
        UPDATE job_text t SET metadata = NULL, stdout = NULL, jobparameters = a.parameters FROM anew a
        WHERE t.pandaid = a.pandaid AND t.pandaid = ANY (%(ids)s::bigint[])),
    outputs AS (
        UPDATE file f SET status = 'defined', fsize = NULL, checksum = NULL,
            lfn = w.lfn, guid = w.guid, attemptnr = w.attemptnr,
            destinationse = CASE WHEN a.elsewhere THEN nullif(f.destinationse, a.endpoint) ELSE f.destinationse END
        FROM anew a, written w
        WHERE f.pandaid = a.pandaid AND f.pandaid = ANY (%(ids)s::bigint[]) AND f.row_id = w.row_id)
    UPDATE file f SET status = 'defined', dispatchdblocktoken = NULL FROM anew a
    WHERE f.pandaid = a.pandaid AND f.pandaid = ANY (%(ids)s::bigint[]) AND f.type = 'input' AND a.elsewhere""")


async def settle(txn: Transaction, policy: RetryPolicy, failed: Sequence[Failed], *, actor: Actor, who: str) -> Settled:
    """Try these jobs again or let them end, by the policy; each decision stands in the job's history. At most one per job.

    A job that a person wanted killed is cancelled. A pilot that speaks meanwhile waits for the decision, and is then told.
    """
    by_id = {f.panda_id: f for f in failed}
    if not by_id:
        return Settled(frozenset(), frozenset())
    rows = await txn.many(_LOCK, ids=sorted(by_id))
    queues = {q.name: q for q in await sites.find_all(txn)} if policy.rules else {}
    found = [(job_from_row(row[:-3]), Identity(row[-3], row[-2]), row[-1]) for row in rows]
    cases = [_case(by_id[_id(job)], job, owner, 1 + retries, policy, queues) for job, owner, retries in found]
    moved = await _move(txn, [c for c in cases if c is not None], actor, who)
    retried = [c for c in moved if c.event in RETRIES]
    ended = [c for c in moved if c.event not in RETRIES]
    await _reset(txn, retried)
    await files.update(txn, [file for c in ended for file in c.failed.files])
    return Settled(frozenset(_id(c.job) for c in retried), frozenset(_id(c.job) for c in ended))


def _case(failed: Failed, job: JobSpec, owner: Identity, attempts: int, policy: RetryPolicy,
          queues: Mapping[str, Queue]) -> _Case | None:
    """None: the attempt is over already, or its job is where this cannot happen to it."""
    if job.jobStatus not in TRANSITIONS[failed.event].sources or failed.attempt_nr not in (None, job.attemptNr):
        return None
    with_errors = replace(job, **failed.values)
    queue = queues.get(job.computingSite or "")
    if job.commandToPilot == KILL:
        return _Case(failed, with_errors, owner, None, queue)
    decision = decide(with_errors, attempts, policy, queue)
    if job.jobStatus not in TRANSITIONS[Event.RETRIED].sources:
        decision = Decision(False, f"not retried: it was {job.jobStatus}")
    if decision.retried and failed.entered and (kept := outputname.kept(job.Files, job.jobParameters, job.attemptNr + 1)):
        decision = Decision(False, f"not retried: it would write {', '.join(kept[:LISTED])} again, a name that is taken now")
    return _Case(failed, with_errors, owner, decision, queue)


async def _move(txn: Transaction, cases: Sequence[_Case], actor: Actor, who: str) -> list[_Case]:
    """Let their events happen; those to which they did."""
    line_of = await _new_lines(txn, [c for c in cases if c.decision is not None and c.decision.needs])
    by_event: dict[Event, list[_Case]] = defaultdict(list)
    for case in cases:
        by_event[case.event].append(case)
    moved: set[int] = set()
    for event, group in by_event.items():
        changes = [_change(case, line_of) for case in group]
        moved |= {m.panda_id for m in await moves.move(txn, event, changes, actor=actor, who=who)}
    if Event.RETRIED_ELSEWHERE in by_event:
        txn.hint("brokerage")
    return [case for case in cases if _id(case.job) in moved]


def _change(case: _Case, line_of: Mapping[int, int]) -> Change:
    job, decision = case.job, case.decision
    if decision is None:
        return Change(_id(job), why=job.taskBufferErrorDiag or case.failed.why, attempt_nr=job.attemptNr)
    if not decision.retried:
        values = {**case.failed.values, "pilotErrorCode": abs(job.pilotErrorCode)}  # what the minus asked for was refused
        return Change(_id(job), values, attempt_nr=job.attemptNr, why=f"{case.failed.why}; {decision.why}", cause=_cause(job))
    errors = "; ".join(map(str, failures_of(job))) or case.failed.why  # all of them: they leave the job
    return Change(_id(job), _anew(job, decision, line_of), attempt_nr=job.attemptNr, why=f"{errors}; {decision.why}",
                  cause=_cause(job))


def _cause(job: JobSpec) -> str | None:
    """None: no pilot had the job yet, so its queue is not to blame."""
    return cause_of(job) if job.jobStatus in IN_SLOT | AFTER_PILOT else None


def _anew(job: JobSpec, decision: Decision, line_of: Mapping[int, int]) -> dict[str, object]:
    """The job as its next attempt finds it: in nobody's hands, without errors, a little further behind."""
    values: dict[str, object] = {
        **CLEAN, **decision.needs, "attemptNr": job.attemptNr + 1, "currentPriority": job.currentPriority - PRIORITY_STEP,
        "reportedstatus": None, "holderanchor": None, "holdersubject": None}
    if decision.needs:
        values["line"] = line_of[_id(job)]
    if decision.avoid is not None:
        values["avoided"] = sorted({*job.avoided, decision.avoid})
    if decision.elsewhere:
        values["computingSite"] = None
    return values


async def _new_lines(txn: Transaction, cases: Sequence[_Case]) -> dict[int, int]:
    """The lines of the jobs whose needs change."""
    wanted = [(replace(c.job, **c.decision.needs), c.owner) for c in cases if c.decision is not None]
    return dict(zip(map(_id, (job for job, _ in wanted)), await lines.ensure(txn, wanted), strict=True)) if wanted else {}


async def _reset(txn: Transaction, cases: Iterable[_Case]) -> None:
    """Forget what the attempt left on texts and files; what the next one writes gets names of its own."""
    rows, written = [], []
    for case in cases:
        outputs, parameters = outputname.renamed(case.job.Files, case.job.jobParameters, case.job.attemptNr + 1)
        endpoint = case.queue.endpoint_out if case.queue else None
        rows.append((_id(case.job), case.event is Event.RETRIED_ELSEWHERE, endpoint, parameters))
        written += [{"row_id": f.row_ID, "lfn": f.lfn, "guid": f.GUID, "attemptnr": f.attemptNr} for f in outputs]
    if rows:
        ids, elsewhere, endpoints, texts = map(list, zip(*rows, strict=True))
        await txn.run(_RESET, ids=ids, elsewhere=elsewhere, endpoints=endpoints, parameters=texts, written=as_json(written))


def _id(job: JobSpec) -> int:
    assert job.PandaID is not None
    return job.PandaID
