"""Programs around the real panda-client 2.2.0 work here unchanged: each call returns what the client's own documentation says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from shutil import which
from typing import Any

import pytest

from clients.user import User, user_of
from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.sandbox import ENDPOINT, QUEUE, Sandbox
from pandad.spec.attribute import Attribute
from pandad.spec.file import FILE_ATTRIBUTES
from pandad.spec.job import JOB_ATTRIBUTES

CLIENT_FAILED = 255
NOBODYS = 2**40  # an id that is not reached here

# What a submitter may write and the server (or the client: creationHost) knows better, as in panda-server; besides errors.
SERVERS_OWN = frozenset({
    "PandaID", "jobDefinitionID", "creationTime", "creationHost", "modificationTime", "modificationHost", "prodUserID",
    "prodUserName", "currentPriority", "attemptNr", "jobStatus", "startTime", "endTime", "commandToPilot", "transExitCode",
    "stateChangeTime", "relocationFlag", "nInputDataFiles", "inputFileBytes", "resource_type",
    "gshare"})
LABELS = {"prodSourceLabel": "user"}  # others need a role


def a_job(name: str, **but: Any) -> dict[str, Any]:
    """A job with a file of each kind, as analysis tools submit it. It waits for an input that never comes: no pilot gets it."""
    dataset = f"user.alice.{name}"
    common = {"dataset": dataset, "scope": "user.alice"}
    there = {**common, "destinationDBlock": dataset, "destinationSE": ENDPOINT}
    files = [{"type": "input", "lfn": f"{name}.in", "prodDBlock": dataset, **common},
             {"type": "output", "lfn": f"{name}.out", **there},
             {"type": "log", "lfn": f"{name}.log.tgz", **there}]
    return {"jobName": name, "transformation": "http://localhost/trf/user/x.sh", "jobParameters": f"{name}.in {name}.out",
            "Files": files, "prodSourceLabel": "user", "computingSite": QUEUE, **but}


def submitted(user: User, *jobs: dict[str, Any]) -> list[int]:
    """The ids of new jobs."""
    return [row[0] for row in user.data("submit", jobs=jobs)]


def test_hello(alice: User) -> None:
    """The client finds the server alive."""
    answer = alice.call("hello")
    assert (answer.status, answer.data) == (0, "alive=yes")


@pytest.mark.parametrize("kind", ["proxy", "voms_proxy", "credential"])
def test_credentials(sandbox: Sandbox, kind: str) -> None:
    """A proxy, with VOMS attributes or not, and a plain certificate are the same user, and the client can show who that is."""
    bob = user_of(sandbox, getattr(sandbox.pki, kind)("bob"))
    answer = bob.call("attributes")
    assert answer.status == 0 and isinstance(answer.data, dict)
    assert f"SSL_CLIENT_S_DN: {SANDBOX_USERS['bob']}" in answer.printed.splitlines()
    (job,) = bob.data("status", ids=submitted(bob, a_job("mine")))
    assert job["prodUserID"] == SANDBOX_USERS["bob"]


@pytest.mark.skipif(which("voms-proxy-info") is None, reason="the client asks voms-proxy-info: apt-get install voms-clients")
def test_voms(sandbox: Sandbox) -> None:
    """In its VOMS mode, its usual one, the client finds the nickname that the sandbox's VO gives, and its calls succeed."""
    bob = user_of(sandbox, sandbox.pki.voms_proxy("bob"), PANDA_AUTH="voms")
    assert bob.data("nickname") == "bob"
    (job,) = bob.data("status", ids=submitted(bob, a_job("mine")))
    assert job["prodUserID"] == SANDBOX_USERS["bob"]


def test_submission_is_answered_with_ids(alice: User) -> None:
    """One row per job in the order sent: PandaID, the number of this submission, and the jobset that its jobs share."""
    rows = alice.data("submit", jobs=[a_job(f"many{n}") for n in range(20)])
    ids = [panda_id for panda_id, _, _ in rows]
    assert ids == sorted(set(ids)) and len(ids) == 20
    assert len({definition for _, definition, _ in rows}) == 1
    assert len({jobset["jobsetID"] for _, _, jobset in rows}) == 1
    assert [job["jobName"] for job in alice.data("status", ids=ids)] == [f"many{n}" for n in range(20)]


@pytest.mark.parametrize("call", ["status", "full_status"])
def test_jobs_are_described_in_order(alice: User, call: str) -> None:
    """Specs come in the order asked for, None where there is no such job; files know their job and keep their order."""
    first, second = submitted(alice, a_job("first"), a_job("second"))
    found = alice.data(call, ids=[second, NOBODYS, first])
    assert [job and job["jobName"] for job in found] == ["second", None, "first"]
    for job in (found[0], found[2]):
        assert [file["type"] for file in job["Files"]] == ["input", "output", "log"]
        assert {file["PandaID"] for file in job["Files"]} == {job["PandaID"]}


def test_times_are_times(alice: User) -> None:
    """The client restores times as naive datetimes in UTC, and they are those of now."""
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    (job,) = alice.data("status", ids=submitted(alice, a_job("timed", creationTime=datetime(2001, 1, 1))))
    assert before < job["creationTime"] <= job["stateChangeTime"] <= job["modificationTime"] < before + timedelta(hours=2)


def sample(attribute: Attribute, number: int) -> Any:
    """A value of an attribute, different from that of every other one, as long as may be."""
    if attribute.name in LABELS:
        return LABELS[attribute.name]
    if attribute.kind is str:
        text = f"{number} ünï\"'\\&=+%{attribute.name}"
        return text[:attribute.limit] if attribute.limit else f"{text}\t" * 50
    if attribute.kind is datetime:
        return datetime(2020, 1, 1, 12, 30, number % 60, 123456)
    return attribute.kind(number) + (0.5 if attribute.kind is float else 0)


def theirs_to_say(attribute: Attribute) -> bool:
    """Whether the server keeps what a submitter says."""
    return attribute.name not in SERVERS_OWN and not attribute.name.endswith(("ErrorCode", "ErrorDiag"))


def test_attributes_round_trip(alice: User) -> None:
    """Each attribute that a submitter may set comes back as it was sent: quotes, umlauts, full lengths, fractions, times."""
    sent = {a.name: sample(a, n) for n, a in enumerate(JOB_ATTRIBUTES, 1) if theirs_to_say(a)}
    (job,) = alice.data("status", ids=submitted(alice, sent))
    assert {name: job.get(name) for name in sent} == sent


def test_file_attributes_round_trip(alice: User) -> None:
    """Each attribute of a file likewise, but for its job, its place and its state."""
    known = [a for a in FILE_ATTRIBUTES[:18] if a.name not in ("row_ID", "PandaID", "status", "type")]
    sent = {a.name: sample(a, n) for n, a in enumerate(known, 1)} | {"type": "output"}
    waiting = a_job("files")
    waiting["Files"].append(sent)
    (job,) = alice.data("status", ids=submitted(alice, waiting))
    file = job["Files"][-1]
    assert {name: file.get(name) for name in sent} == sent


def test_kill(alice: User) -> None:
    """One answer per job in the order asked: True for what is being killed, False for what is not there or over."""
    doomed, spared = submitted(alice, a_job("doomed"), a_job("spared"))
    assert alice.data("kill", ids=[doomed, NOBODYS]) == [True, False]
    assert alice.data("kill", ids=[doomed]) == [False]
    assert [job["jobStatus"] == "cancelled" for job in alice.data("status", ids=[doomed, spared])] == [True, False]


def test_strangers_cannot_kill(alice: User, bob: User) -> None:
    """A user sees another one's job and cannot end it."""
    (alices,) = submitted(alice, a_job("alices"))
    (bobs,) = submitted(bob, a_job("bobs"))
    assert bob.data("kill", ids=[alices, bobs]) == [False, True]
    assert [job["jobStatus"] == "cancelled" for job in bob.data("status", ids=[alices, bobs])] == [False, True]


def test_debug_mode(alice: User, bob: User) -> None:
    """The owner switches it on and off, and the client shows the answer; of another one's job it says that it failed."""
    (panda_id,) = submitted(alice, a_job("debugged"))
    assert [alice.data("debug", panda_id=panda_id, on=on) for on in (True, False)] == ["Succeeded"] * 2
    assert bob.call("debug", panda_id=panda_id, on=True).status == CLIENT_FAILED
    assert alice.data("debug", panda_id=panda_id, on=True) == "Succeeded"
    (job,) = alice.data("status", ids=[panda_id])
    assert (job["commandToPilot"], job["specialHandling"]) == ("debug", "dm")


def test_secrets(alice: User, bob: User) -> None:
    """A user keeps, reads, and forgets secrets; another one has none of them."""
    for key, value in (("token", "tökén&="), ("___file___:f", "x" * 10_000)):
        assert alice.data("set_secret", key=key, value=value) == [True, "OK"]
    assert alice.data("secrets") == [True, {"token": "tökén&=", "___file___:f": "x" * 10_000}]
    assert bob.data("secrets") == [True, {}]
    alice.data("set_secret", key="token", value=None)
    assert set(alice.data("secrets")[1]) == {"___file___:f"}
    alice.data("set_secret", key=None, value=None)
    assert alice.data("secrets") == [True, {}]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "minRamCount": ({"minRamCount": "lots"}, "jobs[1].minRamCount: 'lots' is not a number"),
    "transformation": ({"transformation": None}, "jobs[1].transformation: is missing"),
    "jobName": ({"jobName": "n" * 300}, "jobs[1].jobName: is 300 characters long; the limit is 256"),
    "file": ({"Files": [{"type": "outptu", "lfn": "x"}]}, "jobs[1].Files[0].type: 'outptu' is none of"),
    "label": ({"prodSourceLabel": "managed"}, "jobs[1].prodSourceLabel: managed needs the production role"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_jobs_are_refused(alice: User, bad: str) -> None:
    """The client says that it failed, its verbose mode names the job, the attribute and the mistake, and nothing was stored."""
    wrong, complaint = BAD[bad]
    (before,) = submitted(alice, a_job("before"))
    answer = alice.call("submit", jobs=[a_job("good"), a_job("bad", **wrong)], verbose=True)
    assert (answer.status, answer.data) == (CLIENT_FAILED, None)
    assert complaint in answer.printed.replace("\\'", "'")
    (after,) = submitted(alice, a_job("after"))
    *between, _ = alice.data("status", ids=list(range(before + 1, after + 1)))
    assert not any(between)


def test_the_wrong_port_says_so(sandbox: Sandbox) -> None:
    """A client that was pointed at the plain port is told where to go."""
    plain = sandbox.environment()["PANDA_URL"]
    astray = user_of(sandbox, sandbox.pki.proxy("alice"), PANDA_URL_SSL=plain)
    answer = astray.call("submit", jobs=[a_job("astray")], verbose=True)
    assert (answer.status, answer.data) == (CLIENT_FAILED, None)
    assert "SSL secure connection is required" in answer.printed
    assert f":{sandbox.config.server.tls_port}/api/v1/job/submit" in answer.printed
