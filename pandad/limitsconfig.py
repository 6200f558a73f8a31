"""The section [limits] of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """What clients may take of this server; docs/reference/limits.md has the limits that are not settable."""

    connections: int = setting(
        "Connections at a time; who comes when there are so many takes the place of the oldest idle one", 10_000,
        low=10, high=10**6)
    connections_per_address: int = setting("The same, of one address; a site behind one address is one", 4_000, low=1, high=10**6)
    connections_per_identity: int = setting(
        "The same, of one identity without a role (those with one are shared by pilots, whose addresses are counted)",
        1_000, low=1, high=10**6)
    handshakes_per_s: float = setting(
        "Connections of one address that begin TLS, over time; who comes faster waits for his turn. Each costs 2 ms of CPU",
        200.0, low=0.1, high=10**6)
    handshakes_burst: int = setting("And at once", 4_000, low=1, high=10**6)
    calls_per_s: float = setting(
        "Calls of one identity without a role, or of one address without an identity, over time; reports of jobs are not counted",
        200.0, low=0.1, high=10**6)
    calls_burst: int = setting("And at once; a site's pilots come together", 20_000, low=1, high=10**6)
    role_calls_per_s: float = setting(
        "Calls of one identity with a role from one address, over time; reports of jobs are not counted", 2_000.0,
        low=0.1, high=10**6)
    role_calls_burst: int = setting("And at once", 100_000, low=1, high=10**6)
    answer_s: float = setting(
        "A call that is not answered after this is told to come again; pilots wait for 120", 90.0, low=1, high=600)
    lag_s: float = setting(
        "A server that reacts so late, twice in a row, puts off calls: the least urgent first, reports of ended jobs never", 2.0,
        low=0.01, high=60)
