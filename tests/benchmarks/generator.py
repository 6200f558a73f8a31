"""A load generator, a process of its own: `python -m tests.benchmarks.generator`.

It reads a Load, prepares, writes the line "ready", waits for a line, puts the load on, and writes what it Found.
"""

from __future__ import annotations

import gc
import sys
from dataclasses import asdict

import orjson

from pandad.embedded.sandbox import HOST, INTERFACE
from tests.benchmarks.engine import Engine, Run
from tests.benchmarks.load import Found, Load
from tests.benchmarks.scripts import SCRIPTS, Calls
from tests.benchmarks.wire import Server, as_client


def generate(load: Load) -> Found:
    """Put the load on and count."""
    server = Server(HOST, INTERFACE, load.port, as_client(load.proxy, load.ca_directory) if load.tls else None,
                    load.new_connection_per_call, load.resumes)
    run, calls = Run(load.seconds, load.supply), Calls(server)
    scripts = [SCRIPTS[load.kind](run, calls, load, load.first_client + number) for number in range(load.clients)]
    return Engine(server, run).play(scripts, _wait_for_the_others)


def _wait_for_the_others() -> None:
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    sys.stdin.buffer.readline()
    gc.disable()  # nothing here makes cycles


def main() -> None:
    """One load, as told on the first line."""
    found = generate(Load(**orjson.loads(sys.stdin.buffer.readline())))
    sys.stdout.buffer.write(orjson.dumps(asdict(found)))


if __name__ == "__main__":
    main()
