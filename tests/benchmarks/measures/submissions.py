"""How fast jobs come in, and until brokerage and data service have made them ready for pilots."""

from __future__ import annotations

from tests.benchmarks.measures import cpu_ms, percentiles
from tests.benchmarks.stand import HTTPS, Stand

SECONDS = 3.0  # the jobs stay in the queue


def submissions(stand: Stand, jobs_per_call: int, clients: int) -> None:
    """A user's, over TLS."""
    found = stand.load("submissions", HTTPS, clients, user="alice", jobs_per_call=jobs_per_call,
                               seconds=min(SECONDS, stand.seconds))
    lag_s = stand.database.await_none("defined", "assigned", "waiting")
    stand.report.emit(
        "submissions", transport=HTTPS.name, clients=clients, jobs_per_call=jobs_per_call, jobs=found.units,
        jobs_per_s=found.per_s, **percentiles(found, "submit"), **cpu_ms(found.cpu_s, found.units, "job"),
        all_activated_after_s=round(lag_s, 2), activated_per_s=round(found.units / (found.window_s + lag_s), 1),
        others_share_of_machine=found.others_share_of_machine, errors=found.errors)
