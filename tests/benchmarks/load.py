"""What a load generator is told, and what it found: the JSON on its standard input and output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One closed loop of work per client, for some seconds.

    ``kind``: a name in generator.KINDS. ``proxy``, ``ca_directory``: of the client. ``supply``: activated jobs that are there.
    ``ids``: jobs to ask for. ``watched``: process trees whose CPU time counts, by name, with the pid of the root.
    """

    kind: str
    url: str
    clients: int
    seconds: float
    proxy: str
    ca_directory: str
    new_connection_per_call: bool = False
    supply: int = 0
    jobs_per_call: int = 100
    ids: Sequence[int] = ()
    watched: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``units``: what was done, in `window_s`: cycles, calls or jobs, as the kind of load counts them.

    ``latencies_ms``: per call, sorted. ``handed``: PandaIDs in the order in which they came, doubles kept. ``no_jobs``: answers
    that there is no job, though there was one for each pilot that asked. ``cpu_s``: of what is watched, and of the generator;
    preparation does not count.
    """

    units: int
    window_s: float
    latencies_ms: dict[str, list[float]]
    errors: dict[str, int]
    handed: list[int] = field(default_factory=list)
    reported: list[int] = field(default_factory=list)
    no_jobs: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)

    @property
    def per_s(self) -> float:
        """Units per second."""
        return round(self.units / self.window_s, 1) if self.window_s else 0.0

    def percentile_ms(self, call: str, percent: int) -> float | None:
        """Of the latency of that call; None if it was never made."""
        values = self.latencies_ms.get(call)
        return round(values[min(len(values) - 1, len(values) * percent // 100)], 2) if values else None
