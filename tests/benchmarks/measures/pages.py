"""The monitor's pages, behind a long queue."""

from __future__ import annotations

from tests.benchmarks.measures import cpu_ms, percentiles, waiting_ids
from tests.benchmarks.scripts import PAGES
from tests.benchmarks.stand import HTTP, Stand

CLIENTS = (1, 8)


def pages(stand: Stand, waiting: int) -> None:
    """How long a page takes, and how long the slowest did, which was not kept from before."""
    stand.jobs.wait(waiting)
    ids = waiting_ids(stand)
    for clients in CLIENTS:
        found = stand.load("pages", HTTP, clients, ids=ids)
        slowest = {f"{page}_slowest_ms": round(times[-1], 1) for page, times in found.latencies_ms.items() if times}
        stand.report.emit(
            "pages", clients=clients, waiting=stand.database.count("activated"), pages_per_s=found.per_s,
            **percentiles(found, *PAGES, "job"), **slowest, **cpu_ms(found.cpu_s, found.units, "page"),
            others_share_of_machine=found.others_share_of_machine, errors=found.errors)
