"""What people do with jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from factories import ALICE, a_caller, a_file

from pandad.spec.caller import Caller, Role
from pandad.spec.errors import BadRequest, Forbidden
from pandad.spec.job import JobSpec
from pandad.userinterface.jobs import USER_PRIORITY, prepare

from .wishes import ALICE_CALLER, S, a_spec

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def prepared(caller: Caller = ALICE_CALLER, **but: Any) -> JobSpec:
    job = a_spec(**but)
    prepare(job, 0, caller)
    return job


def test_the_least_job_is_completed() -> None:
    """A payload is enough: the rest is what PanDA's server makes of a user's job."""
    job = prepared()
    assert (job.jobStatus, job.attemptNr, job.prodSourceLabel, job.VO) == (S.DEFINED, 1, "user", "atlas")
    assert (job.prodUserID, job.prodUserName, job.creationHost) == (ALICE.subject, "alice", "client.test")
    assert (job.assignedPriority, job.currentPriority) == (USER_PRIORITY, USER_PRIORITY)
    assert (job.coreCount, job.resource_type, job.relocationFlag) == (1, "SCORE", 0)


def test_what_is_the_servers_to_say() -> None:
    """State, attempt, owner, times, commands and errors are the server's: what a submitter wrote there is gone."""
    job = prepared(
        PandaID=7,
        jobStatus=S.FINISHED,
        attemptNr=9,
        prodUserID="/CN=bob",
        prodUserName="bob",
        startTime=LONG_AGO,
        endTime=LONG_AGO,
        commandToPilot="tobekilled",
        currentPriority=10**6,
        relocationFlag=2,
        resource_type="MCORE",
        inputFileBytes=1,
        nInputDataFiles=7,
        transExitCode="1",
        pilotErrorCode=1150,
        pilotErrorDiag="looping",
        ddmErrorDiag="old",
        brokerageErrorDiag="old",
        taskBufferErrorCode=100,
    )
    assert job == prepared()


def test_what_is_the_owners_to_say() -> None:
    """What describes the work is kept as it came."""
    said: dict[str, Any] = {
        "jobName": "mine",
        "VO": "lab",
        "creationHost": "desk",
        "minRamCount": 3000,
        "coreCount": 4,
        "cmtConfig": "el9",
        "nEvents": 5,
        "jobsetID": 12,
        "workingGroup": "phys",
        "processingType": "ana",
        "maxWalltime": 60,
        "AtlasRelease": "1.2",
        "container_name": "x",
    }
    job = prepared(**said)
    assert {name: getattr(job, name) for name in said} == said
    assert job.resource_type == "MCORE"


def test_a_chosen_queue_is_a_pin() -> None:
    """A submitter who names a queue pins the job to it."""
    assert prepared(computingSite="MINE").relocationFlag == 1


def test_inputs_are_counted() -> None:
    """Inputs are counted and their sizes added up; of other files, and of sizes not known, nothing is added."""
    job = prepared(
        Files=[a_file(lfn="a", type="input", fsize=5), a_file(lfn="b", type="input", status="ready"), a_file(fsize=100)]
    )
    assert (job.nInputDataFiles, job.inputFileBytes) == (2, 5)
    assert {f.status for f in job.Files} == {"defined"}


@pytest.mark.parametrize(
    ("label", "wanted", "priority"),
    [
        ("user", 0, 1000),
        ("user", 500, 500),
        ("user", 1000, 1000),
        ("user", 9000, 1000),
        ("user", -5, -5),
        (None, 9000, 1000),
        ("ptest", 9000, 1000),
        ("managed", 0, 0),
        ("managed", 9000, 9000),
    ],
)
def test_priorities(label: str | None, wanted: int, priority: int) -> None:
    """Production's priorities are its own; a user may go below the usual one and not above."""
    job = prepared(a_caller("prod", Role.PRODUCTION), prodSourceLabel=label, assignedPriority=wanted)
    assert (job.assignedPriority, job.currentPriority) == (priority, priority)


@pytest.mark.parametrize("label", ["managed", "prod_test", "install"])
def test_production_labels(label: str) -> None:
    """Production work needs the role; the refusal names the attribute, what is held and what to do."""
    with pytest.raises(
        Forbidden, match=rf"jobs\[0\].prodSourceLabel: {label} needs the production role.*label user; you are .*roles: pilot"
    ):
        prepared(a_caller("alice", Role.PILOT), prodSourceLabel=label)
    for role in (Role.PRODUCTION, Role.ADMIN):
        assert prepared(a_caller("prod", role), prodSourceLabel=label).prodSourceLabel == label


BAD = [
    ("transformation", {"transformation": None}),
    ("transformation", {"transformation": ""}),
    ("minRamCount", {"minRamCount": -1}),
    ("maxDiskCount", {"maxDiskCount": -1}),
    ("maxCpuCount", {"maxCpuCount": -1}),
    ("maxWalltime", {"maxWalltime": -1}),
    ("coreCount", {"coreCount": -1}),
    ("Files[0].lfn", {"Files": [a_file(lfn=None)]}),
    ("Files[0].lfn", {"Files": [a_file(lfn="")]}),
    ("Files[1].lfn", {"Files": [a_file(), a_file(lfn="a,b")]}),
    ("Files[0].type", {"Files": [a_file(type="intput")]}),
    ("Files[0].type", {"Files": [a_file(type=None)]}),
    ("Files[0].fsize", {"Files": [a_file(fsize=-1)]}),
    ("Files[0].fsize", {"Files": [a_file(fsize=2**63 - 1)]}),
    ("Files", {"Files": [a_file(), a_file()]}),
    ("Files", {"Files": [a_file(), a_file(type="log")]}),
    ("Files", {"Files": [a_file(type="log", lfn="1"), a_file(type="log", lfn="2")]}),
]


@pytest.mark.parametrize(("key", "but"), BAD)
def test_refusals_name_the_place(key: str, but: dict[str, Any]) -> None:
    """A job that cannot be right is refused with its place in the call and the attribute in the caller's own spelling."""
    with pytest.raises(BadRequest) as refused:
        prepare(a_spec(**but), 3, ALICE_CALLER)
    assert refused.value.key == f"jobs[3].{key}"
