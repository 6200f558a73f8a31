"""What should become of jobs: a small model, written from PanDA's rules and the design, and not from the code.

A job is frozen; what happens to it gives another one, and the answer. Nothing here knows the tables of the code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CARRY_ON, STOP, DONE = "NULL", "tobekilled", "alreadydone"

WAITS = ("defined", "waiting", "assigned", "activated")
SLOT = ("sent", "starting", "running")
OVER = ("finished", "failed", "cancelled")


@dataclass(frozen=True)
class Message:
    """One word of a pilot. ``files``: what of its outputs is in the report."""

    job: int
    word: str
    attempt: int | None
    batch: str | None
    node: str | None
    files: bool = True


@dataclass(frozen=True)
class Job:
    """One job as everybody should see it. ``noted``: in which attempt a second pilot was noted on it."""

    owner: str
    has_input: bool = False
    has_output: bool = False
    status: str = "defined"
    attempt: int = 1
    reported: str | None = None
    complete: bool = False  # the report that counts has its files
    command: str | None = None
    batch: str | None = None
    node: str | None = None
    noted: int | None = None

    # --- a pilot

    def claimed(self, node: str) -> Job:
        """Handed out."""
        assert self.status == "activated", self
        return replace(self, status="sent", batch=None, node=node, reported=None, complete=False)

    def hears(self, said: Message) -> tuple[Job, str]:
        """A pilot's word, and the answer to it."""
        if said.attempt is not None and said.attempt != self.attempt:
            return self, STOP
        if said.batch and self.batch and said.batch != self.batch:
            there = self.status in SLOT or self.status == "holding"
            return replace(self, noted=self.attempt) if there else self, STOP
        if said.attempt is None and said.node and self.node and said.node != self.node:
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
        heard = replace(self, status=status, batch=said.batch or self.batch, node=said.node or self.node)
        return replace(heard, reported=said.word, complete=said.files) if last else heard

    def _late(self, said: Message, last: bool) -> str:
        if last:
            same = said.word == (self.reported or self.status)
            return (self.command or CARRY_ON) if same else DONE
        if self.status == "failed":
            return DONE
        return STOP if self.status == "cancelled" else self.command or CARRY_ON

    # --- people and loops

    def killed(self, by: str) -> tuple[Job, bool]:
        """Its owner or an admin wants its end: whether there will be one."""
        if by not in (self.owner, "admin") or self.status in OVER:
            return self, False
        if self.status in SLOT:
            return replace(self, command=STOP), True
        return replace(self, status="cancelled", command=None), True

    def brokered(self) -> Job:
        """The brokerage has been there; every job of the model fits the queue."""
        return replace(self, status="assigned") if self.status == "defined" else self

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
        if self.status == "sent":
            return replace(self, status="activated", attempt=self.attempt + 1)
        return replace(self, status="failed")

    def retried(self) -> Job:
        """A new attempt is wanted."""
        if self.status not in SLOT and self.status != "holding":
            return self
        return replace(self, status="activated", attempt=self.attempt + 1, reported=None, complete=False)

    def added(self, storage_answers: bool, output_there: bool) -> Job:
        """The adder has been there."""
        if self.status != "holding" or self.reported is None or (self.has_output and not storage_answers):
            return self
        if self.command == STOP:
            return replace(self, status="cancelled")
        if self.reported == "failed":
            return replace(self, status="failed")
        good = not self.has_output or (output_there and self.complete)
        return replace(self, status="finished" if good else "failed")
