"""The table of a job's life, read as a graph: nothing unreachable, nothing stuck, nothing anonymous."""

from __future__ import annotations

import pytest

from pandad.spec.jobstatus import (
    AFTER_PILOT,
    BEFORE_PILOT,
    FINAL,
    IN_SLOT,
    INITIAL,
    LIVE,
    NEW_ATTEMPT,
    TRANSITIONS,
    Actor,
    Event,
    JobStatus,
    may,
)

PANDA_STATES = (  # noqa: SIM905 - as a sentence
    "pending defined waiting assigned throttled activated sent starting running holding merging transferring "
    "finished failed cancelled closed"
).split()
"""The job states of PanDA's terminology, which monitors and people key on."""


def ways_out(status: JobStatus) -> dict[Event, JobStatus]:
    return {event: row.target for event, row in TRANSITIONS.items() if status in row.sources and row.target is not status}


def reachable(beginnings: frozenset[JobStatus]) -> set[JobStatus]:
    found, edge = set(beginnings), list(beginnings)
    while edge:
        new = set(ways_out(edge.pop()).values()) - found
        found |= new
        edge += new
    return found


def test_state_words_are_pandas() -> None:
    """The states carry PanDA's own words, all of them and no others."""
    assert [s.value for s in JobStatus] == PANDA_STATES


def test_parts_cover_the_states_once() -> None:
    """Every state is final, before, with or after its pilot, and only one of these."""
    parts = [FINAL, BEFORE_PILOT, IN_SLOT, AFTER_PILOT]
    assert frozenset().union(*parts) == frozenset(JobStatus)
    assert sum(map(len, parts)) == len(JobStatus)
    assert frozenset(JobStatus) - FINAL == LIVE


@pytest.mark.parametrize("actor", INITIAL)
def test_every_ending_can_be_reached(actor: Actor) -> None:
    """A job, whoever brings it in, can come to each final state."""
    assert reachable(INITIAL[actor]) >= FINAL


def test_every_state_can_be_reached() -> None:
    """No state stands in the table that no job can ever be in."""
    assert reachable(frozenset().union(*INITIAL.values())) == set(JobStatus)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_live_states_lead_to_an_end(status: JobStatus) -> None:
    """From each live state some path ends the job."""
    assert reachable(frozenset({status})) & FINAL


@pytest.mark.parametrize("status", sorted(FINAL))
def test_final_states_absorb(status: JobStatus) -> None:
    """Nothing happens to a job that has ended."""
    assert not [event for event, row in TRANSITIONS.items() if status in row.sources]


@pytest.mark.parametrize("status", sorted(IN_SLOT | {JobStatus.HOLDING}))
def test_a_vanished_pilot_is_noticed(status: JobStatus) -> None:
    """Where a pilot can vanish, the watcher can take the job out without anybody's help."""
    assert [event for event in ways_out(status) if may(event, status, Actor.WATCHER)]


@pytest.mark.parametrize("status", sorted(LIVE))
def test_owners_can_end_any_live_job(status: JobStatus) -> None:
    """A person can end a job wherever it is."""
    assert may(Event.KILLED, status, Actor.USER)


def test_each_event_has_an_actor_and_a_source() -> None:
    """No event is anonymous, and none waits for a state that does not exist; submission alone has no state before it."""
    assert set(TRANSITIONS) == set(Event) - {Event.SUBMITTED}
    assert all(row.actors and row.sources <= LIVE for row in TRANSITIONS.values())


@pytest.mark.parametrize("actor", sorted(Actor))
def test_each_actor_causes_something(actor: Actor) -> None:
    """No actor is listed in vain."""
    assert any(actor in row.actors for row in TRANSITIONS.values())


def test_pilots_neither_end_nor_requeue_jobs() -> None:
    """A pilot's word alone never makes a job final or available: outputs are checked first, and silence is the watcher's."""
    targets = {row.target for row in TRANSITIONS.values() if row.actors == {Actor.PILOT}}
    assert targets <= IN_SLOT | {JobStatus.HOLDING}
    assert all(row.actors == {Actor.PILOT} for row in TRANSITIONS.values() if Actor.PILOT in row.actors)


def test_what_a_pilot_had_goes_back_as_a_new_attempt() -> None:
    """Whatever leads from a pilot to the queue is one; what happens before any pilot is none."""
    assert {Event.SENT_EXPIRED, Event.RETRIED} <= NEW_ATTEMPT
    assert not NEW_ATTEMPT & {Event.UNBROKERED, Event.INPUT_READY, Event.UNTHROTTLE, Event.REPORTED}


def test_only_finished_needs_the_data_service_or_the_task() -> None:
    """`finished` is said only by those who look at the outputs."""
    actors = {a for row in TRANSITIONS.values() if row.target is JobStatus.FINISHED for a in row.actors}
    assert actors == {Actor.DATASERVICE, Actor.TASK}


def test_may_asks_for_state_and_actor() -> None:
    """An event is allowed only to its actors and only in its states."""
    assert may(Event.CLAIMED, JobStatus.ACTIVATED, Actor.PILOT)
    assert not may(Event.CLAIMED, JobStatus.ACTIVATED, Actor.USER)
    assert not may(Event.CLAIMED, JobStatus.SENT, Actor.PILOT)
