"""Overload: who is put off, who never, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pandad import metrics
from pandad.api.buckets import REMEMBERED
from pandad.api.errors import AnswerLate, Overloaded, TooManyCalls
from pandad.api.load import HIGHEST, HIGHEST_FOR_OLD, LOOK_S, OLD_S, Load, Urgency
from pandad.api.route import declared
from pandad.limitsconfig import LimitsConfig
from pandad.spec.caller import ANONYMOUS, Caller, Identity, Role

LIMITS = LimitsConfig(calls_per_s=10, calls_burst=20, role_calls_per_s=100, role_calls_burst=200, answer_s=60, lag_s=0.5)


@pytest.fixture
def clock() -> Clock:
    """At 0."""
    return Clock()


@pytest.fixture
def load(clock: Clock) -> Load:
    """Looked at as it goes."""
    made = Load(clock, LIMITS)
    made.start()
    return made


def late(clock: Clock, times: int, by_s: float = 1.0) -> None:
    """As if each turn of the reactor took so long."""
    clock.pump([LOOK_S + by_s] * times)


def put_off(load: Load, urgency: Urgency) -> bool:
    """Whether all of a hundred calls are; they are treated alike only at whole levels."""
    refused = 0
    for _ in range(100):
        try:
            load.admit(urgency)
        except Overloaded:
            refused += 1
    assert refused in (0, 100)
    return refused == 100


def test_the_order(load: Load) -> None:
    """With each level one kind more is put off, the least urgent first; last words of pilots and the watchers' calls never."""
    order = [Urgency.LIST, Urgency.ACQUIRE, Urgency.USER, Urgency.HEARTBEAT]
    for level in range(int(HIGHEST) + 1):
        load.level = level
        assert [u for u in Urgency if put_off(load, u)] == sorted(order[:level])


def test_between_two_levels(load: Load) -> None:
    """Between two levels a part of the calls is put off, so that no more are than must."""
    load.level = 1.5
    refused = 0
    for _ in range(1000):
        try:
            load.admit(Urgency.ACQUIRE)
        except Overloaded:
            refused += 1
    assert 300 < refused < 700


def test_pressed_and_relieved(clock: Clock, load: Load) -> None:
    """A reactor that stays late puts off more and more; one that is not late again less and less, until nothing."""
    late(clock, 1)
    assert load.level == 0  # one long step is no queue
    late(clock, 20)
    assert load.level == HIGHEST
    clock.pump([LOOK_S] * 100)
    assert load.level == 0


def test_the_database_is_slow(clock: Clock, load: Load) -> None:
    """Calls that wait for the database have lists and getJob put off; reports are kept waiting for it."""
    load.begin("a call", lambda error: None, inf)
    clock.pump([LOOK_S] * int(2 * OLD_S / LOOK_S))
    assert load.level == HIGHEST_FOR_OLD == Urgency.LIST - Urgency.USER
    load.end("a call")
    clock.pump([LOOK_S] * 100)
    assert load.level == 0


def test_no_call_waits_for_ever(clock: Clock, load: Load) -> None:
    """A call that is not answered in time is told to come again; those of one kind, sooner than of another."""
    told: list[Exception] = []
    load.expect(20)
    load.begin("first", told.append, inf)
    clock.advance(30)
    load.begin("second", told.append, inf)
    load.begin("third", told.append, 20)
    clock.pump([1] * 21)
    assert [str(error)[:22] for error in told] == ["no answer within 20 s;"]
    clock.pump([1] * 10)
    assert [type(error) for error in told] == [AnswerLate] * 2
    assert list(load.waiting) == ["second"]


def test_rates(clock: Clock, load: Load) -> None:
    """So many calls at once, and so many over time, for each identity, whatever address it comes from."""
    alice, bob = Caller(Identity("/CN=CA", "/CN=alice")), Caller(Identity("/CN=CA", "/CN=bob"))
    for number in range(20):
        load.check_rate(alice, f"10.0.0.{number}")
    with pytest.raises(TooManyCalls, match="/CN=alice makes more than 10 calls/s"):
        load.check_rate(alice, "10.0.0.99")
    load.check_rate(bob, "10.0.0.1")
    clock.advance(1)
    for _ in range(10):
        load.check_rate(alice, "")
    with pytest.raises(TooManyCalls):
        load.check_rate(alice, "")


def test_rates_of_nobody(load: Load) -> None:
    """Without an identity an address counts; all of a network of IPv6, in which a client may choose his."""
    for host in (*["10.0.0.1"] * 10, *["::ffff:10.0.0.1"] * 10):
        load.check_rate(ANONYMOUS, host)
    with pytest.raises(TooManyCalls, match="10.0.0.1 makes"):
        load.check_rate(ANONYMOUS, "10.0.0.1")
    load.check_rate(ANONYMOUS, "10.0.0.2")
    for number in range(20):
        load.check_rate(ANONYMOUS, f"2001:db8:0:1::{number:x}")
    with pytest.raises(TooManyCalls):
        load.check_rate(ANONYMOUS, "2001:db8:0:1:ffff::1")
    load.check_rate(ANONYMOUS, "2001:db8:0:2::1")


def test_rates_of_a_role(load: Load) -> None:
    """The pilots of a site are counted together, and not with those of another one; they may call more than a user."""
    pilot = Caller(Identity("/CN=CA", "/CN=pilot"), frozenset({Role.PILOT}))
    for _ in range(LIMITS.role_calls_burst):
        load.check_rate(pilot, "10.0.0.1")
    with pytest.raises(TooManyCalls, match="/CN=pilot from 10.0.0.1 makes more than 100 calls/s"):
        load.check_rate(pilot, "10.0.0.1")
    load.check_rate(pilot, "10.0.0.2")


def test_rates_of_an_account(load: Load) -> None:
    """Who comes now with a certificate and now with a token is one."""
    for number in range(20):
        load.check_rate(Caller(Identity("/CN=CA", f"/CN=alice {number % 2}"), account=7), "")
    with pytest.raises(TooManyCalls, match="alice 1"):
        load.check_rate(Caller(Identity("/CN=CA", "/CN=alice 1"), account=7), "")


def test_other_limits(clock: Clock, load: Load) -> None:
    """Limits that are read again hold at once, for calls under way too."""
    told: list[Exception] = []
    load.begin("a call", told.append, inf)
    load.adopt(replace(LIMITS, answer_s=5, calls_burst=1))
    load.check_rate(ANONYMOUS, "10.0.0.1")
    with pytest.raises(TooManyCalls):
        load.check_rate(ANONYMOUS, "10.0.0.1")
    clock.pump([1] * 6)
    assert [type(error) for error in told] == [AnswerLate]


def test_rates_are_forgotten(clock: Clock, load: Load) -> None:
    """However many callers come, few are remembered."""
    for number in range(3 * REMEMBERED):
        load.check_rate(ANONYMOUS, str(number))
        clock.advance(0.001)
    assert len(load._rates._buckets) <= REMEMBERED + 1


@pytest.fixture
def pressed(api: Any, monkeypatch: pytest.MonkeyPatch) -> Load:
    """The load of both ports, at its highest."""
    found = next(iter(endpoint_of(api, "/server/panda/getJob")))
    found.level = HIGHEST
    return found


def endpoint_of(api: Any, path: str) -> list[Load]:
    return [api.active.site.resource.plain[path.encode()].__self__._load]


def test_under_the_highest_pressure(api: Any, pressed: Load) -> None:
    """Last words are stored; getJob is answered in its own protocol, so that pilots wait and do not end; others get a 503 with a
    time to come again; and whoever watches this server is answered."""
    before = metrics.CALLS_PUT_OFF.values["acquire",]
    for state in ("finished", "failed", "holding"):
        for path in ("/server/panda/updateJob", "/api/v1/pilot/update_job"):
            assert api.active.as_pilot(path, {"jobId": 1, "state": state, "job_status": state}).status == 200
    assert api.active.as_pilot("/api/v1/pilot/update_jobs_bulk", {"job_list": []}).status == 200
    assert len(api.heartbeat.asked) == 6
    legacy = api.active.as_pilot("/server/panda/getJob", {"siteName": "Q"}, headers={"accept": "application/json"})
    assert (legacy.status, legacy.json["StatusCode"]) == (200, 20)
    v1 = api.active.as_pilot("/api/v1/pilot/acquire_jobs", {"site_name": "Q"})
    assert (v1.status, v1.json["success"]) == (200, False)
    for got in (
        api.active.as_pilot("/server/panda/updateJob", {"jobId": 1, "state": "running"}),
        api.active.as_pilot("/api/v1/job/kill", {"job_ids": [1]}),
        api.passive.get("/server/panda/getStatus?ids=1"),
    ):
        assert got.status == 503 and 20 <= int(got.headers["retry-after"]) <= 60 and "overloaded" in got.text
    assert not api.dispatcher.asked and not api.jobs.asked and len(api.heartbeat.asked) == 6
    assert api.passive.get("/healthz").status == 200
    assert metrics.CALLS_PUT_OFF.values["acquire",] == before + 2


def test_a_pilot_that_calls_too_fast(api: Any) -> None:
    """Is asked to wait in its protocol; its reports are stored, all of them, alone and in bulk, and it is not refused a file."""
    (load,) = endpoint_of(api, "/server/panda/getJob")
    load.adopt(replace(LIMITS, role_calls_burst=1, calls_burst=1))
    ask = {"siteName": "Q", "site_name": "Q"}, {"accept": "application/json"}
    said = [api.active.as_pilot("/server/panda/getJob", ask[0], headers=ask[1]).json["StatusCode"] for _ in range(3)]
    assert said[1:] == [20, 20] != said[:1]
    v1 = api.active.as_pilot("/api/v1/pilot/acquire_jobs", ask[0])
    assert v1.status == 200 and "makes more than 100 calls/s" in v1.json["message"]
    for state in ("running", "finished") * 5:
        for path in ("/server/panda/updateJob", "/api/v1/pilot/update_job"):
            assert api.active.as_pilot(path, {"jobId": 1, "state": state, "job_status": state}).status == 200
        assert api.active.as_pilot("/api/v1/pilot/update_jobs_bulk", {"job_list": []}).status == 200
    assert len(api.heartbeat.asked) == 20


def test_bad_credentials_are_counted(api: Any) -> None:
    """Who comes with a bad credential over and over has less of this server than who comes without."""
    (load,) = endpoint_of(api, "/server/panda/getJob")
    load.adopt(replace(LIMITS, calls_burst=2))
    said = [api.active.post("/server/panda/getAttr", dn="forged").status for _ in range(4)]
    assert said == [403, 403, 429, 429]
    assert api.active.post("/server/panda/getAttr", dn="/CN=alice").status == 200
    assert api.active.post("/server/panda/updateJob", dn="forged", json={"jobId": 1, "state": "finished"}).status == 403


@ensureDeferred
async def test_files_are_never_put_off(api: Any, pressed: Load) -> None:
    """A pilot would take the text of the refusal for the payload, and run it."""
    (api.trf / "hello.sh").write_bytes(b"#!/bin/sh")
    for _ in range(LimitsConfig().calls_burst // 1000):
        assert (await api.passive.fetch("/trf/hello.sh")).body == b"#!/bin/sh"
    assert api.passive.get("/cache/schedconfig/TEST_PQ.all.json").status == 200


def test_an_answer_in_time(api: Any) -> None:
    """A call that the rooms do not answer is told to come again, once; what they say later is dropped."""
    (load,) = endpoint_of(api, "/server/panda/getJob")
    load.start()
    api.heartbeat.gate = Deferred()
    connection = api.active.connect()
    body = b"jobId=1&state=finished"
    connection.send(b"POST /server/panda/updateJob HTTP/1.1\r\nHost: x\r\nx-dn: /CN=p\r\nx-roles: pilot\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body) + body)
    clock = api.active.site.reactor
    clock.pump([1] * int(LimitsConfig().answer_s + 2))
    assert connection.got().status == 503
    before = connection.transport.value()
    api.heartbeat.gate.callback(None)
    assert connection.transport.value() == before
    connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.transport.value()[len(before):].startswith(b"HTTP/1.1 200")


def test_every_route_has_its_place(api: Any) -> None:
    """Reports go by what they say; what pilots ask for, and what watches, is not taken for a user's call."""
    found = {route.path: route.fixed_urgency for route, _ in declared(api.handlers)}
    assert {path for path, urgency in found.items() if urgency is None} == {
        "/server/panda/updateJob", "/api/v1/pilot/update_job"}
    assert {path for path, urgency in found.items() if urgency is Urgency.ACQUIRE} == {
        "/server/panda/getJob", "/api/v1/pilot/acquire_jobs"}
    assert {path for path, urgency in found.items() if urgency is Urgency.ALWAYS} == {
        "/healthz", "/startupz", "/readyz", "/metrics", "/metrics/demand",
        "/cache/schedconfig/<queue>.all.json", "/cache/ddmendpoints.json",
        "/cache/schedconfig/pandaqueues.json",
        "/cache/<path:name>", "/trf/<path:name>", "/server/panda/getResourceTypes",
        "/api/v1/metaconfig/get_resource_types", "/server/panda/isAlive", "/api/v1/system/is_alive"}
    assert found["/api/v1/job/submit"] is found["/api/v1/job/kill"] is Urgency.USER
    assert found["/api/v1/job/why"] is Urgency.LIST
