"""The brake: who is braked, what test jobs say, and what a braked queue gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from factories import a_job, a_queue

from pandad.brokerage.brake import BrakeLimits, Verdict, is_borne_out, judge, suspects
from pandad.brokerage.broker import decide
from pandad.brokerage.snapshot import Snapshot
from pandad.spec.facts import Brake, Eaten, Ends, Probe

LIMITS = BrakeLimits(failures=10)
GOOD = Ends(600, started=100, finished=90, failed=5, fast=2)
HOLE = Ends(600, started=100, finished=0, failed=95, fast=95)
SINCE = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_queue_that_eats_jobs_is_braked() -> None:
    """One where most jobs fail at once while they do not elsewhere, and the reason has the figures."""
    found = suspects({"A": GOOD, "B": GOOD, "HOLE": HOLE}, (), LIMITS)
    assert list(found) == ["HOLE"]
    assert found["HOLE"] == "95 of 100 jobs begun there within 10 minutes failed at once, elsewhere 2% do"


@pytest.mark.parametrize(
    ("ends", "braked"),
    [
        ({"A": GOOD, "X": Ends(600, 100, 0, 9, 9)}, []),  # too few
        ({"A": GOOD, "X": Ends(600, 100, 40, 49, 49)}, []),  # not most of them
        ({"A": GOOD, "X": Ends(600, 100, 0, 90, 0)}, []),  # they fail late: no hole
        ({"X": HOLE}, []),  # nothing to compare with
        ({"A": Ends(600, 4, 4), "X": HOLE}, []),  # next to nothing
        ({"A": HOLE, "B": HOLE, "C": HOLE}, []),  # bad jobs, which fail everywhere
        ({"A": Ends(600, started=20), "X": HOLE}, ["X"]),  # those that run on elsewhere speak for the others before they end
        ({"A": GOOD, "B": GOOD, "C": GOOD, "X": HOLE, "Y": HOLE}, ["X", "Y"]),  # two at once do not cover each other
        ({"A": Ends(600, 10, 5, 5, 5), "X": HOLE}, []),  # worse than the other, and not three times
    ],
)
def test_who_is_braked(ends: dict[str, Ends], braked: list[str]) -> None:
    """By the number and the share of fast failures, beside those of a queue in the middle of the others."""
    assert sorted(suspects(ends, (), LIMITS)) == braked


def test_who_is_spared() -> None:
    """Queues that are braked or were just released are not judged by what happened before; and the brake can be switched off."""
    ends = {"A": GOOD, "HOLE": HOLE}
    assert suspects(ends, {"HOLE"}, LIMITS) == {}
    assert suspects(ends, (), BrakeLimits(failures=0)) == {}


@pytest.mark.parametrize(
    ("eaten", "is_borne_out_"),
    [
        ([], False),
        ([Eaten("alice", 95)], False),  # one with bad jobs
        ([Eaten("alice", 95), Eaten("bob", 5)], False),
        ([Eaten("alice", 50), Eaten("alice", 45), Eaten("bob", 5)], False),  # of several kinds
        ([Eaten("alice", 95), Eaten("bob", 1), Eaten("carol", 1)], False),  # others have a bad job now and then
        ([Eaten("alice", 4), Eaten("bob", 4), Eaten("carol", 2)], True),
        ([Eaten(str(each), 1) for each in range(10)], True),
        ([Eaten(str(each), 1) for each in range(9)], False),  # too few in all
        ([Eaten("alice", 10, well_elsewhere=3)], True),  # the only one there is, and such jobs do well elsewhere
        ([Eaten("alice", 10, well_elsewhere=2)], False),  # two may be luck
        ([Eaten("alice", 10, fast_elsewhere=40, well_elsewhere=100)], False),  # they fail there too
        ([Eaten("alice", 90), Eaten("alice", 6, well_elsewhere=9)], True),  # these do well, and those count for a part
        ([Eaten("alice", 90), Eaten("alice", 5, well_elsewhere=9)], False),
    ],
)
def test_whose_jobs_it_eats(eaten: list[Eaten], is_borne_out_: bool) -> None:
    """A bad task or user brakes no good queue: the failures must be of several, or of jobs that do well elsewhere."""
    assert is_borne_out(eaten, LIMITS) is is_borne_out_


def test_one_owner_is_enough_if_the_operator_says_so() -> None:
    """Then only the comparison with other queues counts."""
    assert is_borne_out([Eaten("alice", 10)], replace(LIMITS, owners=1))


def test_the_pause_doubles() -> None:
    """Each time that the test jobs fail, up to a bound."""
    limits = BrakeLimits(pause_s=600)
    assert [limits.pause_after(level) for level in (0, 1, 2, 4, 5)] == [600, 1200, 2400, 9600, 9600]


DONE = Probe(1, "a", 60.0, has_finished=True)
ALIVE = Probe(2, "b", 601.0)
FRESH = Probe(3, "c", 10.0)
UNTRIED = Probe(4, "d")
EATEN = Probe(5, "e", 30.0, has_failed=True)
LATE = Probe(6, "f", 4000.0, has_failed=True)
GONE = Probe(7, "g", is_gone=True)


@pytest.mark.parametrize(
    ("probes", "verdict"),
    [
        ([], Verdict.WAIT),
        ([UNTRIED], Verdict.WAIT),
        ([DONE, FRESH], Verdict.WAIT),
        ([EATEN, EATEN, FRESH], Verdict.WAIT),
        ([DONE, DONE, ALIVE, FRESH, UNTRIED], Verdict.GOOD),  # most of five
        ([DONE], Verdict.GOOD),  # all that there is
        ([DONE, EATEN], Verdict.GOOD),  # bad jobs of one owner do not keep a queue braked
        ([EATEN, EATEN, EATEN, UNTRIED], Verdict.BAD),
        ([EATEN, EATEN, DONE], Verdict.BAD),
        ([LATE], Verdict.VOID),
        ([GONE, LATE], Verdict.VOID),
    ],
)
def test_what_test_jobs_say(probes: list[Probe], verdict: Verdict) -> None:
    """Half of those wanted are enough in one direction, or all that were given; until then it is not known."""
    assert judge(probes, 5) is verdict


BRAKE = Brake(SINCE, "95 of 100 jobs failed", 0, SINCE, tested=True)


def given(brake: Brake, *owners: str) -> list[str | None]:
    queues = [a_queue(nickname=name) for name in ("BAD", "GOOD")]
    jobs = [a_job(prodUserName=owner) for owner in owners]
    return [d.queue for d in decide(jobs, Snapshot(queues, {}, brakes={"BAD": brake}))]


def test_a_braked_queue_gets_nothing_before_its_test() -> None:
    """Until the pause is over; the reason says since when, why, and when it is tested."""
    resting = replace(BRAKE, tested=False)
    assert given(resting, "alice", "bob") == ["GOOD", "GOOD"]
    (decision,) = decide([a_job()], Snapshot([a_queue(nickname="BAD")], {}, brakes={"BAD": resting}))
    since = "2026-11-23 12:00 UTC"
    assert decision.reason == (
        f"no queue takes it: BAD: braked since {since}, 95 of 100 jobs failed; it is tested again from {since}")


def test_test_jobs_are_of_different_owners() -> None:
    """A braked queue gets one job of each owner, and not more than the limit with those that it has."""
    assert given(BRAKE, *"aabbcdefgh").count("BAD") == 5
    chosen = dict(zip("abcde", given(BRAKE, *"abcde"), strict=True))
    assert set(chosen.values()) <= {"BAD", "GOOD"}
    only = Snapshot([a_queue(nickname="BAD")], {}, brakes={"BAD": BRAKE})
    made = list(decide([a_job(prodUserName=owner) for owner in "aabcdefg"], only))
    assert [d.queue for d in made] == ["BAD", None, "BAD", "BAD", "BAD", "BAD", None, None]
    has = replace(BRAKE, probes=(1, 2, 3, 4), owners=frozenset("a"))
    made = list(decide([a_job(prodUserName=owner) for owner in "abc"], replace(only, brakes={"BAD": has})))
    assert [d.queue for d in made] == [None, "BAD", None]


def test_pinned_jobs_are_not_eaten_either() -> None:
    """They wait for the test jobs; jobs that are there to test a queue are not held up."""
    only = Snapshot([a_queue(nickname="BAD")], {}, brakes={"BAD": replace(BRAKE, tested=False)})
    pinned, test = (a_job(computingSite="BAD", relocationFlag=1, prodSourceLabel=label) for label in ("user", "prod_test"))
    assert [d.queue for d in decide([pinned, test], only)] == [None, "BAD"]
