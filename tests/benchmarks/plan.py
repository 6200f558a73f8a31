"""Which measurements are made, in which order: by name, so that one can be made alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatch

from tests.benchmarks.measures import (
    brokerage,
    calls,
    cycles,
    handshakes,
    pages,
    postgres,
    queues,
    submissions,
    surroundings,
    whys,
)
from tests.benchmarks.stand import HTTP, HTTPS, HTTPS_NEW, HTTPS_RESUMED, Stand, Transport

Step = tuple[str, Callable[[Stand], None]]

TRANSPORTS = {"http": HTTP, "https": HTTPS, "https-new": HTTPS_NEW}
CLIENTS = (1, 8, 64, 256)
DEPTHS = {"0": 0, "100k": 100_000, "1m": 1_000_000}
USUAL = {("http", 1), ("http", 8), ("http", 64), ("http", 256), ("https", 8), ("https", 64), ("https-new", 8), ("https-new", 64)}
USUAL_BEHIND_A_QUEUE = {("http", 64)}


def steps(full: bool) -> list[Step]:
    """All of them.

    :param full: each transport with each number of clients before each queue; else what tells most.
    """
    return [
        ("submissions-1", lambda stand: submissions.submissions(stand, jobs_per_call=1, clients=8)),
        ("submissions-100", lambda stand: submissions.submissions(stand, jobs_per_call=100, clients=4)),
        *_cycles("0", full),
        ("cycles-https-new-64-resumed", lambda stand: cycles.cycles(stand, HTTPS_RESUMED, 64)),
        ("memory-after-load", lambda stand: surroundings.memory(stand, "after 256 clients")),
        ("claims-of-many", cycles.claims_of_many),
        ("heartbeats-http", lambda stand: calls.heartbeats(stand, HTTP, 64)),
        ("heartbeats-https", lambda stand: calls.heartbeats(stand, HTTPS, 64)),
        ("reads", lambda stand: calls.reads(stand, HTTP, 64)),
        ("alive", lambda stand: calls.alive(stand, HTTP, 64)),
        ("handshakes", handshakes.handshakes),
        ("identified", handshakes.identified),
        ("snapshot", cycles.old_snapshot),
        ("two-daemons", cycles.two_daemons),
        ("profile", cycles.profile),
        ("brokerage-round", _away(brokerage.brokerage_round)),
        ("pgbench", _away(postgres.statements)),
        ("procrastinate", _away(lambda stand: queues.queue(stand, "procrastinate"))),
        ("pgqueuer", _away(lambda stand: queues.queue(stand, "pgqueuer"))),
        *_cycles("100k", full),
        *(_cycles("1m", full) if full else ()),
        *((("why-1m", lambda stand: whys.whys(stand, DEPTHS["1m"])),) if full else ()),
        *((("pages-1m", lambda stand: pages.pages(stand, DEPTHS["1m"])),) if full else ()),
    ]


def _cycles(depth: str, full: bool) -> Iterator[Step]:
    usual = USUAL if depth == "0" else USUAL_BEHIND_A_QUEUE
    for name, transport in TRANSPORTS.items():
        for clients in CLIENTS:
            if full or (name, clients) in usual:
                yield f"cycles-{name}-{clients}-{depth}", _cycle(transport, clients, DEPTHS[depth])


def _cycle(transport: Transport, clients: int, waiting: int) -> Callable[[Stand], None]:
    return lambda stand: cycles.cycles(stand, transport, clients, waiting)


def _away(measure: Callable[[Stand], None]) -> Callable[[Stand], None]:
    """The daemons are away meanwhile."""
    def with_daemons_away(stand: Stand) -> None:
        stand.stop_daemons()
        try:
            measure(stand)
        finally:
            stand.start_daemon()

    return with_daemons_away


def chosen(only: list[str], full: bool) -> list[Step]:
    """Those of these names or patterns; all if there are none. A name is known whatever `full` says."""
    return [step for step in steps(full or bool(only)) if not only or any(fnmatch(step[0], pattern) for pattern in only)]


def play(stand: Stand, wanted: list[Step]) -> None:
    """Make these measurements."""
    surroundings.host(stand)
    stand.start_daemon()
    surroundings.memory(stand, "idle")
    stand.jobs.plant(stand.sandbox, stand.daemons[0].tls_port)
    for _, measure in wanted:
        measure(stand)
