"""What machines that watch ask for."""

from __future__ import annotations

from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pandad import metrics
from pandad.spec.errors import StoreUnavailable

JSON = {"accept": "application/json"}


async def database_is_gone() -> str:
    return "the database does not answer"


def test_alive_without_a_database(api: Any) -> None:
    """The process is alive even if nothing works: a restart would not mend a database."""
    api.checks.append(database_is_gone)
    assert api.passive.get("/healthz").status == 200


def test_ready(api: Any) -> None:
    """Ready is when no check has anything to say."""
    api.checks.append(lambda: None)
    got = api.passive.get("/readyz")
    assert (got.status, got.text) == (200, "ok\n")


def test_what_is_worth_knowing(api: Any) -> None:
    """Trouble outside that keeps nobody from working here is told, and does not make it not ready."""
    api.notes.append("Rucio did not answer for 12 s")
    got = api.passive.get("/readyz")
    assert (got.status, got.text) == (200, "ok\nRucio did not answer for 12 s\n")


def test_not_ready(api: Any) -> None:
    """Not ready is a 503 with all that is missing, whether the checks had to wait or not."""
    api.checks.extend([database_is_gone, lambda: None, lambda: "the loops have not started"])
    got = api.active.get("/readyz")
    assert got.status == 503
    assert "the database does not answer; the loops have not started" in got.text


def test_each_check_as_json(api: Any) -> None:
    """For programs: what was looked at, and what is wrong with it."""
    api.checks.extend([database_is_gone, lambda: None])
    api.notes.append("Rucio did not answer for 12 s")
    got = api.active.get("/readyz", headers=JSON)
    assert got.status == 503
    assert got.json == {
        "ok": False, "notes": ["Rucio did not answer for 12 s"],
        "checks": {"check 0": {"ok": False, "problem": "the database does not answer"}, "check 1": {"ok": True}}}
    assert api.active.get("/healthz", headers=JSON).json == {"ok": True, "checks": {"reactor": {"ok": True}}, "notes": []}


def test_the_start(api: Any) -> None:
    """The start is over as soon as the schema is there, whatever else is amiss."""
    api.checks.append(database_is_gone)
    got = api.passive.get("/startupz")
    assert (got.status, got.text) == (200, "ok\n")


def samples(text: str) -> dict[str, float]:
    """What the library's own reader of OpenMetrics makes of it: by series and labels' values."""
    families = text_string_to_metric_families(text)
    return {f"{each.name}{sorted(each.labels.values())}": each.value for family in families for each in family.samples}


def test_metrics(api: Any) -> None:
    """Numbers are OpenMetrics: a call is told by its route and status, with how long it took; then what the database holds."""
    before = metrics.CALLS.values["/healthz", "200"]
    assert api.passive.get("/healthz").status == 200
    got = api.passive.get("/metrics")
    assert got.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = samples(got.text)
    assert found["pandad_calls_total['/healthz', '200']"] == before + 1
    assert found["pandad_call_seconds_bucket['+Inf', '/healthz']"] >= 1
    assert (found["pandad_jobs['activated']"], found["pandad_oldest_job_seconds['activated']"]) == (5, 61.5)
    assert found["pandad_loop_lease['adder', 'host:1:abc']"] == 1
    assert (found["pandad_errands_waiting[]"], found["pandad_database_up[]"]) == (3, 1)


def test_metrics_look_seldom(api: Any) -> None:
    """However many scrapers there are."""
    for _ in range(3):
        api.passive.get("/metrics")
    assert api.census.looks == 1


def test_metrics_without_a_database(api: Any) -> None:
    """The process's own numbers are told, and that the database is away."""
    api.census.trouble = StoreUnavailable("no database")
    got = api.passive.get("/metrics")
    found = samples(got.text)
    assert (got.status, found["pandad_database_up[]"]) == (200, 0)
    assert "pandad_jobs['activated']" not in found
