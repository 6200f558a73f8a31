"""What goes on beside brokerage."""

from __future__ import annotations

from functools import partial

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from pandad.brokerage.ahead import Behind, in_turn


class Questions:
    """Answers come when a test says so; `seen` tells what was asked and taken."""

    def __init__(self, count: int) -> None:
        self.seen: list[str] = []
        self.answers: list[Deferred[str]] = [Deferred() for _ in range(count)]

    async def _ask(self, number: int) -> str:
        self.seen.append(f"ask {number}")
        return await self.answers[number]

    async def _take(self, answer: str) -> None:
        self.seen.append(f"take {answer}")

    def begin(self) -> Deferred[None]:
        asks = [partial(self._ask, number) for number in range(len(self.answers))]
        return Deferred.fromCoroutine(in_turn(asks, self._take))


def test_the_next_is_asked_for_before_one_is_taken() -> None:
    """Answers are taken in the order of the questions, however they come; one question is always ahead, and no more."""
    questions = Questions(3)
    over = questions.begin()
    assert questions.seen == ["ask 0", "ask 1"]
    questions.answers[1].callback("b")
    assert questions.seen == ["ask 0", "ask 1"]
    questions.answers[0].callback("a")
    assert questions.seen[2:] == ["take a", "ask 2", "take b"]
    assert not over.called
    questions.answers[2].callback("c")
    assert questions.seen[-1] == "take c" and over.called


def test_nothing_goes_on_after_an_error() -> None:
    """It is raised when what was asked for ahead has ended too, and nothing else is asked."""
    questions = Questions(3)
    over = questions.begin()
    questions.answers[0].errback(ValueError("lost"))
    assert not over.called
    questions.answers[1].errback(ValueError("lost as well"))
    assert questions.seen == ["ask 0", "ask 1"]
    problem: list[str] = []
    over.addErrback(lambda failure: problem.append(failure.getErrorMessage()))
    assert problem == ["lost"]


@ensureDeferred
async def test_one_write_at_a_time() -> None:
    """The next begins when the one before is over; whoever waits for the end learns how the last one failed, once."""
    first: Deferred[None] = Deferred()
    second: Deferred[None] = Deferred()
    begun, writes = [], Behind()

    def write(number: int, ended: Deferred[None]) -> Deferred[None]:
        begun.append(number)
        return ended

    await writes.begin(lambda: write(1, first))
    waiting = Deferred.fromCoroutine(writes.begin(lambda: write(2, second)))
    assert begun == [1] and not waiting.called
    first.callback(None)
    assert begun == [1, 2] and waiting.called
    second.errback(ValueError("lost"))
    with pytest.raises(ValueError, match="lost"):
        await writes.end()
    await writes.end()
