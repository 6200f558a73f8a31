"""The machine: people, pilots and loops do things to the rooms; after each step the stored jobs are those of the reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from taskbuffer.observing import in_reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.spec.errors import Conflict, Forbidden
from pandad.spec.job import JobSpec

from .comparing import Compared, Given, as_stored
from .reference import FEW, SLOT, WAITS, Job, Message, capped, has_room, in_use
from .retries import MEMORY_MB
from .rooms import AGE_S, SILENCE_S, output, spec

WORDS = ("starting", "running", "running", "stagein", "transferring", "holding", "finished", "finished", "failed", "dreaming")
FENCES = ("own", "own", "own", "own", "no attempt", "wrong attempt", "another batch")
ERRORS = ((0, 0), (-1150, 0), (1201, 0), (1305, 0), (-1305, 0), (1212, 0), (1324, 0), (1099, 0), (0, 7), (1212, 7), (-1099, 7))
OWNERS = ("alice", "bob")
SMALL = next(iter(MEMORY_MB))
MANY = 2**16
pick = st.integers(0, MANY - 1)  # which of something: cheaper than to draw from it
words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)
owners = st.sampled_from(OWNERS)
errors = st.sampled_from(ERRORS)

_names = itertools.count()


class Life(Compared):
    """What people, pilots, loops and the world do. Every rule may be drawn at any time: what is drawn must not hang on what the
    rooms did, because they have some choice."""

    # --- people

    @initialize()
    def begin(self) -> None:
        """An empty database, and two jobs of each kind."""
        in_reactor(lambda: Deferred.fromCoroutine(self.rooms.begin()))
        self.submit(Job("alice", has_input=True, has_output=True), 2)
        self.submit(Job("bob"), 2)
        self.activator(True)

    @rule(who=owners, may=st.sampled_from((0, 1, 3, 9, -1)), odd=pick, count=st.integers(1, 2))
    def submit_some(self, who: str, may: int, odd: int, count: int) -> None:
        """New jobs of some kind."""
        job = Job(who, has_input=bool(odd & 1), has_output=bool(odd & 2), may=may, group=FEW if odd & 12 == 12 else "")
        self.submit(replace(job, pinned=True, queue=SMALL) if odd & 48 == 48 else job, count)

    def submit(self, job: Job, count: int) -> None:
        """New jobs."""
        name = f"in.{next(_names)}"
        ids = self._submit(job, count, name)
        assert not set(ids) & set(self.jobs)
        self.jobs.update(dict.fromkeys(ids, job))
        self.inputs.update(dict.fromkeys(ids, name))
        self.submitted.append((job, count, name, ids))
        self.tally.jobs += count
        self._is_right()

    @rule(which=pick, other=st.booleans())
    def submit_again(self, which: int, other: bool) -> None:
        """A client that lost its answer sends the same again: the same numbers, and nothing new. Other jobs under the same name
        are refused."""
        job, count, name, ids = self.submitted[which % len(self.submitted)]
        try:
            again = self._submit(replace(job, has_input=job.has_input is not other), count, name)
            assert again == ids and not other
        except Conflict:
            assert other
        self._is_right()

    def _submit(self, job: Job, count: int, name: str) -> list[int]:
        specs = [spec(job, name) for _ in range(count)]
        receipt = self._does(lambda: self.rooms.submit(job.owner, specs, name))
        return [each.PandaID or 0 for each in receipt.jobs]

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

    @rule(queue=st.sampled_from(tuple(MEMORY_MB)), count=st.integers(1, 3), pilots=st.integers(1, 2))
    def acquire(self, queue: str, count: int, pilots: int) -> None:
        """Pilots ask at the same time: none gets a job that waits for something else, or that its owner has no core for, nor do
        all get none while there is one."""
        nodes = [f"node{len(self.given) + n}" for n in range(pilots)]

        async def ask() -> list[Sequence[JobSpec]]:
            return await gatherResults([Deferred.fromCoroutine(self.rooms.acquire(queue, node, count)) for node in nodes])

        answers = self._does(ask)
        assert all(len(found) <= count for found in answers)
        assert any(answers) or all(job.queue != queue for job in self._ready())
        for node, found in zip(nodes, answers, strict=True):
            for job in found:
                self._handed(job, queue, node)
        self._is_right()

    def _handed(self, found: JobSpec, queue: str, node: str) -> None:
        i = found.PandaID or 0
        assert has_room(self.jobs[i], in_use(self.jobs)) and self.jobs[i].queue == queue
        self.jobs[i] = job = self.jobs[i].claimed(node)
        assert (found.attemptNr, found.minRamCount, found.maxWalltime) == (job.attempt, job.memory_mb, job.time_s)
        self.given.append(Given(i, job.attempt, node, f"batch.{node}"))
        self.tally.claims += 1

    @rule(which=pick, words=words, how=st.sampled_from(FENCES), error=errors, files=st.booleans(), fresh=st.booleans())
    def speak(self, which: int, words: list[str], how: str, error: tuple[int, int], files: bool, fresh: bool) -> None:
        """A pilot that takes a job now, or any that was ever given one, says something: often the last one, and often late."""
        if fresh or not self.given:
            self._take_one()
        if not self.given:
            return
        given = self.given[-1 - which % min(len(self.given), 4)] if which % 2 else self.given[which % len(self.given)]
        for word in words:
            self._speak(given, word, how, files, which, error)

    @rule(words=words, error=errors)
    def a_pilot_works(self, words: list[str], error: tuple[int, int]) -> None:
        """A pilot takes a job and reports it as a pilot does."""
        known = len(self.given)
        self._take_one()
        for word in words if len(self.given) > known else ():
            self._speak(self.given[-1], word, "own", True, len(words), error)

    @rule(ends=st.lists(st.sampled_from(("failed", "finished", "running", "holding")), min_size=1, max_size=3), error=errors)
    def attempts_fail(self, ends: list[str], error: tuple[int, int]) -> None:
        """Pilot after pilot takes a job and fails at it: says so, leaves no outputs, or is not heard of again."""
        for last in ends:
            known = len(self.given)
            self._take_one()
            if len(self.given) > known:
                self._fail(self.given[-1], last, error)

    def _fail(self, given: Given, last: str, error: tuple[int, int]) -> None:
        for word in ("running", last):
            self._speak(given, word, "own", False, 1, error)
        if last in ("failed", "finished"):
            self.adder(True)
        else:
            self._watch([given.job], "silent")

    def _take_one(self) -> None:
        """There is work, and a pilot gets it."""
        self.activator(True)
        if not self._ready():
            least = min(OWNERS, key=lambda who: in_use(self.jobs)[who])
            self.submit(Job(least, has_output=True, may=3), 2)
            self.activator(True)
        ready = self._ready()
        if ready and ready[0].queue:
            self.acquire(ready[0].queue, 1, 1)

    def _speak(self, given: Given, word: str, how: str, files: bool, which: int, error: tuple[int, int]) -> None:
        attempt = {"no attempt": None, "wrong attempt": given.attempt + 1}.get(how, given.attempt)
        batch = f"other.{given.batch}" if how == "another batch" else given.batch if which % 3 else None
        wrong = error if word == "failed" else (0, 0)
        said = Message(given.job, word, attempt, batch, given.node, files, *wrong)
        self._hear(said)
        self.said.append(said)

    @rule(which=pick)
    def speak_again(self, which: int) -> None:
        """A word that was said comes once more, at once or much later."""
        recent = self.said[-3:] if which % 2 else self.said
        if recent:
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

    @rule(one=pick, two=pick)
    def speak_at_once(self, one: int, two: int) -> None:
        """Two words, perhaps for the same job, come at the same time: as one after the other, whichever that is."""
        if not self.said:
            return
        words = [said for p in (one, two) if (said := self.said[p % len(self.said)]).word != "dreaming"]

        async def ask() -> list[str]:
            return await gatherResults([Deferred.fromCoroutine(self.rooms.say(said)) for said in words])

        answers = self._does(ask)
        seen = {row[0]: row[1:] for row in self.rows}
        for order in itertools.permutations(range(len(words))):
            jobs, got = dict(self.jobs), [""] * len(words)
            for place in order:
                jobs[words[place].job], got[place] = jobs[words[place].job].hears(words[place])
            if got == answers and seen == {i: as_stored(job) for i, job in jobs.items()}:
                self.jobs = jobs
                return
        raise AssertionError(f"{words} at once: {answers}, in no order")

    # --- loops and the world

    @rule(which=st.sampled_from(("activator", "adder", "adder", "caps")), storage_answers=st.booleans(), arrives=pick)
    def loop(self, which: str, storage_answers: bool, arrives: int) -> None:
        """A file that some job waits for arrives; then one of the loops goes round, while the storage answers or does not."""
        name = self.inputs[self._chosen([arrives])[0]]
        self.arrived.add(name)
        self.rooms.put(name)
        if which == "activator":
            self.activator(storage_answers)
        elif which == "adder":
            self.adder(storage_answers)
        else:
            self.caps()

    def activator(self, storage_answers: bool) -> None:
        """Jobs get their queue and, if it is there, their input."""
        self.rooms.storage_answers(storage_answers)
        self._does(self.rooms.broker)
        chosen = {row[0]: row[2] for row in self.rows if row[1] == "assigned"}
        self._all(lambda i, job: job.brokered(chosen.get(i)))
        self._does(self.rooms.activate)
        self._all(lambda i, job: job.looked_at(storage_answers and self.inputs[i] in self.arrived))

    def adder(self, storage_answers: bool) -> None:
        """Reported jobs come to their end."""
        self.rooms.storage_answers(storage_answers)
        self._does(self.rooms.add)
        self._all(lambda i, job: job.added(storage_answers, i in self.stored))

    def caps(self) -> None:
        """Who is at a cap is held back, and who is below again comes back."""
        self._does(self.rooms.hold)
        after = capped(self.jobs)
        self.tally.throttled += sum(job.status == "throttled" != self.jobs[i].status for i, job in after.items())
        self._all(lambda i, _: after[i])

    @rule(who=owners, ends=st.booleans())
    def a_group_has_one_core(self, who: str, ends: bool) -> None:
        """A job of a small group is taken, and the others are held back; if it ends they come back."""
        if sum(job.group != "" and job.status in WAITS for job in self.jobs.values()) < 2:
            self.submit(Job(who, group=FEW), 2)
        self.activator(True)
        for queue in MEMORY_MB:
            self.acquire(queue, 3, 1)
        self.caps()
        if ends:
            self._watch([i for i, job in self.jobs.items() if job.group and job.status in SLOT], "silent")
            self.caps()

    @rule(picks=st.lists(pick, min_size=1, max_size=2), how=st.sampled_from(("silent", "silent", "forgotten", "outrun")))
    def time_passes(self, picks: list[int], how: str) -> None:
        """Of some jobs nobody has heard for hours or, of any kind, for a month; or they run for a month. The watcher looks."""
        self._watch([i for i in self._chosen(picks) if how != "outrun" or self.jobs[i].status == "running"], how)

    def _watch(self, ids: Sequence[int], how: str) -> None:
        silent_s, same_s = {"silent": (SILENCE_S, SILENCE_S), "forgotten": (AGE_S, AGE_S), "outrun": (0, AGE_S)}[how]
        self._does(lambda: self.rooms.watch(ids, silent_s, same_s))
        change: Callable[[Job], Job] = {"silent": Job.silent, "forgotten": Job.forgotten, "outrun": Job.outrun}[how]
        self._all(lambda i, job: change(job) if i in ids else job)

    def teardown(self) -> None:
        """No attempt was handed out but those that pilots got."""
        got = {(given.job, given.attempt) for given in self.given}
        assert len(got) == len(self.given) and self.history.claims == got
