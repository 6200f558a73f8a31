"""Calls that arrive together share a round, and none notices the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from twisted.internet.defer import Deferred

from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer.batch import ENOUGH, MOST, Batcher


class Work:
    """Rounds that a test ends; a question is a number, and its answer is twice that."""

    def __init__(self, lanes: int = 1) -> None:
        self.rounds: list[tuple[str, list[int]]] = []
        self.open: list[Deferred[None]] = []
        self.batcher: Batcher[str, int, int] = Batcher(
            "test", self._work, row=lambda question: question % 1000, lanes=lanes)

    async def _work(self, kind: str, questions: Sequence[int]) -> list[int]:
        self.rounds.append((kind, list(questions)))
        ending: Deferred[None] = Deferred()
        self.open.append(ending)
        await ending
        if any(q < 0 for q in questions):
            raise ValueError("a bad question")
        return [2 * q for q in questions]

    def ask(self, *questions: int, kind: str = "k") -> list[Deferred[int]]:
        """Ask them one after the other."""
        return [self.batcher.ask(kind, q) for q in questions]

    def end(self, error: Exception | None = None, number: int = 0) -> None:
        """The oldest round under way, or the one of that number, is over."""
        ending = self.open.pop(number)
        if error is None:
            ending.callback(None)
        else:
            ending.errback(error)


@pytest.fixture
def work() -> Work:
    """Nothing asked yet."""
    return Work()


def results(answers: Sequence[Deferred[int]]) -> list[object]:
    """What has been answered: a number, an error's text, or None so far."""
    seen: list[object] = []
    for answer in answers:
        if answer.called:
            answer.addBoth(lambda result: seen.append(result if isinstance(result, int) else result.getErrorMessage()))
        else:
            seen.append(None)
    return seen


def test_a_lone_call_waits_for_nothing(work: Work) -> None:
    """Its round begins at once, and it is answered when the round is durable, not before."""
    (answer,) = work.ask(21)
    assert work.rounds == [("k", [21])] and not answer.called
    work.end()
    assert results([answer]) == [42]


def test_the_next_round_is_under_way_when_the_answers_of_the_last_are_given(work: Work) -> None:
    """The database does not wait until everybody has been told; who asks when told is served too."""
    first, second = work.ask(1, 2)
    seen: list[int] = []
    again: list[Deferred[int]] = []
    first.addCallback(lambda _: seen.append(len(work.rounds)))
    second.addCallback(lambda _: again.extend(work.ask(3)))
    work.end()
    assert seen == [2] and work.rounds == [("k", [1]), ("k", [2])]
    work.end()
    assert work.rounds[2:] == [("k", [3])]
    work.end()
    assert results(again) == [6]


def test_who_comes_during_a_round_shares_the_next(work: Work) -> None:
    """However many they are, each gets its own answer; afterwards all begins anew."""
    answers = work.ask(1, 2, 3, 4)
    work.end()
    assert work.rounds[1] == ("k", [2, 3, 4]) and results(answers) == [2, None, None, None]
    work.end()
    assert results(answers[1:]) == [4, 6, 8]
    work.ask(5)
    assert work.rounds[2] == ("k", [5])


def test_kinds_do_not_wait_for_each_other(work: Work) -> None:
    """Another kind has rounds of its own, at the same time."""
    work.ask(1, 2)
    work.ask(3, kind="other")
    assert work.rounds == [("k", [1]), ("other", [3])]


def test_the_same_row_waits_for_another_round(work: Work) -> None:
    """Two questions about one row would be one question to the database; the later comes later, and loses its place to nobody."""
    work.ask(0)
    work.ask(7, 1007, 8, 2007)
    for _ in range(4):
        work.end()
    assert [asked for _, asked in work.rounds] == [[0], [7, 8], [1007], [2007]]


def test_a_round_has_an_end(work: Work) -> None:
    """No more than MOST share one; the rest follows in its order."""
    work.ask(0, *range(1, MOST + 3))
    for _ in range(3):
        work.end()
    assert [asked for _, asked in work.rounds] == [[0], list(range(1, MOST + 1)), [MOST + 1, MOST + 2]]


def test_a_bad_question_spoils_nothing(work: Work) -> None:
    """When a round fails each of its questions is asked alone: the bad one hears of it, its neighbours get their answers."""
    answers = work.ask(1, 2, -3, 4)
    for _ in range(5):
        work.end()
    assert [asked for _, asked in work.rounds] == [[1], [2, -3, 4], [2], [-3], [4]]
    assert results(answers) == [2, 4, "a bad question", 8]


def test_an_outage_is_everybodys(work: Work) -> None:
    """Nobody is asked again when the database is away, all hear of it at once, and the next call tries anew."""
    answers = work.ask(1, 2, 3)
    work.end()
    work.end(StoreUnavailable("away"))
    assert results(answers) == [2, "away", "away"] and len(work.rounds) == 2
    work.ask(4)
    assert work.rounds[2] == ("k", [4])


@pytest.fixture
def two_lanes() -> Work:
    """Two rounds at a time, and nothing asked yet."""
    return Work(lanes=2)


def test_a_second_round_runs_beside_the_first_when_it_is_worth_it(two_lanes: Work) -> None:
    """Few wait for the round under way; many do not, and there is no third at a time."""
    two_lanes.ask(0)
    answers = two_lanes.ask(*range(1, ENOUGH))
    assert len(two_lanes.rounds) == 1
    answers += two_lanes.ask(ENOUGH)
    assert two_lanes.rounds[1:] == [("k", list(range(1, ENOUGH + 1)))]
    two_lanes.ask(*range(100, 100 + 2 * ENOUGH))
    assert len(two_lanes.rounds) == 2
    two_lanes.end(number=1)
    assert results(answers) == [2 * q for q in range(1, ENOUGH + 1)]
    assert two_lanes.rounds[2:] == [("k", list(range(100, 100 + 2 * ENOUGH)))]


def test_the_same_row_is_in_one_round_at_a_time(two_lanes: Work) -> None:
    """What is asked of a row while another round is at it waits for that round, in its order, and holds nobody up."""
    first = two_lanes.ask(7)
    later = two_lanes.ask(1007, 2007)
    two_lanes.ask(*range(20, 20 + ENOUGH))
    assert two_lanes.rounds[1:] == [("k", list(range(20, 18 + ENOUGH)))]
    two_lanes.end(number=1)
    assert two_lanes.rounds[2:] == [("k", [18 + ENOUGH, 19 + ENOUGH])]
    two_lanes.end(number=1)
    assert (results(first), results(later)) == ([None], [None, None]), "one lane rests, the other still has the row"
    two_lanes.end()
    assert two_lanes.rounds[3:] == [("k", [1007])]
    two_lanes.end()
    assert two_lanes.rounds[4:] == [("k", [2007])]
    two_lanes.end()
    assert results(later) == [2014, 4014]
    assert not two_lanes.batcher._kinds


def test_a_bad_question_beside_another_round_keeps_its_row_until_it_is_told(two_lanes: Work) -> None:
    """A round that failed is done again one by one: nothing about its rows is asked meanwhile."""
    bad = two_lanes.ask(-1)
    two_lanes.ask(*range(20, 20 + ENOUGH))
    two_lanes.ask(999)  # -1 modulo 1000
    two_lanes.end()
    assert results(bad) == ["a bad question"]
    assert two_lanes.rounds[2:] == [("k", [999])]
