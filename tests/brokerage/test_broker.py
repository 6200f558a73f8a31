"""The decision: one queue or none for each job, and a verdict on every queue."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from factories import QUEUE, a_file, a_job, a_queue
from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage.broker import Decision, Policy, Round, decide
from pandad.brokerage.datarules import DataLimits
from pandad.brokerage.loads import Limits
from pandad.brokerage.rules import refusal
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import WEIGHTS
from pandad.spec.facts import Link, Pilots, Whereabouts
from pandad.spec.file import FileName
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus as S
from pandad.spec.site import Queue

queues = st.builds(
    a_queue,
    status=st.sampled_from(["online", "online", "test", "brokeroff", "offline"]),
    maxrss=st.sampled_from([0, 1000, 4000]),
    corecount=st.sampled_from([1, 8]),
    cmtconfig=st.sampled_from(["", "el9"]),
    astorages=st.sampled_from([{}, {"pr": ["D"]}]),
)
jobs = st.builds(
    a_job,
    minRamCount=st.sampled_from([0, 2000, 8000]),
    coreCount=st.sampled_from([None, 1, 8]),
    cmtConfig=st.sampled_from([None, "el8"]),
    prodSourceLabel=st.sampled_from(["user", "test"]),
    relocationFlag=st.sampled_from([0, 1]),
    computingSite=st.sampled_from([None, "Q0", "Q1", "gone"]),
    Files=st.sampled_from([[], [a_file(type="input")], [a_file()]]),
    avoided=st.sampled_from([[], ["Q0"], ["Q1"], ["Q0", "Q1"]]),
)


def named(made: list[Queue]) -> list[Queue]:
    return [a_queue(**{**queue.description, "nickname": f"Q{number}"}) for number, queue in enumerate(made)]


def one(job: JobSpec, *at: Queue, counts: dict[str, Any] | None = None) -> Decision:
    (decision,) = decide([job], Snapshot(at, counts or {}))
    return decision


@given(st.lists(jobs, max_size=8), st.lists(queues, max_size=4).map(named))
def test_decisions_follow_the_rules(wanted: list[JobSpec], at: list[Queue]) -> None:
    """Every job gets an answer in its turn, with a verdict for every queue that is the rules' own; it goes to a queue that can
    take it, the heaviest one, and stays only if there is none."""
    decisions = list(decide(wanted, Snapshot(at, {})))
    assert [d.job for d in decisions] == wanted
    for decision in decisions:
        assert [(v.queue, v.no) for v in decision.verdicts] == [(q.name, refusal(decision.job, q)) for q in at]
        able = {v.queue: v.weight for v in decision.verdicts if v.no is None}
        assert (decision.chosen is None) == (not able)
        if decision.chosen is not None:
            assert able[decision.chosen.name] >= decision.weight
            assert decision.before or decision.weight == able[decision.chosen.name] == max(able.values())
        assert decision.reason
        orjson.dumps([v.stored for v in decision.verdicts])


def test_alike_jobs_spread() -> None:
    """Jobs of one round are spread: each weighs on the queue it was given, so equal queues get equal shares."""
    at = [a_queue(nickname=name) for name in "ABC"]
    shares = Counter(d.chosen.name for d in decide([a_job() for _ in range(30)], Snapshot(at, {})) if d.chosen)
    assert shares == {"A": 10, "B": 10, "C": 10}


def test_busy_queues_get_more() -> None:
    """A queue that runs ten times the jobs gets more of the new ones, the other still some."""
    at = [a_queue(nickname=name) for name in "AB"]
    counts = {"A": {S.RUNNING: 100}, "B": {S.RUNNING: 10}}
    shares = Counter(d.chosen.name for d in decide([a_job() for _ in range(40)], Snapshot(at, counts)) if d.chosen)
    assert shares["A"] > shares["B"] > 0


def test_pinned_jobs_go_nowhere_else() -> None:
    """A pinned job waits for its queue rather than take a better one, and says what is wrong with its own."""
    at = [a_queue(nickname="A"), a_queue(nickname="B", maxrss=1000)]
    decision = one(a_job(computingSite="B", relocationFlag=1, minRamCount=2000), *at)
    assert decision.chosen is None
    assert decision.reason == "B: the job needs 2000 MB of memory, the queue has 1000"
    assert one(a_job(computingSite="gone", relocationFlag=1), *at).reason == "there is no queue gone"


def test_no_queue_at_all() -> None:
    """Without queues the reason says what to do."""
    decision = one(a_job())
    assert (decision.chosen, decision.verdicts) == (None, ())
    assert "there is no queue at all" in decision.reason


def test_the_nearest_queues_are_named_first() -> None:
    """When many queues refuse, the reason names those that come nearest and counts the rest."""
    at = [a_queue(nickname=f"OFF{number}", status="offline") for number in range(5)]
    near = [a_queue(nickname="SMALL", maxrss=1000), a_queue(nickname="ZLACKS", maxrss=0, cmtconfig="el8")]
    reason = one(a_job(minRamCount=2000, cmtConfig="el9"), *at, *near).reason
    assert reason.startswith("no queue takes it: ZLACKS: the queue has el8, the job needs el9; SMALL: the job needs 2000 MB")
    assert reason.endswith("OFF0: the queue is offline; and 4 more")


@pytest.mark.parametrize("able", [1, 2])
def test_the_reason_for_a_choice(able: int) -> None:
    """A choice says among how many it was made."""
    at = [a_queue(nickname=f"Q{number}") for number in range(able)] + [a_queue(nickname="OFF", status="offline")]
    assert one(a_job(), *at).reason == f"best of {able} queues that can take it"


def test_verdicts_as_stored() -> None:
    """A verdict is stored with the criterion, what the queue has and what the job needs; a yes with its weight."""
    yes, no = (v.stored for v in one(a_job(minRamCount=2000), a_queue(), a_queue(nickname="SMALL", maxrss=1000)).verdicts)
    assert yes == {"queue": QUEUE, "verdict": "ok", "weight": 1.0, "text": "can take the job"}
    assert no == {
        "queue": "SMALL",
        "verdict": "no",
        "criterion": "lowmemory",
        "have": 1000,
        "need": 2000,
        "text": "the job needs 2000 MB of memory, the queue has 1000",
    }


def test_a_queue_over_its_limit_is_passed_over() -> None:
    """Jobs of one round count against the limit on waiting work; who finds no room is told where it came nearest."""
    policy = Policy(limits=Limits(waiting=3))
    made = list(decide([a_job() for _ in range(8)], Snapshot([a_queue(nickname=n) for n in "AB"], {}), policy))
    assert Counter(d.chosen.name if d.chosen else None for d in made) == {"A": 3, "B": 3, None: 2}
    assert made[-1].reason == "no queue takes it: A: 3 jobs wait there already, 3 may; B: 3 jobs wait there already, 3 may"


def test_a_doubtful_queue_that_fills_up() -> None:
    """A queue that is taken for want of a better one, and has no room any more, is told as full to those that it refuses."""
    policy = Policy(limits=Limits(waiting=2, nopilot=True))
    at = [a_queue(nickname="A"), a_queue(nickname="B"), a_queue(nickname="SMALL", maxrss=100)]
    snapshot = Snapshot(at, {"B": {S.ASSIGNED: 2}}, pilots={"B": Pilots(asked=1)})
    made = list(decide([a_job(minRamCount=2000) for _ in range(4)], snapshot, policy))
    assert [d.chosen.name if d.chosen else None for d in made] == ["A", "A", None, None]
    assert [[v.no.criterion if v.no else None for v in d.verdicts] for d in made] == [
        [None, "cap", "lowmemory"]] * 2 + [["cap", "cap", "lowmemory"]] * 2


def test_inputs_that_mean_the_same_share_their_verdicts() -> None:
    """Jobs whose inputs differ in size, but not in what the queues lack of them, are alike; others are not."""
    at = [a_queue(nickname=name, astorages={"pr": [f"{name}_DISK"]}) for name in "AB"]
    inputs = [[a_file(type="input", lfn=f"{job}.{part}", fsize=size) for part in range(parts)]
              for job, (parts, size) in enumerate([(1, 10**9), (1, 7 * 10**9), (2, 10**9)])]
    copies = {FileName.of(file): {"A_DISK": file.fsize or 0} for files in inputs for file in files}
    made = list(decide([a_job(Files=files) for files in inputs], Snapshot(at, {}, where=Whereabouts(copies))))
    assert made[0].shared is made[1].shared is not made[2].shared
    assert [d.before for d in made] == [0, 1, 0]


def test_where_all_is_full_inputs_make_no_difference() -> None:
    """Jobs whose descriptions are alike are counted together then, wherever their input is; before that, they are not."""
    at = [a_queue(nickname=name, astorages={"pr": [f"{name}_DISK"]}) for name in "AB"]
    files = [a_file(type="input", lfn=f"in.{name}", fsize=10**9) for name in "AB"]
    copies = {FileName.of(file): {f"{name}_DISK": 10**9} for name, file in zip("AB", files, strict=True)}
    near_a, near_b = (a_job(Files=[file]) for file in files)
    round_ = Round(Snapshot(at, {}, where=Whereabouts(copies)), Policy(limits=Limits(waiting=1)))
    assert [round_.decide(near_a).queue, round_.refused(near_b), round_.decide(near_b).queue] == ["A", 0, "B"]
    assert [round_.decide(near_a).queue, round_.refused(near_a), round_.refused(near_b)] == [None, 1, 1]


def test_busy_links_leave_no_queue_alone() -> None:
    """A full queue takes no more because others cannot have the input for now; it does where they can never have it."""
    at = [a_queue(nickname=name, astorages={"pr": [f"{name}_DISK"]}) for name in "AB"]
    file = a_file(type="input", fsize=10**9)
    where = Whereabouts({FileName.of(file): {"A_DISK": 10**9}})
    policy = Policy(limits=Limits(waiting=1), data=DataLimits(backlog_files=5))
    for link, chosen in ((Link(backlog_files=9), None), (Link(blocked=True), "A")):
        snapshot = Snapshot(at, {"A": {S.ASSIGNED: 1}}, links={("A_DISK", "B_DISK"): link}, where=where)
        (decision,) = decide([a_job(Files=[file])], snapshot, policy)
        assert decision.queue == chosen


def test_pinned_jobs_have_nowhere_else_to_go() -> None:
    """They are placed however much their queue has, and count for the others."""
    policy, pinned = Policy(limits=Limits(waiting=1)), {"computingSite": "A", "relocationFlag": 1}
    jobs = [a_job(**pinned), a_job(**pinned), a_job()]
    made = list(decide(jobs, Snapshot([a_queue(nickname=n) for n in "AB"], {}), policy))
    assert [d.chosen.name if d.chosen else None for d in made] == ["A", "A", "B"]


@pytest.mark.parametrize(("name", "chosen"), [("generic", "BUSY"), ("analysis", "NEW"), ("production", "BUSY")])
def test_the_formula_of_the_operators_choice(name: str, chosen: str) -> None:
    """The same grid, another formula, another queue."""
    at = [a_queue(nickname=n) for n in ("BUSY", "NEW")]
    counts = {"BUSY": {S.RUNNING: 40, S.ACTIVATED: 40}, "NEW": {S.ASSIGNED: 1, S.RUNNING: 2}}
    (decision,) = decide([a_job()], Snapshot(at, counts), Policy(WEIGHTS[name]))
    assert decision.chosen is not None and decision.chosen.name == chosen
