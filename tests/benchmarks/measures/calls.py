"""Single calls, each again and again: heartbeats, reads, and the web server alone."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.measures import cpu_ms
from tests.benchmarks.scripts import HEARTBEAT_JOBS
from tests.benchmarks.stand import Stand, Transport

READ_IDS = 500


def heartbeats(stand: Stand, transport: Transport, clients: int) -> None:
    """Of jobs that run."""
    stand.jobs.supply(clients * HEARTBEAT_JOBS)
    _measure(stand, "heartbeats", "heartbeat", transport, clients)


def reads(stand: Stand, transport: Transport, clients: int) -> None:
    """The state of one job."""
    ids = [row[0] for row in stand.database.rows("SELECT pandaid FROM job ORDER BY pandaid LIMIT %(n)s", {"n": READ_IDS})]
    _measure(stand, "reads", "read", transport, clients, passive=True, ids=ids)


def alive(stand: Stand, transport: Transport, clients: int) -> None:
    """No database, no identity."""
    _measure(stand, "alive", "is_alive", transport, clients, passive=True)


def _measure(stand: Stand, kind: str, call: str, transport: Transport, clients: int, **more: Any) -> None:
    found = stand.load(kind, transport, clients, **more)
    stand.report.emit(
        "calls", call=call, transport=transport.name, clients=clients, calls_per_s=found.per_s,
        **{f"p{percent}_ms": found.percentile_ms(call, percent) for percent in (50, 95, 99)},
        **cpu_ms(found.cpu_s, found.units, "call"), others_share_of_machine=found.others_share_of_machine, errors=found.errors)
