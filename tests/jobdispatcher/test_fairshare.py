"""Whose turn it is: the least served group, in it the least served work, in it the least served user."""

from __future__ import annotations

from collections import Counter
from typing import Any

from factories import ANCHOR, a_line
from hypothesis import given
from hypothesis import strategies as st

from pandad.config import SharesConfig
from pandad.jobdispatcher.fairshare import Shares
from pandad.jobdispatcher.window import Window
from pandad.spec.account import Account, Directory, People
from pandad.spec.caller import Identity
from pandad.spec.capability import Capability
from pandad.spec.line import Line

ALICE, BOB = (Identity(ANCHOR, f"/CN={name}") for name in ("alice", "bob"))


def picked(lines: dict[Line, int], count: int, before: dict[Line, int] | None = None, **config: Any) -> list[Line]:
    """The lines of the jobs that a pilot for so many gets, of lines with so many jobs each."""
    return picked_by(Shares(SharesConfig(**config)), lines, count, before)


def picked_by(shares: Shares, lines: dict[Line, int], count: int, before: dict[Line, int] | None = None) -> list[Line]:
    """The same, by those shares."""
    shares.counted(before or {})
    jobs = ((line, 0, 1000 * line.id + n) for line, number in lines.items() for n in range(number))
    pilot = Capability(queue="Q", count=count, holder=ALICE)
    return [line for line, _ in Window.of(jobs, 0.0, 0.0).pick(pilot, shares)]


def test_users_take_turns() -> None:
    """Two users of one group get the same, though one has ten times the jobs and came first."""
    alice, bob = a_line(1, owner=ALICE), a_line(2, owner=BOB)
    assert Counter(picked({alice: 100, bob: 10}, 20)) == {alice: 10, bob: 10}


def test_a_user_gains_nothing_by_different_jobs() -> None:
    """Jobs of many kinds are still one user's."""
    kinds, bob = [a_line(n, owner=ALICE, memory_mb=n) for n in range(1, 9)], a_line(9, owner=BOB)
    got = Counter(line.owner for line in picked({**dict.fromkeys(kinds, 10), bob: 100}, 40))
    assert got == {ALICE: 20, BOB: 20}


def test_a_user_gains_nothing_by_several_credentials() -> None:
    """Identities that are linked have one share and one cap together; linked while jobs run, from the next count on."""
    token = Identity("https://issuer.test/", "4711")
    alice, same, bob = a_line(1, owner=ALICE), a_line(2, owner=token), a_line(3, owner=BOB)
    people, waiting = People(), {alice: 100, same: 100, bob: 100}
    shares = Shares(SharesConfig(user_cap=30), people)
    assert Counter(line.owner for line in picked_by(shares, waiting, 90)) == {ALICE: 30, token: 30, BOB: 30}
    account = Account(1, "alice", frozenset({ALICE, token}))
    people.learn(Directory(accounts=dict.fromkeys(account.identities, account)))
    got = Counter(line.owner for line in picked_by(shares, waiting, 90, {alice: 10}))
    assert got[BOB] == 30 and got[ALICE] + got[token] == 20


def test_who_has_much_waits() -> None:
    """What runs already counts: the one with 30 cores gets nothing until the other has as many."""
    alice, bob = a_line(1, owner=ALICE), a_line(2, owner=BOB)
    assert Counter(picked({alice: 100, bob: 100}, 40, before={alice: 30})) == {alice: 5, bob: 35}


def test_weights_of_groups_and_work() -> None:
    """A group of weight 3 gets three times as much; within a group, production of weight 4 gets four fifths."""
    higgs, top = a_line(1, working_group="higgs"), a_line(2, working_group="top")
    assert Counter(picked({higgs: 100, top: 100}, 40, groups={"higgs": 3.0})) == {higgs: 30, top: 10}
    managed, user = a_line(3, label="managed"), a_line(4, label="user")
    assert Counter(picked({managed: 100, user: 100}, 50, work={"production": 4.0})) == {managed: 40, user: 10}


def test_a_share_without_work_leaves_its_part_to_others() -> None:
    """Weights never leave a slot empty."""
    higgs, top = a_line(1, working_group="higgs"), a_line(2, working_group="top")
    assert len(picked({higgs: 3, top: 100}, 40, groups={"higgs": 1000.0})) == 40


def test_cores_count_not_jobs() -> None:
    """A job of 8 cores weighs as much as eight of one."""
    wide, narrow = a_line(1, owner=ALICE, cores=8), a_line(2, owner=BOB)
    assert Counter(picked({wide: 100, narrow: 100}, 45)) == {wide: 5, narrow: 40}


def test_production_goes_by_priority_alone() -> None:
    """Submitters of production do not take turns: the higher priority goes first, whoever sent it."""
    shares = Shares(SharesConfig())
    first, second = a_line(1, owner=ALICE, label="managed"), a_line(2, owner=BOB, label="managed")
    window = Window.of([(first, 900, n) for n in range(10)] + [(second, 100, 100 + n) for n in range(10)], 0.0, 0.0)
    assert [line for line, _ in window.pick(Capability(queue="Q", count=12, holder=ALICE), shares)] == [first] * 10 + [second] * 2


def test_caps_are_kept() -> None:
    """A user at the cap, or of a group at its cap, gets nothing more, counted in cores; others get the rest."""
    alice, bob = a_line(1, owner=ALICE, cores=4), a_line(2, owner=BOB)
    assert Counter(picked({alice: 100, bob: 100}, 50, user_cap=10)) == {alice: 2, bob: 10}
    higgs, top = a_line(3, working_group="higgs", owner=ALICE), a_line(4, working_group="top", owner=BOB)
    assert Counter(picked({higgs: 100, top: 100}, 50, user_cap=0, group_caps={"higgs": 7})) == {higgs: 7, top: 43}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(1, 8), st.integers(1, 30)), min_size=1, max_size=8),
       st.integers(1, 60))
def test_every_slot_is_used_and_no_user_lags(kinds: list[tuple[int, int, int, int]], count: int) -> None:
    """Whatever waits: as many jobs go out as are wanted or there; and of users with work left in one group, none is more than one
    job ahead of another."""
    lines = {a_line(n, owner=Identity(ANCHOR, f"/CN=u{user}"), working_group=f"g{group}", cores=cores): number
             for n, (user, group, cores, number) in enumerate(kinds, 1)}
    got = Counter(picked(lines, count, user_cap=0))
    assert sum(got.values()) == min(count, sum(lines.values()))
    cores: Counter[tuple[str, Identity]] = Counter()
    for line, number in got.items():
        cores[line.working_group, line.owner] += number * line.cores
    left = {(line.working_group, line.owner) for line, number in lines.items() if number > got[line]}
    for group, user in left:
        assert all(cores[group, user] >= cores[g, u] - 8 for g, u in cores if g == group)
