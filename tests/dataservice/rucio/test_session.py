"""Calls to Rucio: what is tried again and what is not, and what becomes known of it."""

from __future__ import annotations

import pytest
from fakes.rucio import SQL
from fakes.rucioweb import PASSWORD, Fault
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from pandad import metrics
from pandad.dataservice.datasets import Dataset, NewFile, RuleWish
from pandad.dataservice.ddm import DDMRefused, DDMUnavailable, FileName, NotAllowed, UnknownEndpoint
from pandad.dataservice.rucio.datasets import RucioDatasets
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.refusals import Refused
from pandad.dataservice.rucio.session import LONGEST_PAUSE_S, Call, Session, pause_s

from .conftest import REACTOR, Bench

LIST = "POST /replicas/list"
NAMES = [FileName("user.alice", f"events.{number}") for number in range(3)]
DIS = Dataset("panda", "panda.1_dis1")


def filled(bench: Bench, **settings: object) -> RucioDDM:
    """NAMES are at DISK."""
    for name in NAMES:
        bench.rucio.put("DISK", (name.scope, name.lfn), 10, "00000001")
    return RucioDDM(bench.session(**settings))


TEMPORARY = [Fault("hangup"), Fault("lost"), Fault("torn"), Fault("cut"), Fault("garbage"), Fault("odd"), Fault("endless"),
             Fault("html", status=502), Fault("html", status=503), Fault("html", status=404), Fault("html", status=429),
             Fault("html", status=301), Fault("html", status=200), Fault("plain"), Fault("sql"), Fault("expired")]


@pytest.mark.parametrize("fault", TEMPORARY, ids=lambda fault: f"{fault.kind}{fault.status}")
@ensureDeferred
async def test_what_happens_once_is_not_noticed(bench: Bench, fault: Fault) -> None:
    """Whatever goes wrong on the way, the call is made again, and its answer is whole and has everything once."""
    ddm = filled(bench)
    bench.web.faults = [Fault(fault.kind, LIST, 1, fault.status)]
    found = await ddm.replicas("DISK", NAMES)
    assert set(found) == set(NAMES)
    assert bench.web.asked["POST /replicas/list"] == 2


@pytest.mark.parametrize("fault", TEMPORARY, ids=lambda fault: f"{fault.kind}{fault.status}")
@ensureDeferred
async def test_what_goes_on_is_an_outage(bench: Bench, fault: Fault) -> None:
    """After some tries it is not known where copies are, which is not the same as nowhere; nothing secret is told."""
    ddm = filled(bench)
    bench.web.faults = [Fault(fault.kind, LIST, 99, fault.status)]
    with pytest.raises(DDMUnavailable, match="the copies of user.alice:events.0 and others: Rucio") as outage:
        await ddm.replicas("DISK", NAMES)
    assert bench.web.asked["POST /replicas/list"] <= 3
    for secret in (SQL, "SQL", PASSWORD, *bench.web.tokens):
        assert secret not in str(outage.value)


@ensureDeferred
async def test_silence(bench: Bench) -> None:
    """A server that takes calls and never answers costs so long and no longer, and its connections are closed."""
    ddm = filled(bench, timeout_s=0.1, tries=2)
    bench.web.faults = [Fault("silence", LIST, 99)]
    with pytest.raises(DDMUnavailable, match=r"no answer within 0.1 s"):
        await ddm.replicas("DISK", NAMES)
    while bench.web.waiting:
        await deferLater(REACTOR, 0)


@ensureDeferred
async def test_nobody_there(bench: Bench) -> None:
    """After a few refused connections it is not even tried, until its time is over; then all is as before."""
    ddm = filled(bench, break_after=5, break_s=7.0)
    await ddm.replicas("DISK", NAMES)
    await bench.server.stop()
    for _ in range(2):
        with pytest.raises(DDMUnavailable):
            await ddm.replicas("DISK", NAMES)
    complaint = ddm.complaint()
    assert complaint is not None and "did not answer" in complaint and "Connection refused" in complaint
    before = metrics.RUCIO_FAILURES.values[()]
    with pytest.raises(DDMUnavailable, match="it is asked again in"):
        await ddm.replicas("DISK", NAMES)
    assert metrics.RUCIO_FAILURES.values[()] == before
    bench.server.start()
    bench.clock.advance(7.0)
    assert set(await ddm.replicas("DISK", NAMES)) == set(NAMES)
    assert ddm.complaint() is None


FATAL = [("AccessDenied", 401, NotAllowed), ("AccessDenied", 500, NotAllowed), ("RSENotFound", 404, UnknownEndpoint),
         ("InsufficientTargetRSEs", 409, DDMRefused), ("NeverHeardOf", 400, DDMRefused)]


@pytest.mark.parametrize(("kind", "status", "error"), FATAL)
def test_errors_in_our_words(kind: str, status: int, error: type[DDMRefused]) -> None:
    """What Rucio refuses for good is told apart from what it cannot do now, whatever the HTTP status."""
    refused = Refused(status, kind)
    assert not refused.temporary
    assert type(refused.error("a rule")) is error
    assert str(refused.error("a rule")).startswith("a rule: Rucio refuses: ")


@ensureDeferred
async def test_a_refusal_is_not_tried_again(bench: Bench) -> None:
    """What is fatal is asked once."""
    with pytest.raises(UnknownEndpoint):
        await filled(bench).replicas("NOWHERE", NAMES)
    assert bench.web.asked["GET /rses/NOWHERE"] == 1


@ensureDeferred
async def test_when_to_come_again(bench: Bench) -> None:
    """A server that says when it wants to be asked again is not asked before."""
    ddm = filled(bench)
    bench.web.faults = [Fault("html", LIST, 1, 429, retry_after="17")]
    before_s = bench.clock.seconds()
    await ddm.replicas("DISK", NAMES)
    assert 17 <= bench.clock.seconds() - before_s < 18


def test_pauses_differ() -> None:
    """Two who failed together do not come again together, and nobody waits for ever."""
    assert len({pause_s(3) for _ in range(10)}) == 10
    assert 0.25 <= pause_s(1) <= 0.75
    assert pause_s(99) <= 1.5 * LONGEST_PAUSE_S


LOST = ["POST /dids/[^/]+/[^/]+$", "attachments", "status", "POST /replicas$", "POST /rules/", "DELETE /rules", "PUT /rules",
        "lifetime"]


@pytest.mark.parametrize("call", LOST)
@ensureDeferred
async def test_an_answer_that_is_lost(bench: Bench, call: str) -> None:
    """Each call is made again after it was done and nobody heard: nothing is doubled, and nobody is told of an error."""
    session = bench.session()
    datasets = RucioDatasets(session, RucioDDM(session))
    bench.web.faults = [Fault("lost", call)]
    await datasets.make(DIS)
    await datasets.register("DISK", [NewFile(name, 10, "00000001") for name in NAMES])
    await datasets.attach(DIS, NAMES)
    await datasets.close(DIS)
    rule_id = await datasets.add_rule(DIS, RuleWish("TAPE", "Production Input", 60))
    await datasets.extend_rule(rule_id, 90)
    assert [file.name for file in await datasets.contents(DIS)] == NAMES
    assert [rule.id for rule in await datasets.rules_of(DIS)] == [rule_id] == list(bench.rucio.rules)
    await datasets.delete_rule(rule_id)
    await datasets.erase(DIS)
    assert bench.web.faults[0].times == 0


@ensureDeferred
async def test_so_many_at_a_time(bench: Bench) -> None:
    """Thousands of files are asked for in chunks, and never in more calls at a time than configured."""
    ddm = RucioDDM(bench.session(connections=3, chunk=10))
    bench.web.faults = [Fault("silence", LIST, 99)]
    asking = Deferred.fromCoroutine(ddm.replicas("DISK", [FileName("user.alice", f"x{number}") for number in range(1000)]))
    while len(bench.web.waiting) < 3:
        await deferLater(REACTOR, 0)
    for _ in range(20):
        await deferLater(REACTOR, 0)
    assert len(bench.web.waiting) == 3
    asking.cancel()
    with pytest.raises(CancelledError):
        await asking
    while bench.web.waiting:  # who is not waited for is hung up on
        await deferLater(REACTOR, 0)


@ensureDeferred
async def test_a_daemon_that_stops(bench: Bench) -> None:
    """It does not wait for a Rucio that is silent: who waits is told, and whoever asks later."""
    ddm = filled(bench)
    bench.web.faults = [Fault("silence", LIST, 99)]
    asking = Deferred.fromCoroutine(ddm.replicas("DISK", NAMES))
    while not bench.web.waiting:
        await deferLater(REACTOR, 0)
    ddm.give_up()
    for waiting in (asking, ddm.replicas("DISK", NAMES)):
        with pytest.raises(DDMUnavailable, match="pandad stops"):
            await waiting


@ensureDeferred
async def test_a_name_that_the_schema_refuses(bench: Bench) -> None:
    """It has no copies, and the hundreds that are asked for with it are found."""
    ddm = filled(bench)
    list_replicas = bench.rucio.list_replicas

    def strict(body: dict[str, list[dict[str, str]]]) -> object:
        if any("+" in did["name"] for did in body["dids"]):
            from fakes.rucio import Refusal
            raise Refusal(400, "InvalidObject", "Problem validating r_dids")
        return list_replicas(body)

    bench.rucio.list_replicas = strict  # type: ignore[method-assign,assignment]
    odd = [FileName("user.alice", f"a+{number}") for number in range(2)]
    assert set(await ddm.replicas("DISK", [odd[0], *NAMES[:2], odd[1], NAMES[2]])) == set(NAMES)


@ensureDeferred
async def test_names_that_cannot_be(bench: Bench) -> None:
    """Nothing is asked that Rucio would stumble over: it would refuse the whole call, or die of it."""
    ddm = RucioDDM(bench.session())
    names = [FileName("user.alice", "x" * 251), FileName("s" * 26, "x"), FileName("user.alice", "a\0b"), FileName("a", "\ud800"),
             FileName("user.alice", ".."), FileName("", "x"), FileName("user.alice", "two words")]
    assert await ddm.replicas("DISK", names) == {}
    assert bench.web.asked["POST /replicas/list"] == 0


@ensureDeferred
async def test_what_pilots_are_told(bench: Bench) -> None:
    """Endpoints are known from the first look on, also while Rucio is away; only those that the configuration wants."""
    ddm = RucioDDM(bench.session(tries=1))
    assert ddm.endpoints() == {}
    await ddm.run_once()
    known = ddm.endpoints()
    assert {name: entry["site"] for name, entry in known.items()} == {"DISK": "DISK", "TAPE": "TAPE"}
    assert known["DISK"]["arprotocols"]["read_lan"] == [
        {"endpoint": "file://localhost", "path": "/storage/DISK/", "flavour": "MV"}]
    bench.web.faults = [Fault("hangup", times=99)]
    bench.clock.advance(ddm.period_s)
    await ddm.run_once()  # it is not time yet
    assert ddm.complaint() is None
    bench.clock.advance(600)
    await ddm.run_once()
    assert ddm.endpoints() == known and ddm.complaint() is not None
    bench.web.faults = []
    await ddm.run_once()
    assert ddm.endpoints() == known and ddm.complaint() is None
    one = RucioDDM(bench.session(endpoints="TAPE"))
    await one.run_once()
    assert set(one.endpoints()) == {"TAPE"}


@ensureDeferred
async def test_what_is_no_answer(bench: Bench) -> None:
    """A page that is not there is not taken for a file that is not."""
    session: Session = bench.session(tries=1)
    with pytest.raises(DDMUnavailable, match="HTTP status 404"):
        await session.do(Call("GET", "/no/such/page", "a page"))
    bench.web.faults = [Fault("html", "status", 1, 200)]
    with pytest.raises(DDMUnavailable, match="not understood"):
        await session.do(Call("PUT", "/dids/panda/x/status", "a dataset", {"open": False}))
    for read in (lambda answer: answer["none"], lambda answer: answer + 1, lambda answer: int("x"), lambda answer: answer.x):
        with pytest.raises(DDMUnavailable, match="an endpoint: .* an answer that is not understood"):
            await session.ask(Call("GET", "/rses/DISK", "an endpoint"), read)
