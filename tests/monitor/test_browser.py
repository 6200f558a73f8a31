"""The monitor in a real Chromium: three errands of somebody who never saw it, and what holds for every page."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import pytest
import treq
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from monitor import busy
from monitor.accessible import CHECKS
from monitor.browser import Browser
from monitor.busy import SECRET
from monitor.conftest import Grid
from pandad.embedded.daemon import environment_of_pandad

CLOCK: Any = reactor
PATIENCE, PAUSE_S = 60, 0.5
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.href)"
PICTURES = os.environ.get("PANDAD_PICTURES")
"""A folder: who wants to look at the pages gets them there."""


@ensureDeferred
async def test_why_a_job_does_not_run(grid: Grid, browser: Browser) -> None:
    """From the overview to the state, to the job: its page says that no queue can take it, by how much, and what would help."""
    await browser.go(grid.url)
    await browser.follow("defined")
    await browser.follow(str(grid.ids["never"]))
    text = await browser.text()
    assert "Why it is where it is" in text and "no registered queue can ever take it" in text
    assert "What helps: ask for at most 16000 MB of memory (memory_mb, minRamCount) instead of 64000" in text
    assert re.search(rf"{busy.GOOD}\s+refuses\s+lowmemory\s+16000\s+64000", text)
    await browser.type_and_go("#q", str(grid.ids["waiting"]))
    assert "no pilot of its queue has asked" in await browser.text(".why")


@ensureDeferred
async def test_which_queue_fails_most_and_why(grid: Grid, browser: Browser) -> None:
    """From the overview to the errors: the first queue is it, with the cause; its page says how much, a job of it says it too."""
    await browser.go(grid.url)
    await browser.follow("Errors", "nav")
    first = await browser.text("main section tbody tr")
    assert first.startswith(busy.BAD) and "stage-in failed" in first
    await browser.follow(str(grid.ids["failed"]))
    assert "pilot 1099 stage-in failed" in await browser.text(".why")
    await browser.follow(busy.BAD)
    assert "many failures" in await browser.text() and "most by pilot:1099" in await browser.text()
    causes = await browser.run("[...document.querySelectorAll('#h-fail ~ div tbody tr')].map(r => r.innerText)")
    assert causes[0].startswith("pilot 1099 stage-in failed") and len(causes) == 3


@ensureDeferred
async def test_how_to_drain_a_queue(grid: Grid, browser: Browser) -> None:
    """The page of the queue names the command. It is typed as it stands there, and the page shows what came of it. And back."""
    await browser.go(grid.url)
    await browser.follow(busy.SMALL, "#h-wrong ~ ul")
    drain, _, back = await browser.run("[...document.querySelectorAll('#h-drain ~ pre')].map(e => e.innerText.trim())")
    assert "online" in await browser.text("h1")
    await typed(grid, drain)
    await until(browser, lambda: shows(browser, "h1", "brokeroff"))
    assert "brokeroff: maintenance" in await browser.text()
    await typed(grid, back)
    await until(browser, lambda: shows(browser, "h1", "online"))


async def typed(grid: Grid, command: str) -> None:
    """An operator's command, at the shell of the server's host."""
    program, *words = shlex.split(command)
    assert program == "pandad"
    environ = {**environment_of_pandad(), **grid.sandbox.environment()}
    out, err, code = await getProcessOutputAndValue(sys.executable, ["-m", "pandad.cli", *words], environ)
    assert code == 0, (command, out, err)


async def shows(browser: Browser, within: str, text: str) -> bool:
    """Whether the page, loaded anew, has it there."""
    await browser.go(await browser.where())
    return text in await browser.text(within)


async def until(browser: Browser, condition: Callable[[], Awaitable[bool]]) -> None:
    """Pages are a few seconds old at the most."""
    for _ in range(PATIENCE):
        if await condition():
            return
        await deferLater(CLOCK, PAUSE_S)
    raise AssertionError(await browser.text())


def kinds(ids: dict[str, int]) -> dict[str, str]:
    """One page of each kind, by a name for its picture."""
    return {
        "overview": "/", "week": "/?hours=72", "queues": "/sites/", "queue": f"/site/{busy.BAD}/",
        "queue-idle": f"/site/{busy.TAPE}/", "jobs": "/jobs/", "jobs-failed": "/jobs/?jobstatus=failed&hours=24",
        "none": "/jobs/?computingsite=NOWHERE",
        "job-waiting": f"/job/{ids['waiting']}/", "job-never": f"/job/{ids['never']}/", "job-failed": f"/job/{ids['failed']}/",
        "tasks": "/tasks/", "task": f"/task/{busy.TASK}/",
        "errors": "/errors/", "loops": "/loops/", "search": "/search/?q=eclipse"}


OWN = {
    "my-task": f"/task/{busy.TASK}/", "users": "/users/", "mine": "/user/alice/", "my-job": "/job/{waiting}/",
    "bobs-job": "/job/{bobs}/", "my-jobs": "/jobs/"}


@ensureDeferred
async def test_every_page_for_strangers(grid: Grid, browser: Browser) -> None:
    """Nothing from elsewhere is asked for, nothing private is shown, no link is dead, and people of all kinds can use it: on a
    screen, on a phone, in light and in dark."""
    links: set[str] = set()
    for name, path in kinds(grid.ids).items():
        assert await browser.go(grid.url + path) == 200
        links |= {urldefrag(link)[0] for link in await browser.run(LINKS)}
        whole = await browser.run("document.documentElement.outerHTML")
        assert SECRET not in whole and "alice" not in whole and "CN=" not in whole, path
        await looked_at(browser, name)
    assert {url for url in browser.requests if not url.startswith(grid.url)} == set()
    assert {urlsplit(link).netloc for link in links} == {urlsplit(grid.url).netloc}
    alike: dict[str, list[str]] = {}
    for link in sorted(links):
        alike.setdefault(re.sub(r"/\d+/", "/N/", link), []).append(link)
    tried = [link for those in alike.values() for link in those[:3]]
    assert {link: status for link in tried if (status := await status_of(link)) != 200} == {} and len(tried) > 30


@ensureDeferred
async def test_every_page_for_its_own(grid: Grid, browser: Browser) -> None:
    """Over TLS with a token one sees names, and of one's own jobs everything; of another's nothing that is private."""
    await browser.headers({"Authorization": f"Bearer {grid.token('alice')}"})
    for name, path in OWN.items():
        assert await browser.go(grid.own_url + path.format(**grid.ids)) == 200
        assert "You are alice" in await browser.text("footer")
        await looked_at(browser, name)
        whole = await browser.run("document.documentElement.outerHTML")
        assert (f"{SECRET}_input.root" in whole) == (name == "my-job"), name
        assert (SECRET in whole) == (name in ("my-job", "my-task")), name
    assert "bob" in await browser.text()
    assert {url for url in browser.requests if not url.startswith(grid.own_url)} == set()


@ensureDeferred
async def test_strangers_are_refused(grid: Grid, browser: Browser) -> None:
    """Pages of people say so, and where to go; that is all that the browser complains of."""
    for url in (f"{grid.url}/users/", f"{grid.own_url}/users/", f"{grid.own_url}/user/bob/"):
        assert await browser.go(url) == 403
        assert "bob" not in (await browser.text()).replace("/user/bob/", "")
        assert await browser.run(CHECKS) == []
    assert all("403" in complaint for complaint in browser.complaints)
    browser.complaints.clear()


async def looked_at(browser: Browser, name: str) -> None:
    """In each way that people look, and kept for who wants to see it too."""
    for width, dark, phone in ((1280, False, False), (1280, True, False), (390, False, True)):
        await browser.seen(width, dark, phone)
        assert await browser.run(CHECKS) == [], (name, width, dark)
        if PICTURES:
            await browser.picture(Path(PICTURES) / f"{name}-{'phone' if phone else 'dark' if dark else 'light'}.png")
    await browser.seen(1280, False)


async def status_of(url: str) -> int:
    """What a plain client gets."""
    reply = await treq.get(url, persistent=False)
    await reply.content()
    return int(reply.code)


BAD = """data:text/html,<title>x</title><body style="background:%23fff"><h1>a</h1><h3>b</h3><p style="color:%23aaa">pale</p>
    <input><svg></svg><table><tr><th></th></tr></table><div style="width:5000px">wide</div><img src="x"><a href="/">%20</a>"""


@ensureDeferred
async def test_what_people_could_not_use_is_found(browser: Browser) -> None:
    """The checks find each of the faults of a page that is full of them."""
    await browser.go(BAD)
    found = " ".join(await browser.run(CHECKS))
    browser.complaints.clear()
    for fault in ("no language", "not one main", "a heading is skipped", "too little contrast, 2.32", "a field without a label",
                  "an unnamed drawing", "a table without heads", "a head of nothing", "an empty head", "wider than the screen",
                  "no alternative", "nothing to read on it"):
        assert fault in found, (fault, found)


def test_there_is_a_browser() -> None:
    """Whoever reads the results sees whether these tests ran."""
    if not Browser.is_there():
        pytest.skip("no Chromium here: the tests in a browser did not run")
