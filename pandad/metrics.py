"""What this process counts and measures: every series, with what it means. Plain dicts, because a call must not pay for them.

How they are told to the outside is a matter of api/exposition.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from math import inf

Labels = tuple[str, ...]
Read = Callable[[], Mapping[Labels, float]]


class Series:
    """Numbers of one kind, told apart by their labels' values.

    :param name: without ``pandad_`` and without the suffixes of OpenMetrics; a unit at its end. :param meaning: a sentence.
    """

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self.name, self.meaning, self.labels = name, meaning, labels


class Counter(Series):
    """Things that happen."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self.values: dict[Labels, int] = defaultdict(int)

    def add(self, *labels: str, n: int = 1) -> None:
        """So many more."""
        self.values[labels] += n


class Timing(Series):
    """Things that take time: how many, and how long all of them took."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self.values: dict[Labels, int] = defaultdict(int)
        self.seconds: dict[Labels, float] = defaultdict(float)

    def took(self, seconds: float, *labels: str) -> None:
        """One more."""
        self.values[labels] += 1
        self.seconds[labels] += seconds


class Histogram(Series):
    """Things that take time: how many took how long at the most.

    ``values``: by labels, the number in each of the buckets BUCKETS_S, not added up.
    """

    BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, inf)

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self.values: dict[Labels, list[int]] = defaultdict(lambda: [0] * len(self.BUCKETS_S))
        self.seconds: dict[Labels, float] = defaultdict(float)

    def took(self, seconds: float, *labels: str) -> None:
        """One more."""
        self.values[labels][bisect_left(self.BUCKETS_S, seconds)] += 1
        self.seconds[labels] += seconds


class Gauge(Series):
    """How things are: asked for whenever somebody looks."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self._reads: dict[object, Read] = {}

    def read(self, read: Read, whose: object = None) -> None:
        """Ask this from now on; of those who tell by the same `whose` the last one counts."""
        self._reads[whose] = read

    def is_now(self, read: Callable[[], float], *labels: str) -> None:
        """Ask this one number from now on."""
        self.read(lambda: {labels: read()}, labels)

    @property
    def values(self) -> Mapping[Labels, float]:
        """As it is now."""
        return {labels: value for read in self._reads.values() for labels, value in read().items()}


CALLS = Counter("calls", "Calls answered, by route and HTTP status.", "route", "status")
CALL_SECONDS = Histogram("call_seconds", "From a call's last byte to its answer.", "route")
CALLS_WAITING = Gauge("calls_waiting", "Calls under way.")
CALLS_OLDEST = Gauge("calls_oldest_seconds", "For how long the oldest call has been under way.")
CALLS_PUT_OFF = Counter("calls_put_off", "Calls put off under overload, by their urgency.", "urgency")
CALLS_LATE = Counter("calls_answered_late", "Calls refused because they were not answered in their route's time.")
CALLS_TOO_MANY = Counter("calls_too_many", "Calls refused because their caller makes too many.")
REACTOR_LAG = Gauge("reactor_lag_seconds", "How late the reactor did what it was to do at a certain moment.")
LOAD_LEVEL = Gauge("load_level", "0: no call is put off; from n to n + 1: a part of the nth kind by urgency.")
HANDSHAKES_WAITED = Counter("handshakes_waited", "Connections whose TLS had to wait, because their address began too many.")
CONNECTIONS = Counter("connections", "Clients' connections that were not let in or were cut, and why.", "fate")

PILOTS = Counter("pilot_requests", "Pilots' requests for jobs, by what they got: jobs, nothing or refused.", "got")
PILOTS_REFUSED = Counter("pilot_requests_in_vain", "Requests that got no job, by what kept most jobs from them.", "criterion")
UPDATES_STALE = Counter("updates_stale", "Words of pilots that no longer have the job they speak of.", "fence")
WATCHER = Counter("watcher_ended", "Jobs that were past a time limit, by the limit.", "limit")
WATCHER_LEFT = Counter("watcher_left_alone", "Jobs past a time limit that could not be ended.")
BRAKES = Counter("brokerage_brakes", "Queues that were braked.")
DECIDED = Timing("brokerage_decision_seconds", "Pages of a round of brokerage, by the time that deciding on their jobs took.")
DATA_UNKNOWN = Counter("brokerage_data_unknown", "Rounds of brokerage that did without the data catalogue.")

TRANSACTIONS = Timing("transaction_seconds", "Transactions, from asking for a connection to the commit.", "name")
ROUNDS = Counter("batch_rounds", "Transactions that answered several calls of a kind.", "kind")
BATCHED = Counter("batch_calls", "Calls that were answered so.", "kind")
POOL = Gauge("database_connections", "Connections to PostgreSQL: how many there may be, are in use, are idle.", "pool", "state")
POOL_WAITING = Gauge("database_waiting", "Calls that wait for a connection.", "pool")
POOL_WAITS = Timing("database_wait_seconds", "Waits for a connection while all were in use.", "pool")

LOOP_ROUNDS = Timing("loop_round_seconds", "Good rounds of a loop.", "loop")
LOOP_IDLE = Gauge("loop_last_success_age_seconds", "How long ago the last good round of a loop ended in this process.", "loop")
LOOP_FAILURES = Gauge("loop_failures", "Rounds of a loop that failed, in a row.", "loop")

TLS_REFUSED = Counter("tls_refused", "Client certificates refused, by reason.", "reason")
VOMS_REFUSED = Counter("voms_refused", "VOMS attributes that did not count, by reason.", "reason")
TLS_RELOADS = Counter("tls_reloads", "Readings of certificates and CRLs.", "outcome")
DAYS_LEFT = Gauge("certificate_days_left", "Until the first of a kind runs out: host, CA, CRL.", "kind")
TOKENS_REFUSED = Counter("tokens_refused", "Tokens refused, by reason.", "reason")
TOKEN_KEYS = Counter("token_keys_fetched", "Fetches of an issuer's keys.", "outcome")
TOKEN_RELOADS = Counter("token_issuer_reloads", "Readings of the token issuers.", "outcome")
SETTINGS_REFUSED = Counter("settings_refused", "Sections of the configuration that cannot be used as read again.", "section")
RELOADS = Counter("reloads", "Reloads that an operator asked for.", "outcome")

RUCIO_CALLS = Timing("rucio_call_seconds", "Calls to Rucio.")
RUCIO_RETRIES = Counter("rucio_retries", "Calls to Rucio that were tried again.")
RUCIO_FAILURES = Counter("rucio_failures", "Calls to Rucio that failed for now.")
RUCIO_NOT_ASKED = Counter("rucio_not_asked", "Calls that the breaker kept from Rucio.")
RUCIO_TOKENS = Counter("rucio_tokens", "Tokens got from Rucio.")
RUCIO_BREAKER = Gauge("rucio_breaker", "0: closed, all is well. 1: half open, one call tries. 2: open, Rucio is left alone.")
DDM_TOLD = Counter("ddm_notices", "Things that the data management system told of, by what was made of them.", "fate")
ERRANDS = Counter("errands", "Outside calls that were settled, by kind.", "kind")
ERRANDS_PUT_OFF = Counter("errands_put_off", "Outside calls that failed for now, and are tried again.")

# Of the whole installation: every process tells the same, while the database answers.
DATABASE_UP = Gauge("database_up", "Whether the database answered just now.")
JOBS = Gauge("jobs", "Active jobs, in the whole database.", "state")
OLDEST_JOB = Gauge("oldest_job_seconds", "For how long the job has been in its state that has been longest.", "state")
LEASES = Gauge("loop_lease", "Which process runs a loop: 1.", "loop", "holder")
LOOPS_GOOD = Gauge("loop_good_round_age_seconds", "How long ago a loop's last good round ended, in whatever process.", "loop")
ERRANDS_WAITING = Gauge("errands_waiting", "Outside calls that wait to be made.")
ERRANDS_OLDEST = Gauge("errands_oldest_seconds", "For how long the oldest of them has waited.")

ALL = [each for each in list(globals().values()) if isinstance(each, (Counter, Timing, Histogram, Gauge))]
"""In the order of this file."""
