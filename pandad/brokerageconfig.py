"""The section [brokerage] of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.settings import setting

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerageConfig:
    """The choice of a queue for each job."""

    batch: int = setting("Jobs in one round", 10_000, low=1, high=100_000)
    put_off_s: int = setting(
        "A job that no queue takes is looked at again after a minute, then after twice as long each time, and at most this; "
        "and whenever queues change", 1800, low=60, high=DAY_S)
    weight: str = setting(
        "PanDA's formula that ranks the queues which can take a job", "generic",
        choices=("generic", "analysis", "production", "2009"))
    waiting_limit: int = setting(
        "A queue with so many jobs that do not run yet gets no more, unless it runs half as many; 0 is no limit",
        20, low=0, high=10**9)
    nopilot_s: int = setting(
        "A queue whose pilots did not ask for so long is passed over while another can take the job; 0 is never",
        3 * HOUR_S, low=0, high=30 * DAY_S)
    locate_s: float = setting("How long to wait for the data service to say where input is; then without", 10.0, low=0.1,
                            high=300)
    least_free_gb: float = setting(
        "A queue whose output endpoint has less free gets nothing; 0 is never, on the grid it is 200", 0.1, low=0, high=1e9)
    reserve_mb: int = setting("And so much more must be free for each job there; on the grid it was 250", 0, low=0, high=10**9)
    most_missing_gb: float = setting("Input that may be moved to a queue for one job; 0 is no limit", 0.0, low=0, high=1e9)
    most_missing_files: int = setting("The same in files; 0 is no limit", 0, low=0, high=10**9)
    most_backlog_files: int = setting(
        "A queue that lacks input gets no job while more files than this wait on the link; 0 is no limit", 0, low=0, high=10**9)
    brake_failures: int = setting(
        "A queue where so many jobs failed fast, most of those begun there and far more than elsewhere, is braked; 0 is never",
        10, low=0, high=10**6)
    brake_owners: int = setting(
        "They must be of so many owners, or tasks of a group, unless jobs like them do well elsewhere", 3, low=1, high=100)
    brake_s: int = setting("A braked queue gets test jobs after this, and after twice as long each time they fail", 600, low=1,
                           high=DAY_S)
    brake_probes: int = setting("Test jobs at a time, each of another owner", 5, low=1, high=1000)
    scouts: int = setting(
        "Jobs of each task that go first; the others wait until half of them have ended, and what they used is known; 0 is none",
        0, low=0, high=1000)
    scout_s: int = setting("How long they wait for that at most", 6 * HOUR_S, low=60, high=30 * DAY_S)
    rebroker_offline_s: int = setting(
        "Jobs that wait at a queue which has been offline for so long are brokered again", 600, low=0, high=DAY_S)
    rebroker_analysis_s: int = setting(
        "Jobs that waited so long for a pilot are brokered again if another queue is far better, analysis; 0 is never",
        12 * HOUR_S, low=0, high=365 * DAY_S)
    rebroker_production_s: int = setting("The same, production", 48 * HOUR_S, low=0, high=365 * DAY_S)
    rebroker_input_s: int = setting(
        "Jobs that waited so long for input are brokered again if it is at another queue; 0 is never", HOUR_S, low=0,
        high=365 * DAY_S)
    rebroker_gain: float = setting("So many times as much another queue must weigh", 2.0, low=1, high=1000)
    rebroker_moves: int = setting("How often a day a job is moved at most", 2, low=1, high=1000)
