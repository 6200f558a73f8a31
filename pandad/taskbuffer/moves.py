"""What happens to jobs: an event or a note, its new values, and a line of history, in one statement for any number of jobs.

`happen` here and `take` in claims.py are the only writers of a status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from pandad.spec.job import JOB_ATTRIBUTES, REPORTED_ATTRIBUTES
from pandad.spec.jobstatus import FINAL, TRANSITIONS, Actor, Event, JobStatus
from pandad.spec.share import AGEING_S
from pandad.taskbuffer import tallies
from pandad.taskbuffer.jobs import BIRTH, JOB_COLUMNS
from pandad.taskbuffer.statement import Statement, as_json, listed, sql
from pandad.taskbuffer.store import Transaction

# What an event may change beside the status. The job's identity, its owner, its birth and what it is counted as never change.
_FIXED = BIRTH | {"pandaid", "jobstatus", "creationhost", "starttime", "endtime", "prodsourcelabel", "corecount", "jeditaskid"}
_OWN = ("holderanchor", "holdersubject", "reportedstatus", "line", "avoided")  # columns that are no attributes
_CHANGEABLE = (*(c for c in JOB_COLUMNS if c not in _FIXED), *_OWN)
_WRITABLE = frozenset({*_CHANGEABLE, "starttime", "endtime"})


@dataclass(frozen=True, slots=True)
class Change:
    """What one job's event brings with it.

    :param values: JobSpec attributes (and reportedstatus, holder columns) to their new values.
    :param attempt_nr: the fence: the job is touched only in this attempt. None: in any.
    :param batch_id: a second fence: not if another batch job has it. Mere numbers are no fence, workers reuse them.
    :param check_in_s: when a loop should look at the job again, from now. 0 on a job that is only touched: as planned before; on
        one that becomes activated: after AGEING_S.
    :param report: the pilot's output report, kept for the attempt; of REPORTED only, which needs the value reportedstatus too.
    :param metadata, stdout: long texts that the pilot sent.
    :param cause: "source:code", if an attempt of the job failed by this: it counts as a failure of the queue.
    """

    panda_id: int
    values: Mapping[str, object] = field(default_factory=dict)
    attempt_nr: int | None = None
    batch_id: str | None = None
    why: str | None = None
    check_in_s: float = 0.0
    report: str | None = None
    metadata: str | None = None
    stdout: str | None = None
    cause: str | None = None

    @property
    def new(self) -> dict[str, object]:
        """The values by column."""
        new = {name.lower(): value for name, value in self.values.items()}
        assert new.keys() <= _WRITABLE, f"no event may change {new.keys() - _WRITABLE}"
        return new

    @property
    def fences(self) -> dict[str, object]:
        """All the rest, under the names that the statements read."""
        return {"pandaid": self.panda_id, "attempt": self.attempt_nr, "batch": self.batch_id, "why": self.why,
                "check_in_s": self.check_in_s, "report": self.report, "metadata": self.metadata, "stdout": self.stdout,
                "cause": self.cause}


@dataclass(frozen=True, slots=True)
class Moved:
    """A job that an event moved, or only touched. ``was``: its state before. ``queue``: where it is."""

    panda_id: int
    was: JobStatus
    attempt_nr: int
    command: str | None
    queue: str | None


_NUMBER = r"^[0-9]+(\.+[0-9]+)?$"  # a batch id that batch systems use again
_PAYLOAD_OVER = FINAL | {JobStatus.HOLDING}

# Locks are taken in id order, so that two moves of the same jobs never wait for each other in a ring. A job with a stored final
# report accepts no second one: the first counts. A mere heartbeat must leave every indexed column (nextcheck too) as it is: then
# PostgreSQL writes no index entry (a HOT update). The ids stand there twice, beside the join, so that every plan goes by the
# primary key, whatever PostgreSQL believes of the number of rows.
def _moving(name: str, asked: str, new: Callable[[str, str], str], others: str, counted: str,
            before: Mapping[str, str]) -> Statement:
    """A statement that lets an event happen to jobs.

    :param asked: the columns, with their types, in which the new values come, as JSON.
    :param new: what to write for a time: the column, and what it is if no new value came.
    :param others: the SET clauses for all other values.
    :param counted: what appends to the counters. :param before: what it has to know of the jobs as they were.
    """
    return sql(name, f"""
    WITH happening AS (
        SELECT * FROM jsonb_to_recordset(%(happenings)s::jsonb) AS
            h(number int, event text, actor text, who text, sources job_status[], touched job_status[], target job_status,
              reports boolean, noted boolean, started boolean, ended boolean, rest_s float)),
    asked AS (
        SELECT * FROM jsonb_to_recordset(%(changes)s::jsonb) AS
            c(number int, pandaid bigint, attempt bigint, batch text, why text, check_in_s float, report text, metadata text,
              stdout text, cause text, {asked})
        JOIN happening h USING (number)),
    found AS (
        SELECT c.*, j.jobstatus AS was, j.jobstatus = ANY (c.sources) AS happens
               {"".join(f", {value} AS {name}" for name, value in before.items())}
        FROM job j JOIN asked c ON c.pandaid = j.pandaid
        WHERE j.pandaid = ANY (%(ids)s::bigint[])
          AND (j.jobstatus = ANY (c.sources) OR j.jobstatus = ANY (c.touched))
          AND (c.attempt IS NULL OR c.attempt = j.attemptnr)
          AND (c.batch IS NULL OR j.batchid IS NULL OR c.batch = j.batchid OR c.batch ~ '{_NUMBER}' OR j.batchid ~ '{_NUMBER}')
          AND (j.reportedstatus IS NULL OR NOT c.reports)
        ORDER BY j.pandaid FOR UPDATE OF j),
    moved AS (
        UPDATE job j SET
            jobstatus = CASE WHEN f.happens THEN f.target ELSE f.was END,
            modificationtime = CASE WHEN f.noted THEN j.modificationtime ELSE now() END,  -- a note is no sign of life
            statechangetime = CASE WHEN f.happens AND f.was <> f.target THEN now() ELSE j.statechangetime END,
            nextcheck = CASE WHEN f.happens OR f.check_in_s > 0
                        THEN now() + make_interval(secs => greatest(f.check_in_s, f.rest_s)) ELSE j.nextcheck END,
            starttime = {new("starttime", "coalesce(j.starttime, CASE WHEN f.happens AND f.started THEN now() END)")},
            endtime = {new("endtime", "coalesce(j.endtime, CASE WHEN f.happens AND f.ended THEN now() END)")},
            {others}
        FROM found f WHERE j.pandaid = f.pandaid
        RETURNING j.pandaid, f.was, f.happens, j.jobstatus, j.attemptnr, j.commandtopilot, f.why, f.report, f.metadata, f.stdout,
                  j.reportedstatus, f.event, f.actor, f.who, f.noted, f.reports, f.cause, j.computingsite, j.resource_type,
                  j.prodsourcelabel, j.corecount, j.jeditaskid, j.starttime, j.endtime, j.maxpss, j.maxrss,
                  j.line
                  {"".join(f", f.{name}" for name in before)}),
    counted AS ({counted}),
    logged AS (
        INSERT INTO job_event (pandaid, event, fromstatus, tostatus, attemptnr, actor, who, why)
        SELECT pandaid, event, was, jobstatus, attemptnr, actor, who, why FROM moved WHERE happens OR noted ORDER BY pandaid),
    reported AS (
        INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport)
        SELECT pandaid, attemptnr, reportedstatus, coalesce(report, '') FROM moved WHERE reports
        ON CONFLICT DO NOTHING),
    texts AS (
        UPDATE job_text t SET metadata = coalesce(m.metadata, t.metadata), stdout = coalesce(m.stdout, t.stdout)
        FROM moved m WHERE t.pandaid = m.pandaid AND (m.metadata IS NOT NULL OR m.stdout IS NOT NULL))
    SELECT pandaid, was, attemptnr, commandtopilot, computingsite FROM moved""")


_NOW = {"wasstatus": "was", "queue": "computingsite", "jobstatus": "jobstatus", "resource_type": "resource_type",
        "label": "prodsourcelabel"}
_USED = {"jeditaskid": "jeditaskid", "walltime": "endtime - starttime", "memory": "coalesce(maxpss, maxrss)"}
_USED_IF_FINISHED = {used: f"CASE WHEN jobstatus = '{JobStatus.FINISHED}' THEN {value} END" for used, value in _USED.items()}
_LINE = {"line": f"CASE WHEN jobstatus IN ({listed({JobStatus.RUNNING, JobStatus.FINISHED})}) OR fast THEN line END"}

# A job that is only touched is counted as before, unless its queue or type changes.
_MOVE = _moving(
    "moves.move", "new jsonb",
    lambda time, old: f"CASE WHEN f.new ? '{time}' THEN (f.new ->> '{time}')::timestamptz ELSE {old} END", f"""
            ({", ".join(_CHANGEABLE)}) =
                (SELECT {", ".join("r." + c for c in _CHANGEABLE)} FROM jsonb_populate_record(j, f.new) r)""",
    tallies.counted("moved", {
        "wasqueue": "wasqueue", "wastype": "wastype", "cause": "cause", "fast": "fast", **_NOW, **_USED_IF_FINISHED, **_LINE},
        "(was, wasqueue, wastype) IS DISTINCT FROM (jobstatus, computingsite, resource_type)", together=True),
    {"wasqueue": "j.computingsite", "wastype": "j.resource_type", "fast": tallies.FAST})

# Most moves are pilots' words and good ends. They set a third of the columns, none of them to NULL, and cost half as much so.
_TYPES = {int: "bigint", float: "double precision", str: "text", datetime: "timestamptz"}
_OFTEN_SET = {*REPORTED_ATTRIBUTES, "nOutputDataFiles", "outputFileBytes"}
_OFTEN = {a.column: _TYPES[a.kind] for a in JOB_ATTRIBUTES if a.name in _OFTEN_SET}
_PLAIN_MOVE = _moving("moves.plain_move", f"""
              {", ".join(f"{column} {kind}" for column, kind in _OFTEN.items())},
              reportedstatus job_status""", lambda time, old: f"coalesce(f.{time}, {old})",
    ", ".join(f"{c} = coalesce(f.{c}, j.{c})" for c in (*_OFTEN, "reportedstatus") if c not in ("starttime", "endtime")),
    tallies.counted("moved", {"wasqueue": "computingsite", "wastype": "resource_type", **_NOW, **_USED, "line": "line"},
                    "was <> jobstatus", together=False), {})
_PLAIN = frozenset({*_OFTEN, "reportedstatus"})

# A round of brokerage moves thousands of jobs, and sets these of each.
_PLACED = {"computingsite": "text", "brokerageerrorcode": "bigint", "brokerageerrordiag": "text"}
_PLACE = _moving(
    "moves.place", ", ".join(f"{column} {kind}" for column, kind in _PLACED.items()), lambda time, old: old,
    ", ".join(f"{column} = f.{column}" for column in _PLACED),
    tallies.counted("moved", {"wasqueue": "wasqueue", "wastype": "resource_type", **_NOW, **_USED_IF_FINISHED},
                    "(was, wasqueue) IS DISTINCT FROM (jobstatus, computingsite)", together=True),
    {"wasqueue": "j.computingsite"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event and the jobs that it happens to, or a note on them.

    :param sources: states in which it moves a job to the `target`. :param touched: states that a job keeps, and takes the values.
    :param who: the identity or the part of pandad behind the actor.
    """

    event: str
    changes: Sequence[Change]
    actor: Actor
    who: str
    sources: AbstractSet[JobStatus] = frozenset()
    touched: AbstractSet[JobStatus] = frozenset()
    target: JobStatus | None = None

    def as_row(self, number: int) -> dict[str, object]:
        """The row that the statements read."""
        return {"number": number, "event": self.event, "actor": self.actor, "who": self.who, "sources": sorted(self.sources),
                "touched": sorted(self.touched), "target": self.target, "reports": self.event == Event.REPORTED,
                "noted": self.target is None, "started": self.target is JobStatus.RUNNING, "ended": self.target in _PAYLOAD_OVER,
                "rest_s": AGEING_S if self.target is JobStatus.ACTIVATED else 0}


def happening(event: Event, changes: Iterable[Change], *, actor: Actor, who: str,
              only: AbstractSet[JobStatus] | None = None, also_in: AbstractSet[JobStatus] = frozenset()) -> Happening:
    """An event of the table of transitions.

    :param only: narrow the states in which it may happen.
    :param also_in: states in which the job is touched (values, modificationTime) and keeps its state; used for heartbeats.
    """
    row = TRANSITIONS[event]
    assert actor in row.actors, f"{actor} may not cause {event}"
    sources = row.sources & only if only is not None else row.sources
    return Happening(
        event=event, changes=list(changes), actor=actor, who=who, sources=sources, touched=also_in, target=row.target)


async def move(txn: Transaction, event: Event, changes: Iterable[Change], *, actor: Actor, who: str,
               only: AbstractSet[JobStatus] | None = None, also_in: AbstractSet[JobStatus] = frozenset()) -> list[Moved]:
    """Something happened to these jobs: move those that it may happen to, write their events, say which moved. (`happening`)"""
    return await happen(txn, [happening(event, changes, actor=actor, who=who, only=only, also_in=also_in)])


async def touch(txn: Transaction, note: str, changes: Iterable[Change], states: AbstractSet[JobStatus], *,
                actor: Actor, who: str) -> list[Moved]:
    """Change attributes of jobs in those states, without an event of the table; `note` goes to their history."""
    return await happen(txn, [Happening(event=note, changes=list(changes), actor=actor, who=who, touched=states)])


async def happen(txn: Transaction, happenings: Sequence[Happening]) -> list[Moved]:
    """Let all this happen, each job in one of them at most; which jobs were moved or touched. One statement."""
    numbered = [(number, change, change.new) for number, each in enumerate(happenings) for change in each.changes]
    if all(new.keys() <= _PLAIN and None not in new.values() and change.cause is None for _, change, new in numbered):
        statement, asked = _PLAIN_MOVE, [{"number": number, **change.fences, **new} for number, change, new in numbered]
    elif all(new.keys() == _PLACED.keys() and change.cause is None for _, change, new in numbered):
        statement, asked = _PLACE, [{"number": number, **change.fences, **new} for number, change, new in numbered]
    else:
        statement, asked = _MOVE, [{"number": number, **change.fences, "new": new} for number, change, new in numbered]
    rows = await txn.many(
        statement, happenings=as_json(each.as_row(number) for number, each in enumerate(happenings)), changes=as_json(asked),
        ids=[change.panda_id for _, change, _ in numbered])
    return [Moved(panda_id, JobStatus(was), *rest) for panda_id, was, *rest in rows]


_DEFER = sql("moves.defer", """
    UPDATE job SET nextcheck = now() + make_interval(secs => %(check_in_s)s)
    WHERE pandaid = ANY (%(ids)s::bigint[]) AND jobstatus = %(status)s::job_status RETURNING pandaid""")


async def defer(txn: Transaction, ids: Sequence[int], status: JobStatus, check_in_s: float) -> list[int]:
    """Nothing new about these jobs: look again later. Which of them are still in that state."""
    return [panda_id for (panda_id,) in await txn.many(_DEFER, ids=list(ids), status=status, check_in_s=check_in_s)]
