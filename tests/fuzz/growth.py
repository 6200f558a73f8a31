"""`python -m tests.fuzz.growth SANDBOX [--calls N]`: a running sandbox is sent hostile calls; says how its daemon's memory grows.

Calls are those of the other targets, with credentials that are not good, over both ports, on connections that are kept as long as
the daemon keeps them. What an honest daemon remembers of callers (up to 10 000 of each) is filled by the first part."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import ssl
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # as pytest has it

from fuzz.mutation import BODIES, REQUESTS, Mutator, zipped  # noqa: E402

HOST, WAIT_S = "localhost", 10
ANSWER_S = 0.1  # many are no whole requests, and get no answer soon
PARTS = 10  # of a run, each with a line


class Client:
    """A connection to each port, made anew when it was closed."""

    def __init__(self, sandbox: Path) -> None:
        config = (sandbox / "env.sh").read_text("utf-8")
        self._ports = {name: int(re.search(rf"{url}=https?://localhost:(\d+)", config)[1])  # type: ignore[index]
                       for name, url in (("plain", "PANDA_URL"), ("tls", "PANDA_URL_SSL"))}
        self._tls = ssl.create_default_context(capath=str(sandbox / "pki" / "certificates"))
        self._open: dict[str, socket.socket] = {}
        self.statuses: dict[int, int] = {}

    def send(self, port: str, data: bytes) -> None:
        """And hear an answer, if there is one."""
        try:
            link = self._open.get(port) or self._connected(port)
            link.settimeout(ANSWER_S)
            link.sendall(data)
            said = link.recv(65536)
        except (OSError, ssl.SSLError):
            said = b""
        status = int(said[9:12]) if said[9:12].isdigit() else 0
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 0 or b"close" in said.partition(b"\r\n\r\n")[0].lower():
            self._close(port)

    def _connected(self, port: str) -> socket.socket:
        plain = socket.create_connection((HOST, self._ports[port]), WAIT_S)
        link = self._tls.wrap_socket(plain, server_hostname=HOST) if port == "tls" else plain
        self._open[port] = link
        return link

    def _close(self, port: str) -> None:
        if port in self._open:
            self._open.pop(port).close()


def hostile(number: int, bodies: Mutator, requests: Mutator, paths: list[bytes]) -> bytes:
    """One call: a request with something wrong with it, or one whose credential, path or body is."""
    dice = random.Random(number)
    if dice.random() < 0.1:
        return requests.make(number) + b"\r\n\r\n"
    body, path = zipped(dice, bodies.make(number))[:50_000], dice.choice(paths)
    path += b"/%x" % number if dice.random() < 0.2 else b"?%x=%x" % (number, number) if dice.random() < 0.2 else b""
    new = b"%x" % number  # to whatever remembers such things
    return (b"POST %b HTTP/1.1\r\nHost: %b.test\r\nAuthorization: Bearer %b.%b.%b\r\nOrigin: %b\r\nX-Request-Id: %b\r\n"
            b"X-%b: y\r\nContent-Length: %d\r\n\r\n%b" % (path, new, new, new, new, new, new, new, len(body), body))


def main() -> None:
    """A line for each part."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.growth", description=__doc__)
    parser.add_argument("sandbox", type=Path)
    parser.add_argument("--calls", type=int, default=100_000)
    args = parser.parse_args()
    client, bodies, requests = Client(args.sandbox), Mutator(BODIES), Mutator(REQUESTS)
    with socket.create_connection((HOST, client._ports["plain"]), WAIT_S) as link:
        link.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        described = b"".join(iter(lambda: link.recv(65536), b"")).partition(b"\r\n\r\n")[2]
    paths = [path.encode() for path in json.loads(described)["paths"]] + [b"/trf/..%2f..%2fetc/passwd", b"/cache/x"]
    daemon, began = daemon_of(args.sandbox), time.monotonic()
    print(f"before: {resident_mib(daemon):.1f} MiB", flush=True)  # noqa: T201 - a program run by hand
    for number in range(args.calls):
        client.send("tls" if number % 2 else "plain", hostile(number, bodies, requests, paths))
        if (number + 1) % (args.calls // PARTS) == 0:
            said = ", ".join(f"{n} x {status}" for status, n in sorted(client.statuses.items()))
            took_s, mib = time.monotonic() - began, resident_mib(daemon)
            print(f"{number + 1} calls, {took_s:.0f} s: {mib:.1f} MiB; {said}", flush=True)  # noqa: T201


def daemon_of(sandbox: Path) -> int:
    """Its process id: its command line names the configuration."""
    wanted = os.fsencode(sandbox.absolute() / "pandad.toml")
    for process in Path("/proc").glob("[0-9]*"):
        words = (process / "cmdline").read_bytes().split(b"\0") if (process / "cmdline").exists() else []
        if wanted in words and b"pandad" in words:
            return int(process.name)
    raise SystemExit(f"no daemon runs on {sandbox}")


def resident_mib(pid: int) -> float:
    """Of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
