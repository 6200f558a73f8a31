"""`twistd -n pandad` as an operator or systemd starts it: a process of its own, without anybody who restarts it."""

from __future__ import annotations

import http.client
import signal
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from pandad.embedded.daemon import TWISTD, environment_of_pandad
from pandad.embedded.sandbox import HOST, Sandbox

END_LIMIT_S = 60
ANSWER_LIMIT_S = 60


def command(*words: str) -> list[str]:
    """The command line of twistd with these words."""
    return [sys.executable, "-c", TWISTD, *words]


def environment() -> dict[str, str]:
    """With this very pandad on the path."""
    return environment_of_pandad()


def daemon(config: Path) -> list[str]:
    """The command line of the daemon."""
    return command("-n", "--pidfile=", "pandad", "--config", str(config))


@dataclass(frozen=True)
class Answer:
    """Status 0: nobody listens, or the connection broke."""

    status: int
    text: str


def _hear_interrupts() -> None:
    """Who runs the tests in the background of a shell has them, and all that they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Daemon:
    """One life of the daemon."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        with open(sandbox.log_file, "ab") as log:
            self._process = subprocess.Popen(daemon(sandbox.config_file), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env=environment(), cwd=sandbox.directory, preexec_fn=_hear_interrupts)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def tell_to(self, number: signal.Signals) -> None:
        """Send a signal that ends nothing."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals) -> int:
        """Send a signal; the exit code, minus the signal's number if that ended it."""
        self._process.send_signal(number)
        return self._process.wait(END_LIMIT_S)

    def ask(self, path: str) -> Answer:
        """A GET on the plain port."""
        link = http.client.HTTPConnection(HOST, self._sandbox.config.server.http_port, timeout=ANSWER_LIMIT_S)
        return _answer(link, "GET", path)

    def tell(self, method: str, **form: object) -> Answer:
        """A legacy call of a pilot, in the form dialect; the reply is JSON if it is none of refusal."""
        context = ssl.create_default_context(capath=str(self._sandbox.pki.ca_directory))
        context.load_cert_chain(self._sandbox.pki.proxy("pilot"))
        link = http.client.HTTPSConnection(HOST, self._sandbox.config.server.tls_port, timeout=ANSWER_LIMIT_S, context=context)
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return _answer(link, "POST", f"/server/panda/{method}", urlencode(form), headers)


def _answer(link: http.client.HTTPConnection, method: str, path: str, body: str | None = None,
            headers: Mapping[str, str] | None = None) -> Answer:
    try:
        link.request(method, path, body, dict(headers or {}))
        response = link.getresponse()
        return Answer(response.status, response.read().decode())
    except (ConnectionError, http.client.HTTPException) as problem:
        return Answer(0, repr(problem))
    finally:
        link.close()
