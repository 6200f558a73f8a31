"""Why, behind a long queue: jobs that wait anywhere in it."""

from __future__ import annotations

from tests.benchmarks.measures import cpu_ms, percentiles, waiting_ids
from tests.benchmarks.stand import HTTP, Stand

CLIENTS = (1, 8)


def whys(stand: Stand, waiting: int) -> None:
    """How long it takes to say why."""
    stand.jobs.wait(waiting)
    ids = waiting_ids(stand)
    for clients in CLIENTS:
        found = stand.load("whys", HTTP, clients, ids=ids)
        stand.report.emit(
            "whys", clients=clients, waiting=stand.database.count("activated"), calls_per_s=found.per_s,
            **percentiles(found, "why", "queue_why"), **cpu_ms(found.cpu_s, found.units, "call"),
            others_share_of_machine=found.others_share_of_machine, errors=found.errors)
