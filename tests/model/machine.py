"""The machine: people, pilots and loops do things to the rooms; after each step the stored jobs are those of the reference."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from taskbuffer.observing import in_reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.spec.errors import Conflict, Forbidden

from .history import History
from .reference import WAITS, Job, Message
from .rooms import Rooms, output, spec

T = TypeVar("T")

WORDS = ("starting", "running", "running", "stagein", "transferring", "holding", "finished", "finished", "failed", "dreaming")
FENCES = ("own", "own", "own", "own", "no attempt", "wrong attempt", "another batch")
MANY = 2**16
pick = st.integers(0, MANY - 1)  # which of something: cheaper than to draw from it
words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)

_names = itertools.count()


@dataclass(frozen=True)
class Given:
    """A dispatch: what its pilot knows."""

    job: int
    attempt: int
    node: str
    batch: str


@dataclass
class Tally:
    """What a campaign has done so far."""

    steps: int = 0
    jobs: int = 0
    claims: int = 0


class Life(RuleBasedStateMachine):
    """One database for all runs, emptied at the start of each."""

    def __init__(self, rooms: Rooms, tally: Tally) -> None:
        super().__init__()
        self.rooms, self.tally = rooms, tally
        self.jobs: dict[int, Job] = {}
        self.given: list[Given] = []
        self.said: list[Message] = []
        self.submitted: list[tuple[str, Any, str, list[int]]] = []
        self.inputs: dict[int, str] = {}  # the name of each job's input, if it has one
        self.arrived: set[str] = set()  # inputs that are at the storage
        self.stored: set[int] = set()  # jobs whose output is at the storage
        self.history = History()
        self.rows: list[tuple[Any, ...]] = []

    # --- one step

    def _does(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do it, and look at what is stored then; `_is_right` compares."""

        async def step() -> T:
            result = await act()
            self.rows = await self.rooms.look(self.history)
            return result

        self.tally.steps += 1
        return in_reactor(lambda: Deferred.fromCoroutine(step()))

    def _is_right(self) -> None:
        seen = {row[0]: row[1:] for row in self.rows}
        assert seen == {i: _stored(job) for i, job in self.jobs.items()}
        assert self.history.at == {i: (job.status, job.attempt) for i, job in self.jobs.items()}

    def _all(self, change: Callable[[int, Job], Job]) -> None:
        self.jobs = {i: change(i, job) for i, job in self.jobs.items()}
        self._is_right()

    def _chosen(self, picks: Sequence[int]) -> list[int]:
        ids = list(self.jobs)
        return list(dict.fromkeys(ids[p % len(ids)] for p in picks))

    # --- people

    @initialize()
    def begin(self) -> None:
        """An empty database, and two jobs of each kind."""
        in_reactor(lambda: Deferred.fromCoroutine(self.rooms.begin()))
        self.submit("alice", True, True)
        self.submit("bob", False, False)
        self.activator(True)

    @rule(who=st.sampled_from(("alice", "bob")), has_input=st.booleans(), has_output=st.booleans(), count=st.integers(1, 2))
    def submit(self, who: str, has_input: bool, has_output: bool, count: int = 2) -> None:
        """New jobs."""
        name = f"in.{next(_names)}"
        ids = self._submit(who, (has_input, has_output, name, count), name)
        assert not set(ids) & set(self.jobs)
        self.jobs.update({i: Job(who, has_input, has_output) for i in ids})
        self.inputs.update(dict.fromkeys(ids, name))
        self.submitted.append((who, (has_input, has_output, name, count), name, ids))
        self.tally.jobs += count
        self._is_right()

    @rule(which=pick, other=st.booleans())
    def submit_again(self, which: int, other: bool) -> None:
        """A client that lost its answer sends the same again: the same numbers, and nothing new. Other jobs under the same name
        are refused."""
        who, what, name, ids = self.submitted[which % len(self.submitted)]
        try:
            again = self._submit(who, (not what[0], *what[1:]) if other else what, name)
            assert again == ids and not other
        except Conflict:
            assert other
        self._is_right()

    def _submit(self, who: str, what: tuple[bool, bool, str, int], request_id: str) -> list[int]:
        specs = [spec(what[0], what[1], what[2]) for _ in range(what[3])]
        receipt = self._does(lambda: self.rooms.submit(who, specs, request_id))
        return [job.PandaID or 0 for job in receipt.jobs]

    @rule(who=st.sampled_from(("alice", "bob", "admin")), picks=st.lists(pick, min_size=1, max_size=3))
    def kill(self, who: str, picks: list[int]) -> None:
        """Somebody wants the end of some jobs."""
        ids = self._chosen(picks)
        answers = self._does(lambda: self.rooms.kill(who, ids))
        outcomes = [self.jobs[i].killed(who) for i in ids]
        assert answers == [killed for _, killed in outcomes]
        self.jobs.update({i: job for i, (job, _) in zip(ids, outcomes, strict=True)})
        self._is_right()

    @rule(which=pick)
    def a_person_speaks_for_a_job(self, which: int) -> None:
        """Who is no pilot, and did not take the job, is refused, even its owner."""
        (i,) = self._chosen([which])
        try:
            self._does(lambda: self.rooms.say(Message(i, "failed", self.jobs[i].attempt, None, None), "alice"))
        except Forbidden:
            return
        raise AssertionError("heard")

    # --- pilots

    @rule(count=st.integers(1, 3), pilots=st.integers(1, 2))
    def acquire(self, count: int, pilots: int) -> None:
        """Pilots ask at the same time: none gets a job that waits for something else, nor do all get none while there is one."""
        nodes = [f"node{len(self.given) + n}" for n in range(pilots)]

        async def ask() -> list[list[int]]:
            calls = [Deferred.fromCoroutine(self.rooms.acquire(node, count)) for node in nodes]
            return [[job.PandaID or 0 for job in found] for found in await gatherResults(calls)]

        answers = self._does(ask)
        ready = sum(job.status == "activated" for job in self.jobs.values())
        assert all(len(found) <= count for found in answers)
        assert any(answers) or not ready
        for node, found in zip(nodes, answers, strict=True):
            for i in found:
                self.jobs[i] = self.jobs[i].claimed(node)
                self.given.append(Given(i, self.jobs[i].attempt, node, f"batch.{node}"))
                self.tally.claims += 1
        self._is_right()

    @rule(which=pick, words=words, how=st.sampled_from(FENCES), files=st.booleans(), fresh=st.booleans())
    def speak(self, which: int, words: list[str], how: str, files: bool, fresh: bool) -> None:
        """A pilot that takes a job now, or any that was ever given one, says something: often the last one, and often late."""
        if fresh or not self.given:
            self._take_one()
        if not self.given:
            return
        given = self.given[-1 - which % min(len(self.given), 4)] if which % 2 else self.given[which % len(self.given)]
        for word in words:
            self._speak(given, word, how, files, which)

    @rule(words=words)
    def a_pilot_works(self, words: list[str]) -> None:
        """A pilot takes a job and reports it as a pilot does."""
        known = len(self.given)
        self._take_one()
        for word in words if len(self.given) > known else ():
            self._speak(self.given[-1], word, "own", True, len(words))

    def _take_one(self) -> None:
        """There is work, and a pilot gets it."""
        if not any(job.status in WAITS and not job.has_input for job in self.jobs.values()):
            self.submit("alice", False, True)
        self.activator(True)
        self.acquire(1, 1)

    def _speak(self, given: Given, word: str, how: str, files: bool, which: int) -> None:
        attempt = {"no attempt": None, "wrong attempt": given.attempt + 1}.get(how, given.attempt)
        batch = f"other.{given.batch}" if how == "another batch" else given.batch if which % 3 else None
        said = Message(given.job, word, attempt, batch, given.node, files)
        self._hear(said)
        self.said.append(said)

    @precondition(lambda self: self.said)
    @rule(which=pick)
    def speak_again(self, which: int) -> None:
        """A word that was said comes once more, at once or much later."""
        recent = self.said[-3:] if which % 2 else self.said
        self._hear(recent[which % len(recent)])

    def _hear(self, said: Message) -> None:
        if said.files and said.word == "finished" and self.jobs[said.job].has_output:
            self.rooms.put(output(said.job))
            self.stored.add(said.job)
        answer = self._does(lambda: self.rooms.say(said))
        if said.word == "dreaming":
            assert answer == "NULL"
        else:
            self.jobs[said.job], expected = self.jobs[said.job].hears(said)
            assert answer == expected
        self._is_right()

    @precondition(lambda self: len(self.said) > 1)
    @rule(one=pick, two=pick)
    def speak_at_once(self, one: int, two: int) -> None:
        """Two words, perhaps for the same job, come at the same time: as one after the other, whichever that is."""
        words = [said for p in (one, two) if (said := self.said[p % len(self.said)]).word != "dreaming"]

        async def ask() -> list[str]:
            return await gatherResults([Deferred.fromCoroutine(self.rooms.say(said)) for said in words])

        answers = self._does(ask)
        seen = {row[0]: row[1:] for row in self.rows}
        for order in itertools.permutations(range(len(words))):
            jobs, got = dict(self.jobs), [""] * len(words)
            for place in order:
                jobs[words[place].job], got[place] = jobs[words[place].job].hears(words[place])
            if got == answers and seen == {i: _stored(job) for i, job in jobs.items()}:
                self.jobs = jobs
                return
        raise AssertionError(f"{words} at once: {answers}, in no order")

    # --- loops and the world

    @rule(which=st.sampled_from(("activator", "adder")), storage_answers=st.booleans(), arrives=pick)
    def loop(self, which: str, storage_answers: bool, arrives: int) -> None:
        """A file that some job waits for arrives; then one of the loops goes round, while the storage answers or does not."""
        name = self.inputs[self._chosen([arrives])[0]]
        self.arrived.add(name)
        self.rooms.put(name)
        if which == "activator":
            self.activator(storage_answers)
        else:
            self.adder(storage_answers)

    def activator(self, storage_answers: bool) -> None:
        """Jobs get their queue and, if it is there, their input."""
        self.rooms.storage_answers(storage_answers)
        self._does(self.rooms.broker)
        self._all(lambda _, job: job.brokered())
        self._does(self.rooms.activate)
        self._all(lambda i, job: job.looked_at(storage_answers and self.inputs[i] in self.arrived))

    def adder(self, storage_answers: bool) -> None:
        """Reported jobs come to their end."""
        self.rooms.storage_answers(storage_answers)
        self._does(self.rooms.add)
        self._all(lambda i, job: job.added(storage_answers, i in self.stored))

    @rule(picks=st.lists(pick, min_size=1, max_size=2), retried=st.booleans())
    def silence(self, picks: list[int], retried: bool) -> None:
        """Some pilots have not spoken for long, and the watcher looks; or new attempts are wanted of jobs that are not to die."""
        ids = [i for i in self._chosen(picks) if not retried or self.jobs[i].command is None]
        if retried:
            self._does(lambda: self.rooms.retry(ids, [self.jobs[i].attempt for i in ids]))
            self._all(lambda i, job: job.retried() if i in ids else job)
        else:
            self._does(lambda: self.rooms.fall_silent(ids))
            self._all(lambda i, job: job.silent() if i in ids else job)

    def teardown(self) -> None:
        """No attempt was handed out but those that pilots got."""
        got = {(given.job, given.attempt) for given in self.given}
        assert len(got) == len(self.given) and self.history.claims == got


def _stored(job: Job) -> tuple[Any, ...]:
    return job.status, job.attempt, job.reported, job.command, job.batch, job.noted is not None
