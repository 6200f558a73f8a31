"""What should become of jobs: a small model, written from PanDA's rules and the design, and not from the code.

A job is frozen; what happens to it gives another one, and the answer. Nothing here knows the tables of the code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .retries import LOST, MEMORY_MB, UNDELIVERED, WRONG_OUTPUTS, Error, Needs, decided

CARRY_ON, STOP, DONE = "NULL", "tobekilled", "alreadydone"

WAITS = ("defined", "waiting", "assigned", "throttled", "activated")
SLOT = ("sent", "starting", "running")
OVER = ("finished", "failed", "cancelled", "closed")

PRIORITY, STEP_BACK = 1000, 10  # of a user's job, and what each retry costs
SILENT_TRIES = 2  # pilots in a row that take a job and never speak
FEW = "few"  # a working group
CAPS = {"alice": 4, "bob": 4, FEW: 1}  # cores at a time; every job has one core


@dataclass(frozen=True)
class Message:
    """One word of a pilot. ``files``: what of its outputs is in the report. ``error``, ``exit``: what it says went wrong."""

    job: int
    word: str
    attempt: int | None
    batch: str | None
    node: str | None
    files: bool = True
    error: int = 0
    exit: int = 0

    @property
    def errors(self) -> frozenset[Error]:
        return frozenset(pair for pair in (("pilot", self.error), ("transExitCode", self.exit)) if pair[1])


@dataclass(frozen=True)
class Job:
    """One job as everybody should see it.

    ``may``: maxAttempt. ``silences``: pilots in a row that took it and never spoke. ``held``: a pilot has it, or had it to its
    end. ``errors``: what its pilot reported. ``noted``: in which attempt a second pilot was noted on it. ``decision``: on its
    last failure.
    """

    owner: str
    group: str = ""
    has_input: bool = False
    has_output: bool = False
    may: int = 1
    pinned: bool = False
    status: str = "defined"
    attempt: int = 1
    retries: int = 0
    silences: int = 0
    queue: str | None = None
    avoided: frozenset[str] = frozenset()
    memory_mb: int = 1500
    time_s: int = 3600
    reported: str | None = None
    complete: bool = False  # the report that counts has its files
    errors: frozenset[Error] = frozenset()
    command: str | None = None
    held: bool = False
    batch: str | None = None
    node: str | None = None
    noted: int | None = None
    decision: str = ""

    @property
    def priority(self) -> int:
        return PRIORITY - STEP_BACK * self.retries

    @property
    def caps(self) -> tuple[str, ...]:
        """Who of those that have a cap pays for it."""
        return (self.owner, self.group) if self.group else (self.owner,)

    # --- a pilot

    def claimed(self, node: str) -> Job:
        """Handed out."""
        assert self.status == "activated", self
        return replace(self, status="sent", held=True, batch=None, node=node, reported=None, complete=False)

    def hears(self, said: Message) -> tuple[Job, str]:
        """A pilot's word, and the answer to it."""
        if said.attempt is not None and said.attempt != self.attempt:
            return self, STOP
        if said.batch and self.batch and said.batch != self.batch:
            there = self.status in SLOT or self.status == "holding"
            return replace(self, noted=self.attempt) if there else self, STOP
        if said.attempt is None and (not self.held or (said.node and self.node and said.node != self.node)):
            return self, STOP
        if self.status in WAITS:
            return self, STOP
        last = said.word in ("finished", "failed")
        if self.status in SLOT or (self.status == "holding" and self.reported is None and last):
            return self._takes(said, last), self.command or CARRY_ON
        return self, self._late(said, last)

    def _takes(self, said: Message, last: bool) -> Job:
        word = "holding" if last else "running" if said.word in ("stagein", "stageout", "transferring") else said.word
        status = self.status if word == "starting" and self.status == "running" else word
        heard = replace(self, status=status, batch=said.batch or self.batch, node=said.node or self.node, silences=0)
        return replace(heard, reported=said.word, complete=said.files, errors=said.errors) if last else heard

    def _late(self, said: Message, last: bool) -> str:
        if last:
            same = said.word == (self.reported or self.status)
            return (self.command or CARRY_ON) if same else DONE
        if self.status == "failed":
            return DONE
        return STOP if self.status in ("cancelled", "closed") else self.command or CARRY_ON

    # --- people and loops

    def killed(self, by: str) -> tuple[Job, bool]:
        """Its owner or an admin wants its end: whether there will be one."""
        if by not in (self.owner, "admin") or self.status in OVER:
            return self, False
        if self.status in SLOT:
            return replace(self, command=STOP), True
        return replace(self, status="cancelled", command=None), True

    def brokered(self, chosen: str | None) -> Job:
        """The brokerage has been there, and chose a queue of those that it may choose; None: there was nothing to choose."""
        if self.status != "defined":
            return self
        may_go = {self.queue} if self.pinned else {q for q, mb in MEMORY_MB.items() if self.memory_mb <= mb} - self.avoided
        assert chosen in may_go or not (chosen or may_go), (self, chosen)
        return replace(self, status="assigned", queue=chosen) if may_go else self

    def looked_at(self, input_there: bool) -> Job:
        """The activator has been there."""
        if self.status not in ("assigned", "waiting"):
            return self
        return replace(self, status="activated" if input_there or not self.has_input else "waiting")

    def silent(self) -> Job:
        """Its pilot has not spoken for longer than any limit, and the watcher has been there."""
        if self.status not in SLOT and not (self.status == "holding" and self.reported is None):
            return self
        if self.command == STOP:
            return replace(self, status="cancelled")
        if self.status != "sent":
            return self.fails(UNDELIVERED if self.status == "holding" else LOST)
        if self.silences + 1 == SILENT_TRIES:
            return replace(self, status="failed", decision="")
        return replace(self, status="activated", attempt=self.attempt + 1, silences=self.silences + 1, held=False)

    def forgotten(self) -> Job:
        """Nothing has happened to it for longer than any limit, and the watcher has been there."""
        return replace(self, status="closed") if self.status in WAITS else self.silent()

    def outrun(self) -> Job:
        """It has run for longer than any job may, its pilot speaks all the time, and the watcher has been there."""
        return replace(self, command=STOP) if self.status == "running" else self

    def fails(self, *errors: Error) -> Job:
        """Its attempt has failed."""
        assert self.queue is not None
        needs = Needs(self.queue, self.pinned, self.retries + 1, self.may, self.memory_mb, self.time_s)
        found = decided(needs, frozenset(errors))
        if not found.again:
            return replace(self, status="failed", decision=found.why)
        avoided = self.avoided | {found.avoid} if found.avoid else self.avoided
        anew = replace(
            self, attempt=self.attempt + 1, retries=self.retries + 1, memory_mb=found.memory_mb, time_s=found.time_s,
            avoided=avoided, reported=None, complete=False, errors=frozenset(), held=False, batch=None, node=None, noted=None,
            decision=found.why)
        return replace(anew, status="defined", queue=None) if found.elsewhere else replace(anew, status="activated")

    def added(self, storage_answers: bool, output_there: bool) -> Job:
        """The adder has been there."""
        if self.status != "holding" or self.reported is None or (self.has_output and not storage_answers):
            return self
        if self.command == STOP:
            return replace(self, status="cancelled")
        if self.reported == "failed":
            return self.fails(*self.errors)
        good = not self.has_output or (output_there and self.complete)
        return replace(self, status="finished") if good else self.fails(WRONG_OUTPUTS)


# --- caps: what one job may have depends on the others


def in_use(jobs: Mapping[int, Job]) -> Counter[str]:
    """The cores that each who has a cap has now."""
    return Counter(name for job in jobs.values() if job.status in SLOT for name in job.caps)


def has_room(job: Job, used: Counter[str]) -> bool:
    """Whether the job may have a core more. (A cap of less than ten gives back every core at once.)"""
    return all(used[name] < CAPS[name] for name in job.caps)


def capped(jobs: Mapping[int, Job]) -> dict[int, Job]:
    """The caps have been looked at: who is at one waits; who was held back comes again while there is room, the first first."""
    used, after = in_use(jobs), dict(jobs)
    for i, job in jobs.items():
        if job.status == "activated" and not has_room(job, used):
            after[i] = replace(job, status="throttled")
    for i, job in sorted(jobs.items(), key=lambda pair: (-pair[1].priority, pair[0])):
        if job.status == "throttled" and has_room(job, used):
            after[i] = replace(job, status="activated")
            used.update(job.caps)
    return after
