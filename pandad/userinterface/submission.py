"""One submission becomes jobs once, however often it comes: a client that lost the answer sends it again.

What is a repeat, and what a person's second submission?

* A client that sends a ``request_id`` says it itself: the same id within a day is the same submission, whatever became of its
  jobs; another id is another submission, even of the same jobs.
* Without one, equal jobs are a repeat only where they cannot be meant twice: some job of them writes an output or log of a fixed
  name, which the second run would write over, and none of the first ones has failed or was ended. The window is short, because a
  lost answer is missed at once. Jobs without such an output (none at all, or names with $PANDAID) may well be meant twice, as in
  a loop, so they are never taken for a repeat: a client that needs more certainty sends a request_id.

A repeat is never silent: the answer is that of the first time, and its message says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from itertools import islice

import orjson

from pandad.spec.caller import Identity
from pandad.spec.criterion import Never
from pandad.spec.errors import BadRequest, Conflict
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor
from pandad.taskbuffer import jobs, submissions, users
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.submissions import KEPT_S, Earlier

REQUEST_ID_LENGTH = 200
MACROS = ("$PANDAID", "$JOBSETID")


@dataclass(frozen=True, slots=True)
class Mark:
    """What the submission is known by. ``request_id``: the client's own; None: the key is the digest of what it sent."""

    digest: str
    request_id: str | None
    window_s: float

    @property
    def key(self) -> str:
        return f"id {self.request_id}" if self.request_id else f"digest {self.digest}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Jobs with their numbers. ``repeated``: when they had been submitted, if this was not the first time. ``never``: the jobs
    that no registered queue can ever take, by PandaID; they are stored all the same, for queues come and change. ``unmatched``:
    names and patterns in them that are no registered queue's."""

    jobs: list[JobSpec]
    repeated: datetime | None = None
    never: Mapping[int, Never] = field(default_factory=dict)
    unmatched: Sequence[str] = ()

    @property
    def message(self) -> str:
        """What to tell the submitter."""
        told = [self._hopeless] if self.never else []
        if self.unmatched:
            told.append("no registered queue is called " + " or ".join(self.unmatched[:SAID]) + (
                f", nor {len(self.unmatched) - SAID} more names" if len(self.unmatched) > SAID else ""))
        if self.repeated is not None:
            told.append(f"a repeat: these jobs were submitted at {self.repeated:%Y-%m-%d %H:%M:%S} and nothing new was stored; "
                        "to submit them once more, send another request_id")
        return "; ".join(reversed(told))

    @property
    def _hopeless(self) -> str:
        """By what they lack; jobs are mostly alike."""
        alike: dict[Never, list[int]] = defaultdict(list)
        for panda_id, never in self.never.items():
            alike[never].append(panda_id)
        said = [f"{_named_jobs(ids)}: {never.sentence}" for never, ids in islice(alike.items(), SAID)]
        more = len(self.never) - sum(len(ids) for ids in islice(alike.values(), SAID))
        return "stored, but they will wait in vain unless a queue changes: " + "; ".join(said) + (
            f"; and {more} more jobs" if more else "")


SAID = 3  # kinds of hopeless jobs in a message, or names


def _named_jobs(ids: Sequence[int]) -> str:
    return f"job {ids[0]}" if len(ids) == 1 else f"{len(ids)} jobs from {ids[0]} on"


def mark_of(specs: Sequence[JobSpec], request_id: str | None, window_s: float) -> Mark | None:
    """By what a repeat of these jobs, as they were sent, would be known; None: it would not be.

    :param window_s: how long without a request_id; 0: never.
    :raise BadRequest: the request_id cannot be used.
    """
    if request_id and len(request_id) > REQUEST_ID_LENGTH:
        raise BadRequest("request_id", f"has {len(request_id)} characters; send at most {REQUEST_ID_LENGTH}")
    if not request_id and not (window_s and any(cannot_be_meant_twice(job) for job in specs)):
        return None
    digest = sha256(orjson.dumps(list(specs))).hexdigest()
    return Mark(digest, request_id or None, KEPT_S if request_id else window_s)


def cannot_be_meant_twice(job: JobSpec) -> bool:
    """Whether a second run would write over what the first one wrote."""
    written = (*job.outputs, *job.logs)
    return any(file.lfn and not any(macro in file.lfn for macro in MACROS) for file in written)


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """Jobs that somebody submits."""

    specs: Sequence[JobSpec]
    owner: Identity
    mark: Mark | None

    @property
    def row(self) -> Hashable:
        """What two wishes must not have in common to be stored together."""
        return (self.owner, self.mark.key) if self.mark is not None else self


async def store(txn: Transaction, wishes: Sequence[Wish], actor: Actor = Actor.USER) -> list[Receipt]:
    """Store the jobs of these wishes, or find what became of them the first time. All of it or nothing.

    :param actor: who submits them in the name of their owners.

    :raise Conflict: a request_id was used for other jobs.
    """
    receipts = {wish: receipt for wish in sorted(wishes, key=_lock_order) if (receipt := await _repeated(txn, wish)) is not None}
    new = [wish for wish in wishes if wish not in receipts]
    if new:
        receipts |= await _stored(txn, new, actor)
    return [receipts[wish] for wish in wishes]


def _lock_order(wish: Wish) -> tuple[str, ...]:
    """One order for all, so that two rounds never wait for each other in a ring."""
    return (wish.owner.anchor, wish.owner.subject, wish.mark.key if wish.mark is not None else "")


async def _repeated(txn: Transaction, wish: Wish) -> Receipt | None:
    """The receipt of the first time; None: this is it."""
    mark = wish.mark
    if mark is None:
        return None
    earlier = await submissions.begin(txn, wish.owner, mark.key, mark.digest)
    if earlier is None or not await _is_repeat(txn, mark, earlier):
        return None
    pairs = zip(wish.specs, earlier.panda_ids, strict=True)
    return Receipt([_numbered(job, i, earlier.serial, job.jobsetID or earlier.jobset) for job, i in pairs], earlier.at)


async def _stored(txn: Transaction, wishes: Sequence[Wish], actor: Actor) -> dict[Wish, Receipt]:
    serials = await users.next_serials(txn, [wish.owner for wish in wishes])
    ids = iter(await jobs.new_ids(txn, sum(len(wish.specs) for wish in wishes)))
    receipts: dict[Wish, Receipt] = {}
    for wish, (serial, jobset) in zip(wishes, serials, strict=True):
        own = islice(ids, len(wish.specs))
        numbered = [_numbered(job, i, serial, job.jobsetID or jobset) for job, i in zip(wish.specs, own, strict=True)]
        receipts[wish] = Receipt(numbered)
        if wish.mark is not None:
            kept = [job.PandaID or 0 for job in numbered]
            await submissions.keep(txn, wish.owner, wish.mark.key, wish.mark.digest, kept, serial, jobset)
    await jobs.insert_all(txn, [(job, wish.owner) for wish in wishes for job in receipts[wish].jobs], actor)
    return receipts


async def _is_repeat(txn: Transaction, mark: Mark, earlier: Earlier) -> bool:
    if earlier.age_s >= mark.window_s:
        return False
    if mark.request_id is None:
        return await submissions.is_hopeful(txn, earlier.panda_ids)
    if earlier.digest != mark.digest:
        raise Conflict(f"request_id: {mark.request_id} was sent with other jobs at {earlier.at:%Y-%m-%d %H:%M:%S}; "
                       "give each submission an id of its own, and send it again only with the same jobs")
    return True


def _numbered(job: JobSpec, panda_id: int, serial: int, jobset: int) -> JobSpec:
    """A copy under its numbers: the transaction may run again, and then the macros must still be there to be filled anew."""
    named = replace(job, PandaID=panda_id, jobDefinitionID=serial, jobsetID=jobset)
    named.jobParameters = _named(job.jobParameters or "", named)
    named.Files = [replace(file, PandaID=panda_id, lfn=_named(file.lfn or "", named)) for file in job.Files]
    return named


def _named(text: str, job: JobSpec) -> str:
    """PanDA's macros in file names and parameters."""
    return text.replace("$PANDAID", f"{job.PandaID:05d}").replace("$JOBSETID", str(job.jobsetID))
