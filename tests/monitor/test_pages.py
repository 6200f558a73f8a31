"""The pages as they are sent: to whom, with what in them, and under which headers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from factories import QUEUE, a_caller, a_job
from pytest_twisted import ensureDeferred
from stages import PATHS

from monitor import busy
from monitor.busy import SECRET
from monitor.conftest import Pages
from pandad.api.route import declared
from pandad.monitor import sight
from pandad.spec.caller import ANONYMOUS, Caller, Role
from pandad.spec.job import JOB_ATTRIBUTES
from pandad.spec.jobstatus import FINAL, JobStatus

S = JobStatus
ENDED = datetime(2026, 1, 2, tzinfo=UTC)
ALICES, PROD, STRANGER = a_caller("alice"), a_caller("root", Role.PRODUCTION), ANONYMOUS
LIMITED = a_caller("alice", limited=True)
MANAGER = Caller(a_caller("mandy").identity, groups=frozenset({"phys"}))
OPEN = ("/", "/sites/", f"/site/{busy.BAD}/", "/jobs/", "/errors/", "/loops/", "/search/", "/tasks/", f"/task/{busy.TASK}/")


@ensureDeferred
async def test_open_pages(pages_of: Pages) -> None:
    """On an empty server and on a busy one, on both ports, as HTML and as JSON; strangers learn no name and no secret."""
    await pages_of.stage.queue(nickname=busy.BAD)
    for path in OPEN[:-1]:
        assert (await pages_of.get(path)).status == 200
    await busy.fill(pages_of.stage, jobs=3)
    later = Pages(pages_of.stage.store)
    for path in OPEN:
        page, data = await later.get(path, passive=True), await later.get(f"{path}?json")
        assert page.status == 200 and page.header("content-type") == "text/html;charset=utf-8"
        assert data.header("content-type") == "application/json" and isinstance(data.told, dict)
        for text in (page.text, data.text):
            assert SECRET not in text and "alice" not in text and "bob" not in text, path


@ensureDeferred
async def test_safe_headers(pages_of: Pages) -> None:
    """No script, nothing from elsewhere, no frame, nothing kept by who is in between; on refusals too."""
    for path in ("/", "/?json", "/job/77/", "/users/", "/search/?q=5"):
        answer = await pages_of.get(path)
        policy = answer.header("content-security-policy") or ""
        assert policy.startswith("default-src 'none'") and "script-src" not in policy and "unsafe" not in policy
        assert answer.header("x-content-type-options") == "nosniff" and answer.header("cache-control") == "no-store"
        assert answer.header("referrer-policy") == "no-referrer" and "<script" not in answer.text and " style=" not in answer.text


SIGHTS: Mapping[str, tuple[Caller, bool, bool]] = {
    "stranger": (STRANGER, False, False), "owner": (ALICES, True, True), "another": (a_caller("bob"), False, True),
    "production": (PROD, True, True), "manager": (MANAGER, True, True), "limited": (LIMITED, False, False),
    "pilot": (a_caller("p", Role.PILOT), False, True), "admin": (a_caller("x", Role.ADMIN), True, True)}
"""Who looks; whether he sees all of Alice's job, of the group phys; whether he sees names."""


@ensureDeferred
async def test_a_job_is_shown(pages_of: Pages) -> None:
    """In every state to everybody, whole to who has a ground, and to nobody else anything private."""
    await pages_of.stage.queue()
    wrong = []
    for state in sorted(S, key=lambda state: state not in PATHS):  # those first that are claimed on their way
        panda_id = await in_state(pages_of, state)
        for name, (caller, whole, names) in SIGHTS.items():
            page, data = await pages_of.get(f"/job/{panda_id}/", caller), await pages_of.get(f"/job/{panda_id}/?json", caller)
            assert (page.status, data.status) == (200, 200), (state, page.text[-300:])
            assert f"Job {panda_id}" in page.text and (data.told["PandaID"], data.told["jobStatus"]) == (panda_id, state)
            seen = [(SECRET in text, "CN=alice" in text, "alice" in text) for text in (page.text, data.text)]
            if (data.told["whole"], "named" in data.told, *seen) != (whole, names, *[(whole, whole, names)] * 2):
                wrong.append((state.value, name, data.told["whole"], seen))
    assert wrong == []


async def in_state(pages_of: Pages, state: JobStatus) -> int:
    """A job of Alice's with secrets wherever something can stand."""
    made = busy.job("alice", workingGroup="phys", modificationHost=SECRET, taskBufferErrorDiag=SECRET, brokerageErrorDiag=SECRET)
    said = {a.name: getattr(made, a.name) for a in JOB_ATTRIBUTES if a.name not in LATER}
    panda_id = await pages_of.stage.job(state, **said, Files=made.Files, endTime=ENDED if state in FINAL else None)
    await pages_of.stage.sql("""
        UPDATE job SET piloterrorcode = 1099, piloterrordiag = %(secret)s, ddmerrorcode = 200, ddmerrordiag = %(secret)s,
                       exeerrorcode = 5, exeerrordiag = %(secret)s, modificationhost = %(secret)s
        WHERE pandaid = %(id)s RETURNING 1""", id=panda_id, secret=SECRET)
    return panda_id


LATER = {"PandaID", "jobStatus", "computingSite", "creationTime", "modificationTime", "stateChangeTime", "startTime", "endTime"}


@ensureDeferred
async def test_tasks_are_shown(pages_of: Pages) -> None:
    """As far as they are to everybody, whole to who has a ground, with names to who has an identity."""
    await busy.fill(pages_of.stage, jobs=3)
    for name, (caller, whole, names) in SIGHTS.items():
        whole = whole and name != "manager"  # it is of no group
        for path in (f"/task/{busy.TASK}/", f"/task/{busy.TASK}/?json"):
            text = (await pages_of.get(path, caller)).text
            assert ("CN=alice" in text, "user.alice" in text, SECRET in text) == (whole, names, names), (name, path)
    told = (await pages_of.get(f"/task/{busy.TASK}/?json")).told
    assert told["files"] == {"all": 100, "good": 63, "bad": 9} and sum(told["jobs"].values()) == 3 + 4 + 3
    page = (await pages_of.get("/tasks/?status=running,failed&display_limit=1&json")).told
    assert [row["status"] for row in page["tasks"]] == ["failed"]
    assert [row["jeditaskid"] for row in (await pages_of.get(page["next"] + "&json")).told["tasks"]] == [busy.TASK]
    assert (await pages_of.get(f"/search/?q={busy.TASK}")).header("location") == f"/task/{busy.TASK}/"
    assert (await pages_of.get("/tasks/?username=alice")).status == 403
    for query in ("status=lost", "display_limit=0"):
        assert (await pages_of.get(f"/tasks/?{query}")).status == 400
    assert (await pages_of.get("/task/5/")).status == 404


def test_nothing_of_a_job_is_forgotten() -> None:
    """What of a job's attributes is open, what is named and what is private does not overlap."""
    shown = [*(name for names in sight.OPEN_ATTRIBUTES.values() for name in names), *sight.NAMED, *sight.PRIVATE]
    assert len(shown) == len(set(shown)) and set(shown) <= {a.name for a in JOB_ATTRIBUTES}


@ensureDeferred
async def test_whose_jobs(pages_of: Pages) -> None:
    """Lists and pages of users are for who has an identity; strangers cannot ask by name either."""
    await busy.fill(pages_of.stage, jobs=3)
    for path in ("/users/", "/user/bob/", "/jobs/?produsername=bob", "/jobs/?workinggroup=phys"):
        for caller in (STRANGER, LIMITED):
            refused = await pages_of.get(path, caller)
            assert refused.status == 403 and "<h1>" in refused.text, path
        assert (await pages_of.get(path, ALICES)).status == 200
    people = (await pages_of.get("/users/?json", ALICES)).told["users"]
    assert {row["user"] for row in people} == {"alice", "bob"} and all(row["running"] for row in people)
    bobs = (await pages_of.get("/user/bob/?json", ALICES)).told
    assert {row["produsername"] for row in bobs["jobs"]} == {"bob"} and bobs["lines"]
    assert (await pages_of.get("/users/", passive=True)).status == 403


@ensureDeferred
async def test_without_strangers(made: Callable[..., Pages]) -> None:
    """Every page is for identities only, and the port without TLS shows none; the style sheet is nobody's."""
    closed = made(strangers=False)
    await closed.stage.queue(nickname=busy.BAD)
    for path in OPEN[:-1]:
        assert (await closed.get(path)).status == (await closed.get(path, passive=True)).status == 403
        assert (await closed.get(path, LIMITED)).status == 403
        assert (await closed.get(path, ALICES)).status == 200
    assert (await closed.get("/monitor/style.css", passive=True)).status == 200
    assert [route.path for route, _ in declared(closed.handlers) if route.passive] == ["/monitor/style.css", "/monitor/icon.svg"]
    assert made(enabled=False).handlers == ()


@ensureDeferred
async def test_the_list_says_what_was_asked(pages_of: Pages) -> None:
    """In BigPanDAmon's words; a word that is none is refused, and what it may be is said."""
    found = await busy.fill(pages_of.stage, jobs=3)
    told = (await pages_of.get(f"/jobs/?jobstatus=failed&computingsite={busy.BAD}&hours=24&display_limit=5&json")).told
    assert {(row["jobstatus"], row["computingsite"], row["cause"]) for row in told["jobs"]} == {
        ("failed", busy.BAD, "pilot:1099")}
    assert told["filter"] == {"jobstatus": "failed", "computingsite": busy.BAD, "hours": 24, "display_limit": 5}
    assert found["failed"] in [row["pandaid"] for row in told["jobs"]]
    one = (await pages_of.get("/jobs/?jobstatus=running,activated&display_limit=1&json")).told
    two = (await pages_of.get(one["next"] + "&json")).told
    assert len(one["jobs"]) == len(two["jobs"]) == 1 and one["jobs"] != two["jobs"]
    for query, says in (("jobstatus=runing", "did you mean running"), ("display_limit=0", "1 to 500"), ("hours=0", "1 to"),
                        ("error=pilot", "COMPONENT:CODE"), ("error=nobody:5", "COMPONENT:CODE"), ("after=x", "begin without it"),
                        ("jeditaskid=x", "is not a number"), ("after=2026-01-01 99999999999999999999999", "")):
        refused = await pages_of.get(f"/jobs/?{query.replace(' ', '%20')}")
        assert refused.status == 400 and says in unescape(refused.text), query


@pytest.mark.parametrize(
    ("q", "leads_to"),
    [("12", "/job/12/"), (" 12 ", "/job/12/"), (QUEUE.lower(), f"/site/{QUEUE}/"), ("alice", "/user/alice/"), ("test", None),
     ("", None), ("9" * 30, None), ("Ⅷ", None), ("/job/1//evil.org", None)])
@ensureDeferred
async def test_search(pages_of: Pages, q: str, leads_to: str | None) -> None:
    """A number is a job; a name that fits whole is a queue or a user; part of one lists those that have it."""
    await pages_of.stage.queue()
    await pages_of.stage.jobs(a_job(jobStatus=S.ACTIVATED))
    found = await pages_of.get(f"/search/?q={q.replace(' ', '%20')}", ALICES)
    assert (found.status, found.header("location")) == ((303, leads_to) if leads_to else (200, None))
    assert q != "test" or QUEUE in found.text


@ensureDeferred
async def test_names_are_no_markup(pages_of: Pages) -> None:
    """What comes from users, pilots and queues is text, in every page that shows it; and no address of a log can be a script."""
    evil = "<img src=x onerror=alert(1)>"
    await pages_of.stage.queue(nickname=QUEUE)
    panda_id = await pages_of.stage.job(
        S.RUNNING, jobName=evil, prodUserName=evil, jobParameters=evil, transformation=evil, pilotID="javascript:alert(1)|x",
        prodSourceLabel=evil, processingType=evil)
    for path in ("/", "/jobs/", f"/job/{panda_id}/", "/users/", f"/site/{QUEUE}/", f"/search/?q={'%3Cimg'}", "/user/%3Cimg%3E/"):
        text = (await pages_of.get(path, PROD)).text
        assert "<img" not in text and 'href="javascript' not in text, path


@ensureDeferred
async def test_what_is_wrong(pages_of: Pages) -> None:
    """The overview names loops that fail, queues without pilots, and what this process says of itself; whose error it was is for
    who runs the server."""
    await busy.fill(pages_of.stage, jobs=3)
    await pages_of.stage.sql(f"""
        INSERT INTO loop (name, failures, error) VALUES ('adder', 7, '{SECRET}') RETURNING 1""")
    pages_of.complaints.append("the certificate ends tomorrow")
    told = (await pages_of.get("/?json")).told
    assert {(each["code"], each.get("queue") or each["loop"]) for each in told["problems"]} == {
        ("loop-fails", "adder"), ("no-pilots", busy.SMALL), ("many-failures", busy.BAD)}
    assert told["here_wrong"] == ["the certificate ends tomorrow"] and SECRET not in json.dumps(told)
    assert SECRET in (await pages_of.get("/", PROD)).text and SECRET in (await pages_of.get("/loops/", PROD)).text
    assert SECRET not in (await pages_of.get("/loops/", ALICES)).text


@ensureDeferred
async def test_errors_have_examples(pages_of: Pages) -> None:
    """Which queue fails most comes first, with what mostly fails there, what that means, and a job for example."""
    found = await busy.fill(pages_of.stage, jobs=3)
    told = (await pages_of.get("/errors/?json")).told
    first = told["queues"][0]
    assert (first["queue"], first["causes"][0]["cause"], first["causes"][0]["meaning"]) == (
        busy.BAD, "pilot:1099", "stage-in failed")
    assert found["failed"] in first["causes"][0]["examples"]
    assert told["causes"][0]["queues"] == {busy.BAD: first["causes"][0]["attempts"]}


@ensureDeferred
async def test_pictures(pages_of: Pages) -> None:
    """A busy day is drawn, each drawing is named and has its figures beside it; a window that is not kept is refused."""
    await busy.fill(pages_of.stage, jobs=3)
    for path in ("/", f"/site/{busy.GOOD}/", "/?hours=72"):
        text = (await pages_of.get(path)).text
        assert len(re.findall(r'<svg class="plot"[^>]* role="img" aria-label="[^"]+"', text)) == 2
        assert text.count("<summary>The figures</summary>") == 2
    for hours in (0, 73, -1):
        assert (await pages_of.get(f"/?hours={hours}")).status == 400


@ensureDeferred
async def test_what_is_not_there(pages_of: Pages) -> None:
    """Says so, as a page or as JSON."""
    for path in ("/job/77/", "/site/NOWHERE/"):
        assert (await pages_of.get(path)).status == 404
        data = await pages_of.get(f"{path}?json")
        assert data.status == 404 and data.told["status"] == 404
    assert (await pages_of.get("/job/x/")).status == 400


@ensureDeferred
async def test_nobody_waits_for_what_was_just_read(pages_of: Pages) -> None:
    """The same page twice reads the database once."""
    reads: list[str] = []
    store: Any = pages_of.stage.store
    whole = store.read

    def counted(name: str, *args: Any, **kwargs: Any) -> Any:
        reads.append(name)
        return whole(name, *args, **kwargs)

    store.read = counted
    await pages_of.get("/")
    first = len(reads)
    await pages_of.get("/")
    assert first and len(reads) == first
