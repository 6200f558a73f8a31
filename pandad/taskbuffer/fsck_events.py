"""Invariants of the history: it is complete, every step of it was allowed, and replaying it gives the job."""

from __future__ import annotations

from pandad.spec.jobstatus import AFTER_PILOT, FINAL, IN_SLOT, INITIAL, NEW_ATTEMPT, TRANSITIONS, Actor, Event
from pandad.taskbuffer.fsck_jobs import SLACK
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.statement import listed

ERROR = Severity.ERROR
TIMELINE = "read `pandad job timeline ID`, compare with the logs of that time, and report it"

# Live jobs, and those that ended within the last `days`.
_RECENT = "(endedon IS NULL OR endedon >= current_date - %(days)s::integer)"
_MOVES = ", ".join(
    f"('{event}', '{source}'::job_status, '{row.target}'::job_status)"
    for event, row in sorted(TRANSITIONS.items()) for source in sorted(row.sources))
_BIRTHS = ", ".join(f"('{actor}', '{status}'::job_status)" for actor in sorted(INITIAL) for status in sorted(INITIAL[actor]))
_CAUSES = ", ".join(f"('{event}', '{actor}')" for event, row in sorted(TRANSITIONS.items()) for actor in sorted(row.actors))

# Every event beside the one before it. Rows of a job follow each other in the order of their ids: its row in `job` is locked by
# whoever writes one.
_STEPS = f"""
    SELECT pandaid, id, event, fromstatus, attemptnr, lag(tostatus) OVER past AS laststatus,
           lag(attemptnr) OVER past AS lastattempt
    FROM job_event_ever WHERE {_RECENT} WINDOW past AS (PARTITION BY pandaid ORDER BY id)"""

EVENTS = (
    invariant(
        "event-submitted-once", "a job is submitted once", ERROR, f"""
        SELECT j.pandaid, CASE WHEN min(e.id) IS NULL THEN 'nothing says that it was submitted'
                               ELSE concat('it was submitted ', count(*), ' times') END
        FROM (SELECT pandaid FROM job_ever WHERE {_RECENT}) j
        LEFT JOIN (SELECT pandaid, id FROM job_event_ever WHERE event = '{Event.SUBMITTED}' AND {_RECENT}) e USING (pandaid)
        GROUP BY j.pandaid HAVING count(e.id) <> 1""",
        TIMELINE),
    invariant(
        "event-first", "a job's history begins with its submission", ERROR, f"""
        SELECT pandaid, concat('its history begins with another event, ', min(id)) FROM job_event_ever WHERE {_RECENT}
        GROUP BY pandaid HAVING min(id) <> coalesce(min(id) FILTER (WHERE event = '{Event.SUBMITTED}'), 0)""",
        TIMELINE),
    invariant(
        "event-birth", "a job is born into a state that its submitter may give it", ERROR, f"""
        SELECT pandaid, concat('submitted by ', actor, ' ', 'from ' || fromstatus || ' ', 'as ', tostatus, ', event ', id)
        FROM job_event_ever WHERE event = '{Event.SUBMITTED}' AND {_RECENT}
          AND (fromstatus IS NOT NULL OR (actor, tostatus) NOT IN (VALUES {_BIRTHS}))""",
        TIMELINE),
    invariant(
        "event-move", "every move is one of the table of transitions", ERROR, f"""
        SELECT pandaid, concat('"', event, '" from ', coalesce(fromstatus::text, 'nowhere'), ' to ', tostatus, ', event ', id)
        FROM job_event_ever WHERE event IN ({listed(TRANSITIONS)}) AND {_RECENT}
          AND (fromstatus IS NULL OR (event, fromstatus, tostatus) NOT IN (VALUES {_MOVES}))""",
        TIMELINE),
    invariant(
        "event-note", "an event that is not in the table is a note and changes no state", ERROR, f"""
        SELECT pandaid, concat('"', event, '" from ', coalesce(fromstatus::text, 'nowhere'), ' to ', tostatus, ', event ', id)
        FROM job_event_ever WHERE event NOT IN ({listed({*TRANSITIONS, Event.SUBMITTED})}) AND {_RECENT}
          AND fromstatus IS DISTINCT FROM tostatus""",
        TIMELINE),
    invariant(
        "event-actor", "every event was caused by somebody who may cause it", ERROR, f"""
        SELECT pandaid, concat('"', event, '" by ', actor, ', event ', id) FROM job_event_ever
        WHERE {_RECENT} AND CASE WHEN event IN ({listed(TRANSITIONS)}) THEN (event, actor) NOT IN (VALUES {_CAUSES})
                                 ELSE actor NOT IN ({listed(Actor)}) END""",
        TIMELINE),
    invariant(
        "event-who", "every event names who caused it", ERROR, f"""
        SELECT pandaid, concat('"', event, '" by an unnamed ', actor, ', event ', id)
        FROM job_event_ever WHERE who = '' AND {_RECENT}""",
        TIMELINE),
    invariant(
        "event-chain", "each event begins where the one before it ended", ERROR, f"""
        SELECT pandaid, concat('"', event, '" begins in ', fromstatus, ' after ', laststatus, ', event ', id) FROM ({_STEPS}) step
        WHERE laststatus <> fromstatus OR (laststatus IS NOT NULL AND fromstatus IS NULL AND event <> '{Event.SUBMITTED}')""",
        TIMELINE),
    invariant(
        "event-attempt", "the attempt goes up, by one, when and only when a job goes back to the queue", ERROR, f"""
        SELECT pandaid, concat('attempt ', attemptnr, ' after ', lastattempt, ' at "', event, '", event ', id)
        FROM ({_STEPS}) step
        WHERE attemptnr <> lastattempt + CASE WHEN event IN ({listed(NEW_ATTEMPT)}) THEN 1 ELSE 0 END""",
        TIMELINE),
    invariant(
        "event-after-end", "nothing happens to a job after its end", ERROR, f"""
        SELECT pandaid, concat('it ended with event ', min(id) FILTER (WHERE tostatus IN ({listed(FINAL)})),
                               ', and event ', max(id), ' came later')
        FROM job_event_ever WHERE {_RECENT}
        GROUP BY pandaid HAVING max(id) > min(id) FILTER (WHERE tostatus IN ({listed(FINAL)}))""",
        TIMELINE),
    invariant(
        "event-claimed-once", "no attempt of a job is handed out twice", ERROR, f"""
        SELECT pandaid, concat('attempt ', attemptnr, ' was handed out ', count(*), ' times')
        FROM job_event_ever WHERE event = '{Event.CLAIMED}' AND {_RECENT} GROUP BY pandaid, attemptnr HAVING count(*) > 1""",
        "two pilots may have run it: compare the outputs; " + TIMELINE),
    invariant(
        "event-holder", "a job that was handed out is held by who took this attempt", ERROR, f"""
        SELECT pandaid, concat('held by ', coalesce(holdersubject, 'nobody'), ', and attempt ', attemptnr, ' was taken by ',
                               coalesce(who, 'nobody'))
        FROM job LEFT JOIN (SELECT pandaid, attemptnr, max(who) AS who FROM job_event WHERE event = '{Event.CLAIMED}'
                            GROUP BY 1, 2) e USING (pandaid, attemptnr)
        WHERE jobstatus IN ({listed(IN_SLOT | AFTER_PILOT)}) AND who IS DISTINCT FROM holdersubject""",
        TIMELINE),
    invariant(
        "event-replay", "replaying a job's history gives its state and its attempt", ERROR, f"""
        SELECT j.pandaid, concat('it is ', j.jobstatus, ' in attempt ', j.attemptnr, ', by its history ', e.tostatus, ' in ',
                                 e.attemptnr)
        FROM (SELECT pandaid, max(id) AS id FROM job_event_ever WHERE {_RECENT} GROUP BY pandaid) newest
        JOIN (SELECT id, tostatus, attemptnr FROM job_event_ever WHERE {_RECENT}) e USING (id)
        JOIN (SELECT pandaid, jobstatus, attemptnr FROM job_ever WHERE {_RECENT}) j USING (pandaid)
        WHERE j.jobstatus <> e.tostatus OR j.attemptnr <> e.attemptnr""",
        TIMELINE),
    invariant(
        "event-future", "no event is later than now", ERROR, f"""
        SELECT pandaid, concat('"', event, '" at ', at, ', event ', id)
        FROM job_event_ever WHERE at > clock_timestamp() + {SLACK} AND {_RECENT}""",
        "look whether the database's clock was set back"),
)
