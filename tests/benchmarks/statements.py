"""The statements that the daemon sends for one pilot cycle, caught on their way to the database, as scripts for pgbench."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from pandad.api.decode import decoder_for
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate
from pandad.spec.caller import Caller, Identity, Role
from pandad.taskbuffer.statement import Statement
from tests.benchmarks import messages
from tests.benchmarks.database import Database

# They stand for what pgbench puts there: numbers that appear nowhere else.
PANDA_ID, ATTEMPT_NR = 987_654_321_012_345, 987_654_321


class Caught(Exception):
    """A statement that would have been sent, with its parameters."""

    def __init__(self, statement: Statement, parameters: Mapping[str, Any]) -> None:
        super().__init__(statement.name)
        self.statement, self.parameters = statement, parameters


class _Trap:
    """In the place of a Store and its transaction: catches the first statement."""

    async def once(self, name: str, body: Callable[..., Any], *arguments: Any) -> Any:
        return await body(self, *arguments)

    async def many(self, statement: Statement, **parameters: Any) -> Any:
        raise Caught(statement, parameters)


def pilot_script(database: Database, subject: str) -> str:
    """A pgbench script of one cycle of the pilot with that DN: claim a job, set it running, report it finished.

    Prepared on the first round of each client, as the daemon does on each connection; needs ``--define=prepared=0``.
    """
    store: Any = _Trap()
    pilot = Caller(Identity("/CN=Some CA", subject), frozenset({Role.PILOT}))
    heartbeat = Heartbeat(store)
    claim = _caught(Dispatcher(store).acquire(pilot, _decoded(AcquireJobs, messages.acquire("node1.test"))))
    said = (messages.update(PANDA_ID, "running", ATTEMPT_NR), messages.finished(PANDA_ID, ATTEMPT_NR))
    moves = [_caught(heartbeat.update(pilot, _decoded(JobUpdate, each))) for each in said]
    prepared = {caught.statement.name: f"{caught.statement.prepare};" for caught in (claim, *moves)}
    steps = [f"{_literal(database, claim)} \\gset", *(f"{_for_the_claimed(_literal(database, move))};" for move in moves)]
    return "\n".join(["\\if :prepared = 0", *prepared.values(), "\\set prepared 1", "\\endif", *steps, ""])


def _for_the_claimed(statement: str) -> str:
    """The blank keeps the colon of the JSON apart from that of the variable: pgbench takes two colons for a cast."""
    return statement.replace(str(PANDA_ID), " :pandaid").replace(str(ATTEMPT_NR), " :attemptnr")


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


def _literal(database: Database, caught: Caught) -> str:
    assert caught.statement.execute is not None
    return database.literal(caught.statement.execute, caught.parameters)
