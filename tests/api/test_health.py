"""What machines that watch ask for."""

from __future__ import annotations

from typing import Any


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


def test_metrics(api: Any) -> None:
    """Numbers are plain text."""
    got = api.passive.get("/metrics")
    assert (got.text, got.headers["content-type"]) == ("pandad_jobs 5\n", "text/plain;charset=utf-8")
