"""The statements that the daemon sends for pilot cycles, caught on their way to the database, as scripts for pgbench."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from pandad.api.decode import decoder_for
from pandad.embedded.sandbox import QUEUE
from pandad.jobdispatcher.dispatcher import capability
from pandad.jobdispatcher.guards import MEANINGS
from pandad.jobdispatcher.heartbeat import change_of
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate
from pandad.spec.caller import Caller
from pandad.spec.jobstatus import Actor
from pandad.taskbuffer import claims, moves
from pandad.taskbuffer.claims import Wanted
from pandad.taskbuffer.statement import Statement
from tests.benchmarks import messages
from tests.benchmarks.database import Database

STANDS_FOR_IDS = 987_654_321_000_000  # and what follows: numbers that appear nowhere else


class Caught(Exception):
    """A statement that would have been sent, with its parameters."""

    def __init__(self, statement: Statement, parameters: Mapping[str, Any]) -> None:
        super().__init__(statement.name)
        self.statement, self.parameters = statement, parameters


class _Trap:
    """In the place of a transaction: catches the first statement."""

    async def many(self, statement: Statement, **parameters: Any) -> Any:
        raise Caught(statement, parameters)


def pilot_script(database: Database, pilot: Caller, line: int, first_id: int, each: int, rounds: int) -> str:
    """A pgbench script of cycles: `each` jobs are claimed, set running and reported finished together, in three transactions.

    Each client has a stretch of ids of its own for `rounds` rounds, the first from `first_id` on. The statements are prepared in
    its first round, as the daemon does on each connection; needs ``--define=n=0``.
    """
    ids = range(STANDS_FOR_IDS, STANDS_FOR_IDS + each)
    claim = _caught(claims.take(_trap(), [_wish(pilot, line, ids)]))
    caught = [claim, _said(pilot, "running", ids), _said(pilot, "finished", ids)]
    prepared = {one.statement.name: f"{one.statement.prepare};" for one in caught}
    return "\n".join([
        "\\if :n = 0", *prepared.values(), "\\endif",
        f"\\set first {first_id} + (:client_id * {rounds} + :n) * {each}", "\\set n :n + 1",
        *(f"\\set id{place} :first + {place}" for place in range(each)),
        *(f"{_literal(database, one, each)};" for one in caught), ""])


def _wish(pilot: Caller, line: int, ids: Sequence[int]) -> Wanted:
    takers = [capability(pilot, _decoded(AcquireJobs, messages.acquire(f"node{n}.test"))) for n in range(len(ids))]
    return Wanted(QUEUE, line, ids, takers)


def _said(pilot: Caller, word: str, ids: Sequence[int]) -> Caught:
    message: Callable[[int], dict[str, Any]] = messages.finished if word == "finished" else lambda i: messages.update(i, word)
    meaning, who = MEANINGS[word], pilot.identity.subject if pilot.identity else ""
    changes = [change_of(meaning, _decoded(JobUpdate, message(i))) for i in ids]
    return _caught(moves.move(_trap(), meaning.event, changes, actor=Actor.PILOT, who=who, also_in=meaning.also_in))


def _trap() -> Any:
    return _Trap()


def _decoded(takes: type, body: Mapping[str, Any]) -> Any:
    return decoder_for(takes, forgiving=True)(body)


def _caught(call: Coroutine[Any, Any, Any]) -> Caught:
    """Run the call up to its first statement; nothing before that waits for anything."""
    try:
        call.send(None)
    except Caught as caught:
        return caught
    finally:
        call.close()
    raise AssertionError("the call waited for something before its first statement")


def _literal(database: Database, caught: Caught, each: int) -> str:
    """The blank keeps the colon of the JSON apart from that of the variable: pgbench takes two colons for a cast."""
    assert caught.statement.execute is not None
    text = database.literal(caught.statement.execute, caught.parameters)
    for place in range(each):
        text = text.replace(str(STANDS_FOR_IDS + place), f" :id{place}")
    return text
