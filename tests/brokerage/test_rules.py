"""Each rule says no exactly when it should, under PanDA's name for it."""

from __future__ import annotations

from typing import Any

import pytest
from factories import QUEUE, a_file, a_job, a_queue
from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage import rules
from pandad.brokerage.criterion import Rule
from pandad.brokerage.rules import TEST_LABELS, refusal
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue, QueueStatus

AMOUNT = st.integers(0, 10**6)
LIMIT = st.sampled_from([0, 1]) | AMOUNT

# rule, criterion, the job's attribute, the queue's key: no if and only if the job needs more than a limit that is there
AT_MOST = [
    (rules.memory, "lowmemory", "minRamCount", "maxrss"),
    (rules.disk, "disk", "maxDiskCount", "maxwdir"),
    (rules.walltime, "shortwalltime", "maxWalltime", "maxtime"),
    (rules.walltime, "shortwalltime", "maxCpuCount", "maxtime"),
]
# likewise: no if and only if the job says that it needs less than a least that is there
AT_LEAST = [
    (rules.least_memory, "highmemory", "minRamCount", "minrss"),
    (rules.least_walltime, "longwalltime", "maxWalltime", "mintime"),
]


@given(case=st.sampled_from(AT_MOST), need=AMOUNT, limit=LIMIT)
def test_needs_against_limits(case: tuple[Rule[[JobSpec, Queue]], str, str, str], need: int, limit: int) -> None:
    """A queue is refused if and only if it has a limit (0 is none) and the job needs more; both figures are told."""
    rule, criterion, attribute, key = case
    no = rule(a_job(**{attribute: need}), a_queue(**{key: limit}))
    assert (no is not None) == (0 < limit < need)
    if no is not None:
        assert (no.criterion, no.have, no.need) == (criterion, limit, need)
        assert str(need) in no.text and str(limit) in no.text


@given(case=st.sampled_from(AT_LEAST), need=AMOUNT, least=LIMIT)
def test_needs_against_a_least(case: tuple[Rule[[JobSpec, Queue]], str, str, str], need: int, least: int) -> None:
    """A queue for large jobs refuses small ones, but none that does not say what it needs."""
    rule, criterion, attribute, key = case
    no = rule(a_job(**{attribute: need}), a_queue(**{key: least}))
    assert (no is not None) == (0 < need < least)
    assert no is None or (no.criterion, no.have, no.need) == (criterion, least, need)


@given(input_bytes=st.none() | st.integers(0, 2**32), limit_mb=st.integers(0, 3000))
def test_input_size(input_bytes: int | None, limit_mb: int) -> None:
    """Input counts in whole MB; 0 is no limit."""
    no = rules.input_size(a_job(inputFileBytes=input_bytes), a_queue(maxinputsize=limit_mb))
    assert (no is not None) == (0 < limit_mb < (input_bytes or 0) // 2**20)
    assert no is None or no.criterion == "maxinputsize"


@pytest.mark.parametrize(
    ("capability", "cores", "takes"),
    [("score", 1, True), ("score", 2, False), ("mcore", 1, False), ("mcore", None, False), ("mcore", 8, True),
     ("mcore", 9, False), ("ucore", 1, True), ("ucore", 8, True), ("ucore", 9, False), ("", 1, True)],
)
def test_slots(capability: str, cores: int | None, takes: bool) -> None:
    """score takes jobs of one core, mcore of several, ucore any that fit."""
    no = rules.cores(a_job(coreCount=cores), a_queue(capability=capability, corecount=8))
    assert (no is None) == takes
    assert no is None or no.criterion == "cpucore"


@pytest.mark.parametrize(
    ("kind", "label", "takes"),
    [("production", "managed", True), ("production", "user", False), ("production", "panda", False),
     ("production", "ptest", True), ("analysis", "user", True), ("analysis", "managed", False), ("analysis", "prod_test", True),
     ("unified", "user", True), ("unified", "managed", True), ("special", "user", True), (None, "user", True)],
)
def test_kind_of_work(kind: str | None, label: str, takes: bool) -> None:
    """A queue for production takes no users' jobs, one for analysis no production; tests go anywhere."""
    no = rules.kind_of_work(a_job(prodSourceLabel=label), a_queue(type=kind))
    assert (no is None) == takes
    assert no is None or (no.criterion, no.have) == ("type", kind)


@pytest.mark.parametrize(
    ("job", "releases", "takes"),
    [
        ({}, ["A-1"], True),
        ({"AtlasRelease": "A-1"}, [], True),
        ({"AtlasRelease": "A-1"}, ["A-1", "A-2"], True),
        ({"AtlasRelease": "A-1"}, "A-1, A-2", True),
        ({"AtlasRelease": "A-3"}, ["A-1"], False),
        ({"AtlasRelease": "A-3"}, ["AUTO"], True),
        ({"AtlasRelease": "A-3", "homepackage": "P/1"}, ["P/1"], True),
        ({"homepackage": "P/2"}, ["P/1"], False),
        ({"homepackage": "NULL"}, ["P/1"], True),
        ({"AtlasRelease": "A-3", "container_name": "docker://x"}, ["A-1"], True),
    ],
)
def test_software(job: dict[str, Any], releases: object, takes: bool) -> None:
    """A release or package must be listed, unless the queue lists none or the job brings a container."""
    no = rules.software(a_job(**job), a_queue(releases=releases))
    assert (no is None) == takes
    assert no is None or no.criterion == "cache"


def test_architecture() -> None:
    """A job for a GPU goes where there is one; the refusal names both sides."""
    job, gpus = a_job(cmtConfig="el9#x86_64&nvidia"), [{"type": "gpu", "vendor": ["nvidia"]}]
    assert rules.architecture(job, a_queue(architectures=gpus)) is None
    no = rules.architecture(job, a_queue(architectures=[{"type": "cpu", "arch": ["x86_64"]}]))
    assert no is not None
    assert (no.criterion, no.have, no.need) == ("architecture", "cpu x86_64", "CPU x86_64 and GPU nvidia")
    assert rules.platform(job, a_queue(cmtconfig="el8,el9")) is None


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
