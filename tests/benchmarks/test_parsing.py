"""What the benchmarks read and write: if that were wrong, so would be the figures."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pandad import metrics
from pandad.api.encode import Envelope, envelope
from pandad.api.exposition import exposition, families
from pandad.api.jobdefinition import job_definition
from pandad.spec.job import JobSpec
from tests.benchmarks import messages, pgbench, profiler
from tests.benchmarks.daemons import transactions_in
from tests.benchmarks.load import Found, Load, together
from tests.benchmarks.report import table
from tests.benchmarks.wire import HungUp, body_of, is_good, is_whole

ANSWER = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length:  4\r\n\r\nbody"


def test_an_answer_is_whole_with_its_last_byte() -> None:
    """Not a byte earlier, wherever it was cut."""
    assert [is_whole(ANSWER[:end]) for end in range(len(ANSWER) + 1)] == [False] * len(ANSWER) + [True]
    assert is_good(ANSWER)
    assert body_of(ANSWER) == b"body"


def test_an_answer_of_unknown_length_is_refused() -> None:
    """It would be waited for until the server hangs up."""
    with pytest.raises(HungUp):
        is_whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_a_message_about_a_job_is_what_the_pilot_would_say() -> None:
    """The bytes made in advance are those of the message, with the ids in their places."""
    made = messages.AboutJob(messages.finished)
    assert orjson.loads(made.of(12, 3)) == messages.finished(12, 3)


def test_jobs_are_found_in_an_answer() -> None:
    """Each with its attempt, as pandad encodes them."""
    jobs = [job_definition(JobSpec(PandaID=i, attemptNr=nr)) for i, nr in ((7, 1), (12, 3))]
    answer = envelope(Envelope(True, "", {"StatusCode": 0, "jobs": jobs}), True).body
    assert messages.succeeded(answer)
    assert messages.jobs_in(answer) == [(7, 1), (12, 3)]
    assert not messages.succeeded(envelope(Envelope(False, "no"), True).body)
    assert messages.jobs_in(b"") == []


def test_a_load_is_split_without_loss() -> None:
    """Every client is in one part, under a number of its own; nobody gets a part without a client."""
    load = Load(kind="alive", port=1, clients=7, seconds=1, proxy="", ca_directory="", supply=100)
    parts = load.split(3)
    numbers = [part.first_client + n for part in parts for n in range(part.clients)]
    assert sorted(numbers) == list(range(7))
    assert sum(part.supply for part in parts) <= 100
    assert len(load.split(20)) == 7


def test_what_generators_found_adds_up() -> None:
    """Units, errors and CPU time are summed, latencies stay sorted, the window is the longest."""
    one = Found(units=2, window_s=1.0, latencies_ms={"a": [1.0, 4.0]}, errors={"x": 1}, handed=[1], cpu_s={"own": 0.5})
    two = Found(units=3, window_s=2.0, latencies_ms={"a": [2.0], "b": [9.0]}, errors={"x": 2}, handed=[1, 2], cpu_s={"own": 1.0})
    assert together([one, two]) == Found(
        units=5, window_s=2.0, latencies_ms={"a": [1.0, 2.0, 4.0], "b": [9.0]}, errors={"x": 3}, handed=[1, 1, 2],
        cpu_s={"own": 1.5})


def test_percentiles() -> None:
    """The smallest value that is not exceeded by so many percent; none of what was not measured."""
    found = Found(units=1, window_s=1, latencies_ms={"a": [float(n) for n in range(1, 101)]}, errors={})
    assert (found.percentile_ms("a", 50), found.percentile_ms("a", 99), found.percentile_ms("b", 50)) == (51.0, 100.0, None)


def test_pgbench_is_understood() -> None:
    """Rates and the mean of each statement; what pgbench itself computes is no statement."""
    printed = """
number of transactions actually processed: 12
number of failed transactions: 0 (0.000%)
latency average = 2.500 ms
tps = 400.25 (without initial connection time)
statement latencies in milliseconds and failures:
         0.001           0 \\set n :n + 1
         1.250           0 EXECUTE "claims.take" (ARRAY['a']);
         0.750           0 EXECUTE "moves.move" ('[]');
"""
    assert pgbench.parsed(printed) == pgbench.Result(12, 400.25, 2.5, (1.25, 0.75))


def test_transactions_are_counted() -> None:
    """By name, as pandad tells them; other counters are none."""
    metrics.TRANSACTIONS.took(0.5, "acquire_jobs")
    metrics.LOOP_ROUNDS.took(0.5, "something else")
    told = transactions_in(exposition(families(metrics.ALL)).decode())
    assert told["acquire_jobs"] == metrics.TRANSACTIONS.values["acquire_jobs",]
    assert "something else" not in told


def test_a_profile_counts_recursion_once() -> None:
    """A function that calls itself has no more than all samples; lines of one function are one."""
    stacks = ["main (a.py:1);work (x/b.py:3);work (x/b.py:4) 3", "main (a.py:2) 1"]
    assert profiler.parts(stacks) == [
        profiler.Part("work (b.py)", 75.0, 75.0), profiler.Part("main (a.py)", 25.0, 100.0)]


def test_a_table_has_the_columns_that_there_are() -> None:
    """What no line has is no column; what one line lacks is empty."""
    lines: list[dict[str, Any]] = [{"of": "daemon", "jobs_per_s": 1.5}, {"of": "x"}]
    assert table(("of", "jobs_per_s", "never"), lines) == "      of  jobs/s\n  daemon     1.5\n       x        "
