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
async def test_two_writes_at_a_time() -> None:
    """The next one begins when there is room; whoever waits for the end learns that one failed, once, when all are over."""
    writes, begun = Behind(), list[Deferred[None]]()

    def begin() -> Deferred[None]:
        begun.append(Deferred())
        return begun[-1]

    await writes.begin(begin)
    await writes.begin(begin)
    third = Deferred.fromCoroutine(writes.begin(begin))
    assert len(begun) == 2 and not third.called
    begun[0].callback(None)
    assert len(begun) == 3 and third.called
    over = Deferred.fromCoroutine(writes.end())
    begun[1].errback(ValueError("lost"))
    assert not over.called
    begun[2].callback(None)
    with pytest.raises(ValueError, match="lost"):
        await over
    await writes.end()


@ensureDeferred
async def test_no_write_begins_after_one_that_failed() -> None:
    """It is raised to whoever would begin another."""
    writes, begun = Behind(), list[Deferred[None]]()

    def begin() -> Deferred[None]:
        begun.append(Deferred())
        return begun[-1]

    await writes.begin(begin)
    await writes.begin(begin)
    third = Deferred.fromCoroutine(writes.begin(begin))
    begun[0].errback(ValueError("lost"))
    with pytest.raises(ValueError, match="lost"):
        await third
    assert len(begun) == 2
    begun[1].callback(None)
    await writes.end()
