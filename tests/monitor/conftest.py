"""Pages over a real database, spoken to in memory; and for the browser a whole daemon with a day's work behind it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from stages import Stage
from treq.testing import StubTreq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from whys import Whys

from monitor import busy
from monitor.browser import LACKS, Browser
from pandad.api.site import PandaSite, build_sites
from pandad.embedded.sandbox import HOST, Sandbox
from pandad.monitor.house import pages
from pandad.monitorconfig import MonitorConfig
from pandad.spec.caller import ANONYMOUS, Caller, Identity
from pandad.taskbuffer.store import Store

CLOCK: Any = reactor


@dataclass(frozen=True)
class Answer:
    """One reply."""

    status: int
    headers: Any
    text: str

    @property
    def told(self) -> Any:
        """Its JSON."""
        return json.loads(self.text)

    def header(self, name: str) -> str | None:
        """The value of a header."""
        found = self.headers.getRawHeaders(name)
        return found[0] if found else None


class Pages:
    """All pages on a database. ``complaints``: what this process says of itself."""

    def __init__(self, store: Store, config: MonitorConfig | None = None) -> None:
        self.stage, self.whys, self.caller = Stage(store), Whys(store), ANONYMOUS
        self.complaints: list[str] = []
        self.handlers = pages(store, CLOCK, config or MonitorConfig(), self.whys.explain, self.whys.queues, self._complaints)
        self._sites = build_sites(self.handlers, self._identify, lambda: "https://panda.test:25443", CLOCK)

    async def get(self, path: str, caller: Caller = ANONYMOUS, passive: bool = False, accept: str = "text/html") -> Answer:
        """What somebody gets."""
        self.caller = caller
        site = self._sites.passive if passive else self._sites.active
        return await _answer(site, path, accept)

    async def _identify(self, request: Any) -> Caller:
        return self.caller

    async def _complaints(self) -> Sequence[str]:
        return self.complaints


async def _answer(site: PandaSite, path: str, accept: str) -> Answer:
    stub: Any = StubTreq(site.resource)
    stub._agent._serverFactory = site

    async def ask() -> Answer:
        reply = await stub.get(f"https://panda.test{path}", headers={"accept": accept}, allow_redirects=False)
        return Answer(reply.code, reply.headers, await stub.text_content(reply))

    asked = Deferred.fromCoroutine(ask())
    while not asked.called:
        stub.flush()
        await deferLater(CLOCK, 0)
    return await asked


@pytest.fixture
def made(store: Store) -> Callable[..., Pages]:
    """Makes them, with that configuration."""
    return lambda **config: Pages(store, MonitorConfig(**config))


@pytest.fixture
def pages_of(made: Callable[..., Pages]) -> Pages:
    """As they are by default."""
    return made()


@dataclass(frozen=True)
class Grid:
    """A daemon at work. ``ids``: see busy.fill."""

    sandbox: Sandbox
    ids: dict[str, int]

    @property
    def url(self) -> str:
        """Where everybody may look."""
        return f"http://{HOST}:{self.sandbox.config.server.http_port}"

    @property
    def own_url(self) -> str:
        """Where one is known."""
        return f"https://{HOST}:{self.sandbox.config.server.tls_port}"

    def token(self, name: str) -> str:
        """Of one of the sandbox's people."""
        return self.sandbox.pki.token(name).read_text("utf-8").strip()


async def _grid(directory: Path) -> Grid:
    sandbox = Sandbox(reactor, directory, ports=(0, 0))
    await sandbox.start()
    store = Store(CLOCK, sandbox.config.database)
    try:
        alice = Identity(sandbox.issuer.url, "alice")
        return Grid(sandbox, await busy.fill(Stage(store), alice, jobs=3))
    finally:
        await store.close()


@pytest.fixture(scope="package")
def grid(open_directory: Path) -> Iterator[Grid]:
    """One for all tests in the browser."""
    if not Browser.is_there():
        pytest.skip(LACKS)
    found = blockon(Deferred.fromCoroutine(_grid(open_directory / "monitor")))
    yield found
    blockon(Deferred.fromCoroutine(found.sandbox.stop()))


@pytest.fixture(scope="package")
def one_browser(grid: Grid) -> Iterator[Browser]:
    """One for all, which takes seconds to start."""
    profile = Path(tempfile.mkdtemp(prefix="pandad-browser-"))
    browser = Browser(reactor, profile)
    blockon(Deferred.fromCoroutine(browser.start()))
    yield browser
    blockon(Deferred.fromCoroutine(browser.stop()))
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def browser(one_browser: Browser) -> Iterator[Browser]:
    """As nobody, on a screen, in light; and nothing it complains of was said."""
    one_browser.complaints.clear()
    one_browser.requests.clear()
    blockon(Deferred.fromCoroutine(_as_new(one_browser)))
    yield one_browser
    assert one_browser.complaints == []


async def _as_new(browser: Browser) -> None:
    await browser.headers({})
    await browser.seen(1280, dark=False)
