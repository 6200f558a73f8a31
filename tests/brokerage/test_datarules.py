"""Where a job's input is, what each queue lacks of it, and what keeps a queue from the job because of that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from factories import a_file, a_job, a_queue
from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage.broker import Decision, Policy, decide
from pandad.brokerage.datarules import DataLimits
from pandad.brokerage.inputs import Inputs, Lack, rounded, told
from pandad.brokerage.kinds import ANEW_FILES
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import GENERIC, locality, way
from pandad.spec.facts import Link, Usage, Whereabouts
from pandad.spec.file import FileName
from pandad.spec.job import JobSpec
from pandad.spec.storage import endpoint_from_description

MB = 10**6
PLAIN = Policy()
A, B, C = (a_queue(nickname=name, astorages={"pr": [f"{name}_DISK"]}) for name in "ABC")


def job_with(*sizes: int, **but: Any) -> JobSpec:
    files = [a_file(type="input", lfn=f"in{n}", fsize=size) for n, size in enumerate(sizes)]
    return a_job(Files=files, **but)


def lying(**where: list[int]) -> Whereabouts:
    """By letter of the queue, which of the files its endpoint has."""
    copies: dict[FileName, dict[str, int]] = {}
    for letter, numbers in where.items():
        for number in numbers:
            copies.setdefault(FileName("user.alice", f"in{number}"), {})[f"{letter}_DISK"] = 1
    return Whereabouts(copies)


def one(job: JobSpec, where: Whereabouts | None, policy: Policy = PLAIN, **known: Any) -> Decision:
    (decision,) = decide([job], Snapshot([A, B, C], {}, where=where, **known), policy)
    return decision


def said(decision: Decision) -> dict[str, str | None]:
    return {v.queue: v.no.criterion if v.no else None for v in decision.verdicts}


def test_what_an_endpoint_lacks() -> None:
    """Files and bytes that are not there; of an endpoint that does not answer nothing is held to be missing."""
    where = lying(A=[0, 1], B=[0])
    inputs = Inputs.of(job_with(5, 7).inputs, Whereabouts(where.copies, {"C_DISK": "away"}))
    assert (inputs.files, inputs.size_bytes) == (2, 12)
    assert [inputs.lack(f"{letter}_DISK") for letter in "ABCD"] == [Lack(), Lack(1, 7), Lack(), Lack(2, 12)]


@given(st.integers(0, 10**15))
def test_rounding(size: int) -> None:
    """Bytes are rounded up, by less than a tenth; few bytes not at all."""
    assert size <= rounded(size) <= size * 1.1
    assert size >= MB or rounded(size) == size
    assert told(rounded(size))


def test_a_queue_with_the_input_is_preferred() -> None:
    """Where files can be moved, a queue that has them weighs twice as much as one to which all must come; half of them 1.5."""
    decision = one(job_with(100, 100), lying(A=[0], B=[0, 1]))
    weights = {v.queue: v.weight for v in decision.verdicts}
    assert decision.queue == "B"
    assert weights == {"A": pytest.approx(1.5 / 1.01 / 2), "B": 2, "C": pytest.approx(1 / 1.02 / 2)}


def test_without_moving_only_queues_with_the_input() -> None:
    """Where files cannot be moved, a queue that lacks some is refused, with what it lacks."""
    decision = one(job_with(100 * MB, 50 * MB), lying(A=[0], B=[0, 1]), moves=False)
    assert (decision.queue, said(decision)) == ("B", {"A": "non_local", "B": None, "C": "non_local"})
    no = decision.verdicts[0].no
    assert no is not None and (no.have, no.need) == (100 * MB, 150 * MB)
    assert "it lacks 1 of 2 input files, 50 MB; they are at A_DISK, B_DISK" in no.text


def test_input_that_no_queue_has_keeps_none_away() -> None:
    """If no queue has all of it, the job goes to one as ever, and waits there for its input."""
    assert said(one(job_with(1, 1), lying(A=[0], B=[1]), moves=False)) == {"A": None, "B": None, "C": None}


def test_a_queue_that_is_closed_counts_as_having_it() -> None:
    """The input is not held to be nowhere because the one queue that has it is closed: the job waits for that one."""
    closed = a_queue(nickname="A", astorages={"pr": ["A_DISK"]}, status="offline")
    (decision,) = decide([job_with(1)], Snapshot([closed, B], {}, where=lying(A=[0]), moves=False))
    assert said(decision) == {"A": "status", "B": "non_local"}
    assert "B: it lacks 1 of 1 input files" in decision.reason


def test_a_catalogue_that_is_down_is_no_reason() -> None:
    """Where nothing is known, the job is brokered as if its input were everywhere."""
    assert said(one(job_with(1), None, moves=False)) == {"A": None, "B": None, "C": None}


def links(**but: Any) -> dict[tuple[str, str], Link]:
    return {("A_DISK", "B_DISK"): Link(**but)}


@pytest.mark.parametrize(
    ("limits", "known", "criterion"),
    [
        (DataLimits(missing_bytes=99), {}, "io"),
        (DataLimits(missing_bytes=100), {}, None),
        (DataLimits(missing_files=1), {}, "io"),
        (DataLimits(missing_files=2), {}, None),
        (DataLimits(), {"links": links(blocked=True)}, "link_unusable"),
        (DataLimits(backlog_files=9), {"links": links(backlog_files=10)}, "links_full"),
        (DataLimits(backlog_files=10), {"links": links(backlog_files=10)}, None),
        (DataLimits(), {"endpoints": {"B_DISK": endpoint_from_description({"blacklisted_read": "Y"}, "B_DISK")}}, "blacklist"),
    ],
)
def test_what_may_be_moved(limits: DataLimits, known: dict[str, Any], criterion: str | None) -> None:
    """Limits on missing input, links and endpoints keep a queue from a job that would have to get its input there."""
    assert said(one(job_with(50, 50), lying(A=[0, 1]), Policy(data=limits), **known))["B"] == criterion


def test_the_way_counts() -> None:
    """By hand: a link at distance 3 with 100 files on it is worth (1/4 + 1/2) / 2; one that nobody knows 1/2."""
    assert way(Link(distance=3, backlog_files=100)) == pytest.approx(0.375)
    assert (way(None), way(Link(distance=0))) == (0.5, 1)
    inputs = Inputs(1, 100, (("A_DISK", Lack(1, 100)),))
    known = Snapshot([A, B], {}, links=links(distance=3, backlog_files=100))
    assert locality(inputs, "B_DISK", known) == pytest.approx(0.375 / 1.01)
    assert locality(inputs, "A_DISK", known) == 2


@pytest.mark.parametrize(
    ("usage", "criteria"),
    [
        (Usage(10, 86401, 100), {"A": "scout_walltime", "B": "scout_walltime", "C": "scout_walltime"}),
        (Usage(10, 86400, 4001), {"A": "lowmemory", "B": "lowmemory", "C": "lowmemory"}),
        (Usage(10, 86400, 4000), {"A": None, "B": None, "C": None}),
        (Usage(9, 10**6, 10**6), {"A": None, "B": None, "C": None}),
    ],
)
def test_scouts_tell(usage: Usage, criteria: dict[str, str | None]) -> None:
    """What ten finished jobs of a task used counts for its others, whatever they say that they need."""
    assert said(one(a_job(jediTaskID=7), None, usage={7: usage})) == criteria


def test_alike_inputs_share_their_verdicts() -> None:
    """Jobs whose inputs lie alike share one answer, though their sizes differ a little."""
    snapshot = Snapshot([A, B], {}, where=lying(A=[0]), moves=False)
    made = list(decide([job_with(10**9 + n) for n in range(1, 51)], snapshot, Policy(GENERIC)))
    assert len({id(d.shared) for d in made}) == 1
    assert [d.before for d in made] == list(range(50))


FAR = {("A_DISK", "B_DISK"): Link(1), ("A_DISK", "C_DISK"): Link(2)}


def spread(jobs: int, files: int, limit: int) -> list[str | None]:
    """Jobs of one round, all of whose input is at a queue that takes none of them."""
    closed = [a_queue(nickname="A", status="offline", astorages={"pr": ["A_DISK"]}), B, C]
    snapshot = Snapshot(closed, {}, where=lying(A=list(range(files))), links=FAR)
    flat = replace(GENERIC, load=lambda queue, now: 1.0)
    made = decide([job_with(*[5] * files) for _ in range(jobs)], snapshot, Policy(flat, data=DataLimits(backlog_files=limit)))
    return [each.queue for each in made]


def test_what_a_round_promised_fills_the_ways() -> None:
    """Files that will be moved for jobs of a round count as waiting for those after them: the shorter way is not taken by all."""
    queues = spread(400, 1, 0)
    assert queues[:ANEW_FILES] == ["B"] * ANEW_FILES and 100 < queues.count("C") < queues.count("B")


def test_links_fill_within_a_round() -> None:
    """Up to the limit, and some more for jobs alike that are decided on together."""
    queues = spread(400, 10, 100)
    assert [10 * queues.count(name) <= 100 + ANEW_FILES for name in "BC"] == [True, True]
    assert queues[-1] is None


def test_input_that_is_there_promises_nothing() -> None:
    """However many jobs go where it is."""
    snapshot = Snapshot([A, B], {}, where=lying(A=[0]), links=FAR)
    flat = replace(GENERIC, load=lambda queue, now: 1.0)
    made = list(decide([job_with(5) for _ in range(200)], snapshot, Policy(flat)))
    assert {each.queue for each in made} == {"A"} and len({each.weight for each in made}) == 1
