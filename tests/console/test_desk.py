"""What is said at the desk is in the audit, is allowed or refused, and comes to an end."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel

from console.conftest import DEADLINE_S, OPERATOR, READER, SOMEBODY_ON_TELNET, Office, an_office
from pandad import log
from pandad.config import DatabaseConfig
from pandad.console import desk as desk_module
from pandad.console.policy import LOOK, Peer, Policy, Rank, Way
from pandad.console.verb import MOST_LINES, VERBS, Answer, Bench, Call, Verb, rows
from pandad.spec.errors import Conflict, PandadError
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import sites
from pandad.taskbuffer.store import Store


def a_peer(way: Way, rank: Rank) -> Peer:
    """Somebody of that rank, over that way."""
    return Peer(way, rank, "x", "y", "z")


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("rank", Rank)
def test_who_may_say_what(way: Way, rank: Rank) -> None:
    """The matrix: readers look; operators steer too, but not over telnet, which is not safe from programs of the account."""
    allowed = set()
    for verb in VERBS.values():
        try:
            verb.policy.check(a_peer(way, rank))
        except PandadError as refusal:
            assert "you are x (y), a" in str(refusal)
        else:
            allowed.add(verb.name)
    steering = {"drain", "undrain", "queue set", "loop run", "log level", "reload", "python"}
    assert steering < set(VERBS)
    assert allowed == set(VERBS) - (set() if rank is Rank.OPERATOR and way is not Way.TELNET else steering)


def test_no_verb_without_a_policy_or_help() -> None:
    """It cannot be written down."""

    async def body(bench: Bench, call: Call) -> Answer:
        """Help."""
        raise NotImplementedError

    async def silent(bench: Bench, call: Call) -> Answer:
        raise NotImplementedError

    with pytest.raises(TypeError, match="not a policy"):
        Verb("x", None, (), body)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no help"):
        Verb("x", LOOK, (), silent)


@ensureDeferred
async def test_every_line_is_in_the_audit(office: Office) -> None:
    """Done, refused, misspelled or no line at all: who said it, from where, and what."""
    lines = ["help", "quees", "drain NOWHERE reason=x", "why 0", "say\x00it"]
    for line in lines:
        await office.said(line)
    await office.said("reload", READER)
    found = await office.audited()
    assert [(who, host, target) for who, host, act, target in found if act == "console"] == [
        *(("olga", "here", line if line.isprintable() else ascii(line)) for line in lines),
        ("SHA256:abc", "192.0.2.7", "reload")]
    assert not office.reloads


@ensureDeferred
async def test_what_is_changed_is_audited_as_such(office: Office) -> None:
    """Beside the line: the change, with its reason, in the transaction that made it."""
    queue = await office.stage.queue()
    assert await office.done(f'drain {queue.name} reason="a bad disk"') == {"queue": queue.name, "status": "brokeroff"}
    assert (await office.stage.store.read("test", sites.find, queue.name)).status == "brokeroff"
    assert ("olga", "here", "set queue", f"{queue.name} to brokeroff") in await office.audited()
    assert (await office.done(f"undrain {queue.name} reason=mended"))["status"] == "online"
    await office.done(f"queue set {queue.name} offline reason=holiday")
    assert (await office.stage.store.read("test", sites.find, queue.name)).status == "offline"


@ensureDeferred
async def test_a_refusal_says_why(office: Office) -> None:
    """Whom the console sees, and which rule failed."""
    assert await office.refused("drain X reason=y", READER) == (
        "this verb is for operators; you are SHA256:abc (SSH key), a reader, over ssh")
    assert "cannot be used over telnet" in await office.refused("reload", SOMEBODY_ON_TELNET)
    assert await office.refused("drain NOWHERE reason=x") == "there is no queue NOWHERE"
    assert await office.refused("why 4711") == "there is no job 4711"
    assert await office.refused("") == "line: is empty; write help"


@ensureDeferred
async def test_reading_verbs_read(office: Office) -> None:
    """Each of them answers, to readers too, about what is there."""
    queue = await office.stage.queue()
    waiting = await office.stage.job(JobStatus.ACTIVATED, computingSite=queue.name)
    assert (await office.done("jobs", READER)) == [{"queue": queue.name, "activated": 1}]
    assert (await office.done(f"job {waiting}", READER))["jobStatus"] == JobStatus.ACTIVATED
    assert "pilot" in (await office.done(f"why {waiting}", READER))["summary"]
    assert [each["queue"] for each in await office.done("queues status=online", READER)] == [queue.name]
    assert await office.done("queues status=offline", READER) == []
    assert await office.done("pilots", READER) == []
    assert (await office.done(f"queue why {queue.name}", READER))["jobs"] == {"activated": 1}
    assert [each["loop"] for each in await office.done("loops", READER)] == ["brokerage", "broken"]
    assert [each["for"] for each in await office.done("pool", READER)] == ["writes", "reads"]
    assert (await office.done("status", READER))["ready"] is True
    assert "console_jobs" in [each["of"] for each in await office.done("metrics transaction_seconds", READER)]
    assert {each["who"] for each in await office.done("audit who=SHA", READER)} == {READER.who}
    assert len(await office.done("help", READER)) == len(VERBS)
    assert "drain QUEUE reason=REASON" in (await office.said("help drain", READER)).answer.text


@ensureDeferred
async def test_why_not_ready(office: Office) -> None:
    """`status` says what /readyz does."""
    office.complaints.append("the database did not answer")
    assert (await office.done("status"))["complaints"] == ["the database did not answer"]


@ensureDeferred
async def test_one_round_of_a_loop(office: Office) -> None:
    """It begins after it was asked for, and how it went is said; so is who else runs it."""
    before = len(office.rounds)
    asked = office.desk.perform(OPERATOR, "loop run brokerage")
    while len(office.rounds) == before:
        await _turn()
        office.clock.advance(0.1)
    assert (await asked).answer.data["ran"] is True
    failing = office.desk.perform(OPERATOR, "loop run broken")
    while not failing.called:
        await _turn()
        office.clock.advance(0.1)
    assert "failed" in (await failing).answer.text and "a mistake" in (await failing).answer.text
    assert "did you mean brokerage?" in await office.refused("loop run brokrage")


@ensureDeferred
async def test_the_log_level(office: Office) -> None:
    """Of all, or of what one module says."""
    try:
        await office.done("log level debug logger=pandad.api")
        assert log.levels.logLevelForNamespace("pandad.api.auth") is LogLevel.debug
        assert log.levels.logLevelForNamespace("pandad.daemons") is LogLevel.info
        await office.done("log level warn")
        assert log.levels.logLevelForNamespace("pandad.api.auth") is LogLevel.warn
    finally:
        log.set_level("info")
    assert "did you mean debug?" in await office.refused("log level debgu")


@ensureDeferred
async def test_a_reload_says_what_was_not_read(office: Office) -> None:
    """By name."""
    assert await office.done("reload") == []
    office.problems["certificates"] = "no such file"
    assert await office.done("reload") == [{"what": "certificates", "problem": "no such file"}]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[Deferred[Answer]]:
    """A verb that takes for ever: what its calls wait for."""
    waiting: list[Deferred[Answer]] = []

    async def body(bench: Bench, call: Call) -> Answer:
        """Wait."""
        waiting.append(Deferred())
        return await waiting[-1]

    monkeypatch.setitem(VERBS, "slow", Verb("slow", LOOK, (), body))
    return waiting


@ensureDeferred
async def test_nothing_takes_for_ever(office: Office, slow: list[Deferred[Answer]]) -> None:
    """At the deadline a line is abandoned; others were answered meanwhile."""
    asked = office.desk.perform(OPERATOR, "slow")
    while not slow:
        await _turn()
    assert await office.done("reload") == []
    assert not asked.called
    office.clock.advance(DEADLINE_S)
    assert "no answer within 30 s" in (await asked).answer.text


@ensureDeferred
async def test_a_line_can_be_interrupted(office: Office, slow: list[Deferred[Answer]]) -> None:
    """At once; what it waits for is cancelled."""
    asked = office.desk.perform(OPERATOR, "slow")
    while not slow:
        await _turn()
    asked.cancel()
    assert "interrupted" in (await asked).answer.text
    assert slow[0].called


@ensureDeferred
async def test_a_mistake_in_a_verb_is_an_incident(office: Office, slow: list[Deferred[Answer]]) -> None:
    """The person gets an id, the log has the rest."""
    asked = office.desk.perform(OPERATOR, "slow")
    while not slow:
        await _turn()
    slow[0].errback(KeyError("secret"))
    said = (await asked).answer.text
    assert said.startswith("internal error; the log has it under ") and "secret" not in said


@ensureDeferred
async def test_without_a_database(real_reactor: Any) -> None:
    """It still answers, within the time it gives the audit; what was said is written down when the database is there."""
    store = Store(reactor, DatabaseConfig(dsn="host=127.0.0.1 port=1 dbname=none", wait_s=0.1))
    office = an_office(store)
    try:
        assert await office.done("reload") == []
        assert [act.target for act in office.desk._unwritten] == ["reload"]
        assert "no connection to the database" in await office.refused("queues")
    finally:
        await store.close()


@ensureDeferred
async def test_what_was_said_meanwhile_is_audited_later(office: Office) -> None:
    """In its order, before the next line."""
    office.desk._unwritten.append(office.desk._act(OPERATOR, "console", "first"))
    await office.said("reload")
    assert [target for *_, target in await office.audited()] == ["first", "reload"]


def test_answers_are_bounded() -> None:
    """A terminal gets so many lines and is told how many more there are; a program gets all or an error."""
    answer = rows(("n",), [(n,) for n in range(MOST_LINES + 50)], "")
    assert answer.as_text().count("\n") == MOST_LINES and answer.as_text().endswith("(51 more lines; ask for less)")
    assert "ask for less" in Answer(["x" * 300_000], "").as_json()


def test_completion_knows_who_asks(office: Office) -> None:
    """Verbs that he may use, then their words."""
    complete = office.desk.completions
    assert complete(OPERATOR, "qu") == ["queue set", "queue why", "queues"]
    assert complete(READER, "qu") == ["queue why", "queues"]
    assert complete(OPERATOR, "loop run bro") == ["loop run broken", "loop run brokerage"]
    assert complete(OPERATOR, "drain X rea") == ["drain X reason="]
    assert complete(OPERATOR, "queues status=on") == ["queues status=online"]
    assert "help drain" in complete(OPERATOR, "help dr")


def test_so_many_and_no_more(office: Office) -> None:
    """Sessions at a time."""
    for number in range(desk_module.MOST_SESSIONS):
        office.desk.enter(number, OPERATOR)
    with pytest.raises(Conflict):
        office.desk.enter("one more", OPERATOR)
    office.desk.leave(0)
    office.desk.enter("one more", OPERATOR)


def test_policies_name_ways() -> None:
    """A verb for one way alone is refused over the others, whatever the rank."""
    policy = Policy(name="X", rank=Rank.READER, ways=frozenset({Way.SSH}))
    policy.check(a_peer(Way.SSH, Rank.READER))
    with pytest.raises(PandadError, match="only over ssh"):
        policy.check(a_peer(Way.SOCKET, Rank.OPERATOR))


async def _turn() -> None:
    waited: Deferred[None] = Deferred()
    anything: Any = reactor
    anything.callLater(0, waited.callback, None)
    await waited
