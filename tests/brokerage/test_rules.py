"""Each rule says no exactly when it should, under PanDA's name for it."""

from __future__ import annotations

from typing import Any

import pytest
from factories import QUEUE, a_file, a_job, a_queue
from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage import rules
from pandad.brokerage.rules import TEST_LABELS, Rule, refusal
from pandad.spec.site import QueueStatus

AMOUNT = st.integers(0, 10**6)
LIMIT = st.sampled_from([0, 1]) | AMOUNT

# rule, criterion, the job's attribute, the queue's key: no if and only if the job needs more than a limit that is there
AT_MOST = [
    (rules.memory, "lowmemory", "minRamCount", "maxrss"),
    (rules.disk, "disk", "maxDiskCount", "maxwdir"),
    (rules.walltime, "shortwalltime", "maxWalltime", "maxtime"),
    (rules.walltime, "shortwalltime", "maxCpuCount", "maxtime"),
]


@given(case=st.sampled_from(AT_MOST), need=AMOUNT, limit=LIMIT)
def test_needs_against_limits(case: tuple[Rule, str, str, str], need: int, limit: int) -> None:
    """A queue is refused if and only if it has a limit (0 is none) and the job needs more; both figures are told."""
    rule, criterion, attribute, key = case
    no = rule(a_job(**{attribute: need}), a_queue(**{key: limit}))
    assert (no is not None) == (0 < limit < need)
    if no is not None:
        assert (no.criterion, no.have, no.need) == (criterion, limit, need)
        assert str(need) in no.text and str(limit) in no.text


@given(scratch_mb=st.integers(0, 1000), input_bytes=st.none() | st.integers(0, 2**32), limit_mb=st.integers(1, 3000))
def test_disk_holds_the_input_too(scratch_mb: int, input_bytes: int | None, limit_mb: int) -> None:
    """Scratch space is needed for the job and, in whole MB, its input together."""
    no = rules.disk(a_job(maxDiskCount=scratch_mb, inputFileBytes=input_bytes), a_queue(maxwdir=limit_mb))
    assert (no is not None) == (scratch_mb + (input_bytes or 0) // 2**20 > limit_mb)


@given(wanted=st.none() | st.integers(0, 128), has=st.integers(0, 128))
def test_cores(wanted: int | None, has: int) -> None:
    """A slot of fewer cores than wanted is refused; who does not say wants one, and a queue that does not say has one."""
    no = rules.cores(a_job(coreCount=wanted), a_queue(corecount=has))
    assert (no is not None) == (max(wanted or 1, 1) > (has or 1))
    assert no is None or no.criterion == "cpucore"


def test_wall_time_is_the_jobs_own_word_first() -> None:
    """The wall time asked for counts; the CPU time only where none is."""
    assert rules.walltime(a_job(maxWalltime=100, maxCpuCount=500), a_queue(maxtime=200)) is None
    assert rules.walltime(a_job(maxWalltime=None, maxCpuCount=500), a_queue(maxtime=200)) is not None


@pytest.mark.parametrize(
    ("status", "label", "is_pinned", "takes"),
    [
        ("online", "user", False, True),
        ("online", "test", True, True),
        ("test", "user", False, False),
        ("test", "user", True, False),
        ("test", "prod_test", False, True),
        ("test", None, False, False),
        ("brokeroff", "user", False, False),
        ("brokeroff", "user", True, True),
        ("brokeroff", "test", False, False),
        ("offline", "user", True, False),
        ("offline", "test", True, False),
        ("paused", "user", True, False),
        ("paused", "test", False, False),
    ],
)
def test_status(status: str, label: str | None, is_pinned: bool, takes: bool) -> None:
    """online takes all, test only test jobs, brokeroff only pinned ones, offline and paused none."""
    job = a_job(prodSourceLabel=label, computingSite=QUEUE if is_pinned else None, relocationFlag=int(is_pinned))
    no = rules.status(job, a_queue(status=status))
    assert (no is None) == takes
    assert no is None or (no.criterion, no.have) == ("status", status)


@pytest.mark.parametrize("label", sorted(TEST_LABELS))
def test_test_labels(label: str) -> None:
    """Every label of test jobs runs on a queue in test."""
    assert rules.status(a_job(prodSourceLabel=label), a_queue(status=QueueStatus.TEST)) is None


@given(pin=st.sampled_from([None, "A", "B"]), flag=st.integers(0, 3), queue=st.sampled_from("AB"))
def test_pinned(pin: str | None, flag: int, queue: str) -> None:
    """A job is refused by a queue if and only if its owner chose another one."""
    job = a_job(computingSite=pin, relocationFlag=flag)
    no = rules.pinned(job, a_queue(nickname=queue))
    assert (no is not None) == (flag == 1 and pin not in (None, queue))
    assert job.is_pinned == (flag == 1 and pin is not None)
    assert no is None or (no.criterion, no.have, no.need) == ("pinned", queue, pin)


@given(avoided=st.lists(st.sampled_from("AB"), unique=True), queue=st.sampled_from("ABC"))
def test_excluded(avoided: list[str], queue: str) -> None:
    """A job does not come back to a queue that it is to avoid, and to no other queue for that reason."""
    no = rules.excluded(a_job(avoided=avoided), a_queue(nickname=queue))
    assert (no is not None) == (queue in avoided)
    assert no is None or (no.criterion, no.have) == ("excluded", queue)


@pytest.mark.parametrize(
    ("wanted", "listed", "takes"),
    [
        (None, "", True),
        (None, "el9", True),
        ("", "el9", True),
        ("el9", "", True),
        ("el9", "el9", True),
        ("el9", "el8,el9", True),
        ("el9", "el8", False),
        ("el9", "el9-gpu", False),
    ],
)
def test_platform(wanted: str | None, listed: str, takes: bool) -> None:
    """A platform must be listed, unless the job names none or the queue lists none."""
    no = rules.platform(a_job(cmtConfig=wanted), a_queue(cmtconfig=listed))
    assert (no is None) == takes
    assert no is None or (no.criterion, no.have, no.need) == ("cmtconfig", listed, wanted)


@pytest.mark.parametrize(
    ("types", "storages", "takes"),
    [
        ([], {}, True),
        (["input"], {}, False),
        (["output"], {}, False),
        (["log"], {}, False),
        (["pseudo_input"], {}, True),
        (["input"], {"pr": ["D"]}, True),
        (["output"], {"pw": ["D"]}, True),
        (["input"], {"pw": ["D"]}, False),
        (["input", "output", "log"], {"pr": ["D"]}, True),
    ],
)
def test_storage(types: list[str], storages: dict[str, Any], takes: bool) -> None:
    """Files need a storage on their side: inputs one to read, outputs and the log one to write."""
    job = a_job(Files=[a_file(lfn=kind, type=kind) for kind in types])
    no = rules.storage(job, a_queue(astorages=storages))
    assert (no is None) == takes
    assert no is None or no.criterion == "storage"


def test_the_first_failed_rule_is_told() -> None:
    """A refusal names the first rule that fails, and how many the queue passes before: later is nearer."""
    far = refusal(a_job(minRamCount=9000, coreCount=8), a_queue(status="offline"))
    near = refusal(a_job(minRamCount=9000, coreCount=8), a_queue(maxrss=0))
    assert far is not None and near is not None
    assert (far.criterion, near.criterion) == ("status", "cpucore")
    assert far.passed < near.passed


def test_a_queue_that_fits_is_not_refused() -> None:
    """An ordinary job fits an ordinary queue."""
    assert refusal(a_job(), a_queue()) is None
