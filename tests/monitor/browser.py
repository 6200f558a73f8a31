"""Debian's Chromium without a screen, told what to do over its DevTools protocol on two pipes: no driver, no port, no library."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

PROGRAM = "chromium"
LACKS = "no Chromium on this host; as root: apt-get install chromium"
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--ignore-certificate-errors",
    "--remote-debugging-pipe")
TO_IT, FROM_IT = 3, 4
LIMIT_S = 30.0


class BrowserFailed(AssertionError):
    """It did not do what it was told."""


class _Pipes(ProcessProtocol):
    """Messages end with a NUL."""

    def __init__(self, heard: Any) -> None:
        self._heard, self._rest, self.said = heard, b"", b""
        self.ended: Deferred[None] = Deferred()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD != FROM_IT:
            self.said = (self.said + data)[-4000:]
            return
        *whole, self._rest = (self._rest + data).split(b"\0")
        for message in whole:
            self._heard(json.loads(message))

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)


class Browser:
    """One, with one empty profile and one page.

    ``complaints``: of its console, and requests that failed. ``requests``: the addresses that it asked for.
    """

    def __init__(self, reactor: Any, profile: Path) -> None:
        self._reactor, self._profile = reactor, profile
        self._pipes = _Pipes(self._heard)
        self._number, self._waiting = 0, dict[int, Deferred[Any]]()
        self._loaded: Deferred[None] | None = None
        self._session: str | None = None
        self.complaints: list[str] = []
        self.requests: list[str] = []

    @staticmethod
    def is_there() -> bool:
        """Whether this host has one."""
        return shutil.which(PROGRAM) is not None

    async def start(self) -> None:
        """Return when it has an empty page."""
        program = shutil.which(PROGRAM)
        assert program is not None, LACKS
        home = str(self._profile)
        environment = {"HOME": home, "XDG_RUNTIME_DIR": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        self._process = self._reactor.spawnProcess(
            self._pipes, program, [program, *QUIET, f"--user-data-dir={self._profile}", "about:blank"], environment,
            childFDs={0: "w", 1: "r", 2: "r", TO_IT: "w", FROM_IT: "r"})
        target = (await self.tell("Target.createTarget", url="about:blank"))["targetId"]
        self._session = (await self.tell("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.tell(f"{domain}.enable")

    async def stop(self) -> None:
        """Return when it is gone."""
        with suppress(ProcessExitedAlready):
            self._process.signalProcess("KILL")
        await self._pipes.ended

    async def tell(self, method: str, **parameters: Any) -> Any:
        """One command, and what came of it."""
        self._number += 1
        answer: Deferred[Any] = Deferred()
        self._waiting[self._number] = answer
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None and not method.startswith("Target."):
            message["sessionId"] = self._session
        self._process.writeToChild(TO_IT, json.dumps(message).encode() + b"\0")
        return await answer.addTimeout(LIMIT_S, self._reactor, lambda *_: self._late(method))

    async def go(self, url: str) -> int:
        """To that address; return when the page is there, with the HTTP status."""
        self._loaded = Deferred()
        self._status = 0
        gone = await self.tell("Page.navigate", url=url)
        if gone.get("errorText"):
            raise BrowserFailed(f"{url}: {gone['errorText']}")
        await self._loaded.addTimeout(LIMIT_S, self._reactor, lambda *_: self._late(url))
        return self._status

    async def run(self, script: str) -> Any:
        """The value of that expression in the page."""
        found = await self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise BrowserFailed(json.dumps(found["exceptionDetails"])[:1000])
        return found["result"].get("value")

    async def follow(self, text: str, within: str = "body") -> None:
        """Click the first link below that element whose text is, or else contains, these words, as a person who reads."""
        found = await self.run(f"""(() => {{
            const links = [...document.querySelectorAll({json.dumps(within)} + ' a')].filter(a => a.offsetParent !== null);
            const word = {json.dumps(text)};
            const link = links.find(a => a.textContent.trim() === word) || links.find(a => a.textContent.includes(word));
            return link ? link.href : null; }})()""")
        if found is None:
            raise BrowserFailed(f"no link {text!r} below {within} on {await self.where()}: {(await self.text())[:2000]}")
        await self.go(found)

    async def type_and_go(self, field: str, text: str) -> None:
        """Write into a field of a form and send that."""
        self._loaded, self._status = Deferred(), 0
        await self.run(f"""(() => {{ const f = document.querySelector({json.dumps(field)}); f.value = {json.dumps(text)};
            f.form.requestSubmit(); }})()""")
        await self._loaded.addTimeout(LIMIT_S, self._reactor, lambda *_: self._late(text))

    async def text(self, within: str = "main") -> str:
        """What one can read there."""
        found: str = await self.run(f"(document.querySelector({json.dumps(within)}) || document.body).innerText")
        return found

    async def where(self) -> str:
        """The address of the page."""
        found: str = await self.run("location.href")
        return found

    async def headers(self, values: Mapping[str, str]) -> None:
        """Sent with each request from now on."""
        await self.tell("Network.setExtraHTTPHeaders", headers=dict(values))

    async def seen(self, width: int, dark: bool, phone: bool = False) -> None:
        """As on a screen of that width, with the reader's wish for dark or light."""
        await self.tell("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=phone)
        await self.tell("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    async def picture(self, file: Path) -> None:
        """Of the whole page, as PNG."""
        made = await self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(made["data"]))

    def _heard(self, message: Mapping[str, Any]) -> None:
        if "id" in message:
            answer = self._waiting.pop(message["id"])
            if "error" in message:
                answer.errback(BrowserFailed(message["error"]["message"]))
            else:
                answer.callback(message["result"])
        else:
            getattr(self, "_on_" + message["method"].replace(".", "_"), lambda _: None)(message["params"])

    def _on_Page_loadEventFired(self, _: Any) -> None:
        if self._loaded is not None and not self._loaded.called:
            self._loaded.callback(None)

    def _on_Network_requestWillBeSent(self, told: Any) -> None:
        self.requests.append(told["request"]["url"])

    def _on_Network_responseReceived(self, told: Any) -> None:
        if told["type"] == "Document":
            self._status = told["response"]["status"]

    def _on_Log_entryAdded(self, told: Any) -> None:
        self.complaints.append(f"{told['entry']['level']}: {told['entry']['text']} {told['entry'].get('url', '')}")

    def _on_Runtime_consoleAPICalled(self, told: Any) -> None:
        self.complaints.append(f"console: {told['args']}")

    def _on_Network_loadingFailed(self, told: Any) -> None:
        if not told.get("canceled"):
            self.complaints.append(f"failed: {told['errorText']} {told.get('blockedReason', '')}")

    def _late(self, what: str) -> Any:
        raise BrowserFailed(f"{what}: nothing within {LIMIT_S:g} s; {self._pipes.said[-1000:].decode(errors='replace')}")
