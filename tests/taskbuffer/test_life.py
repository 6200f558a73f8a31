"""Any number of jobs, any events in any order: the store does what the table of transitions says, and its history proves it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from factories import a_job, a_pilot, claim, stored
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from pytest_twisted import ensureDeferred
from twisted.internet.threads import deferToThread

from pandad.spec.jobstatus import FINAL, IN_SLOT, INITIAL, NEW_ATTEMPT, TRANSITIONS, Actor, Event, JobStatus
from pandad.taskbuffer import jobs, moves
from pandad.taskbuffer.jobs import JobEvent
from pandad.taskbuffer.moves import Change, Moved
from pandad.taskbuffer.store import Store, Transaction

from .observing import in_reactor

S, E = JobStatus, Event

EXAMPLES, STEPS = 40, 40
MOVES = sorted(TRANSITIONS.keys() - {E.CLAIMED})  # only a claim claims
HEARTBEATS = {E.STARTED: frozenset({S.STARTING, S.RUNNING}), E.RUNNING: frozenset({S.RUNNING})}
NOTE = "kill asked"
FENCES = ("this attempt", "the attempt before", "none")

_queues = itertools.count()


@dataclass(frozen=True)
class Known:
    """What the model says of a job."""

    priority: int
    status: JobStatus = S.DEFINED
    attempt: int = 1
    reported: JobStatus | None = None
    command: str | None = None

    def takes(self, event: Event, also_in: Iterable[JobStatus], fence: str) -> bool:
        """Whether that event changes anything of it."""
        right_attempt = fence != "the attempt before"
        owed = event is not E.REPORTED or self.reported is None
        return right_attempt and owed and (self.status in TRANSITIONS[event].sources or self.status in also_in)

    def after(self, event: Event) -> Known:
        """It, changed by an event that it takes."""
        row = TRANSITIONS[event]
        status = row.target if self.status in row.sources else self.status
        reported = S.FAILED if event is E.REPORTED else self.reported
        return replace(self, status=status, reported=reported, attempt=self.attempt + (event in NEW_ATTEMPT))


class RolledBack(Exception):
    """Ends a transaction that must leave nothing."""


class Life(RuleBasedStateMachine):
    """The store on one side, a dictionary on the other."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.queue = f"Q{next(_queues)}"
        self.model: dict[int, Known] = {}
        self.claims: set[tuple[int, int]] = set()

    # --- what happens to jobs

    @initialize(priorities=st.lists(st.integers(0, 3), min_size=2, max_size=5))
    def begin(self, priorities: list[int]) -> None:
        """Some jobs are there from the start, the first of them where a pilot finds it."""
        self.submit(priorities, S.DEFINED)
        for event in (E.BROKERED, E.INPUT_READY):
            self._happens(event, list(self.model)[:2], FENCES[0])

    @rule(priorities=st.lists(st.integers(0, 3), min_size=1, max_size=3), status=st.sampled_from(sorted(INITIAL[Actor.TASK])))
    def submit(self, priorities: list[int], status: JobStatus) -> None:
        """New jobs, by a user or a task."""
        specs = [a_job(jobStatus=status, currentPriority=p) for p in priorities]
        ids = in_reactor(lambda: self.store.transact("submit", stored, specs))
        self.model.update({i: Known(p, status) for i, p in zip(ids, priorities, strict=True)})

    @rule(data=st.data(), fence=st.sampled_from(FENCES))
    def something_legal(self, data: st.DataObject, fence: str) -> None:
        """An event that may happen to one of the jobs happens to some of them."""
        panda_id = data.draw(st.sampled_from(sorted(self.model)))
        events = [e for e in MOVES if self.model[panda_id].status in TRANSITIONS[e].sources]
        others = data.draw(st.lists(st.sampled_from(sorted(self.model)), max_size=2, unique=True))
        if events:
            self._happens(data.draw(st.sampled_from(events)), list(dict.fromkeys([panda_id, *others])), fence)

    @rule(data=st.data(), event=st.sampled_from(MOVES), fence=st.sampled_from(FENCES))
    def anything(self, data: st.DataObject, event: Event, fence: str) -> None:
        """Any event is tried on any jobs."""
        self._happens(event, data.draw(st.lists(st.sampled_from(sorted(self.model)), min_size=1, max_size=4, unique=True)), fence)

    @rule(data=st.data(), event=st.sampled_from(MOVES))
    def rolled_back(self, data: st.DataObject, event: Event) -> None:
        """An event whose transaction fails has not happened."""
        changes = [self._change(event, i, FENCES[0]) for i in data.draw(st.sets(st.sampled_from(sorted(self.model)), max_size=3))]

        async def body(txn: Transaction) -> None:
            await _move(txn, event, changes)
            raise RolledBack

        try:
            in_reactor(lambda: self.store.transact("rolled back", body))
        except RolledBack:
            return
        raise AssertionError("the error did not come back")

    @rule(count=st.integers(1, 3))
    def claim(self, count: int) -> None:
        """A pilot gets the best activated jobs of the queue, and no attempt of a job goes out twice."""
        found = in_reactor(lambda: self.store.transact("claim", claim, a_pilot(queue=self.queue, count=count)))
        waiting = sorted((-k.priority, i) for i, k in self.model.items() if k.status is S.ACTIVATED)
        assert [job.PandaID for job in found] == [i for _, i in waiting[:count]]
        for panda_id in (job.PandaID or 0 for job in found):
            known = self.model[panda_id]
            assert (panda_id, known.attempt) not in self.claims
            self.claims.add((panda_id, known.attempt))
            self.model[panda_id] = replace(known, status=S.SENT, reported=None)

    @precondition(lambda self: any(k.status in IN_SLOT for k in self.model.values()))
    @rule()
    def kill_softly(self) -> None:
        """The jobs in slots get a command, and stay in their state."""
        changes = [Change(i, {"commandToPilot": "tobekilled"}) for i in self.model]
        touched = in_reactor(lambda: self.store.once("kill", moves.touch, NOTE, changes, IN_SLOT, actor=Actor.USER, who="x"))
        assert {m.panda_id for m in touched} == {i for i, k in self.model.items() if k.status in IN_SLOT}
        for moved in touched:
            self.model[moved.panda_id] = replace(self.model[moved.panda_id], command="tobekilled")

    def _change(self, event: Event, panda_id: int, fence: str) -> Change:
        attempt = self.model[panda_id].attempt
        values: dict[str, Any] = {"computingSite": self.queue} if event is E.BROKERED else {}
        if event in NEW_ATTEMPT:
            values["attemptNr"] = attempt + 1
        if event is E.REPORTED:
            values["reportedstatus"] = S.FAILED
        return Change(panda_id, values, attempt_nr={FENCES[0]: attempt, FENCES[1]: attempt - 1, FENCES[2]: None}[fence])

    def _happens(self, event: Event, ids: Sequence[int], fence: str) -> None:
        also_in = HEARTBEATS.get(event, frozenset())
        changes = [self._change(event, i, fence) for i in ids]
        moved = in_reactor(lambda: self.store.transact("move", _move, event, changes))
        expected = {i: self.model[i] for i in ids if self.model[i].takes(event, also_in, fence)}
        assert {m.panda_id: m.was for m in moved} == {i: k.status for i, k in expected.items()}
        self.model.update({i: known.after(event) for i, known in expected.items()})

    # --- what always holds

    @invariant()
    def store_is_as_the_model_says(self) -> None:
        """State, attempt, report and command of every job."""
        states = in_reactor(lambda: self.store.once("states", jobs.states, list(self.model)))
        seen = {s.panda_id: (s.status, s.attempt_nr, s.reported, s.command) for s in states if s}
        assert seen == {i: (k.status, k.attempt, k.reported, k.command) for i, k in self.model.items()}

    def teardown(self) -> None:
        """The history alone tells state and attempt of each job; every line of it was allowed; no attempt was claimed twice."""
        claimed: list[tuple[int, int]] = []
        for panda_id, known in self.model.items():
            events = in_reactor(lambda i=panda_id: self.store.once("events", jobs.events, i))  # type: ignore[misc]
            assert _replayed(events) == (known.status, known.attempt)
            claimed += [(panda_id, e.attempt_nr) for e in events if e.event == E.CLAIMED]
        assert len(claimed) == len(set(claimed)) and set(claimed) == self.claims


async def _move(txn: Transaction, event: Event, changes: Sequence[Change]) -> list[Moved]:
    actor = min(TRANSITIONS[event].actors)
    return await moves.move(txn, event, changes, actor=actor, who="x", also_in=HEARTBEATS.get(event, frozenset()))


def _replayed(events: Sequence[JobEvent]) -> tuple[JobStatus, int]:
    """State and attempt at the end of a history, each step of which must be one of the table."""
    first, *rest = events
    assert first.event == E.SUBMITTED and first.was is None
    status, attempt = first.became, first.attempt_nr
    for event in rest:
        assert event.was == status and status not in FINAL
        if event.event != NOTE:
            row = TRANSITIONS[Event(event.event)]
            assert status in row.sources and event.became == row.target and event.actor in row.actors
        assert event.attempt_nr == attempt + (event.event in NEW_ATTEMPT)
        status, attempt = event.became, event.attempt_nr
    return status, attempt


@ensureDeferred
async def test_life_of_jobs(store: Store) -> None:
    """Whatever happens in whatever order, store, model and history agree, and no attempt goes to two pilots."""
    bounds = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck))
    machine: Any = lambda: Life(store)  # noqa: E731
    await deferToThread(lambda: run_state_machine_as_test(machine, settings=bounds))
