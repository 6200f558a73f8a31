"""What a load generator is told, and what it found: the JSON on its standard input and output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One closed loop of work per client, for some seconds.

    :param kind: a name in scripts.SCRIPTS.
    :param clients: so many; the first has the number `first_client`, so that no two generators share a name.
    :param tls, new_connection_per_call, resumes: see wire.Server. :param proxy, ca_directory: of the client.
    :param supply: activated jobs that are there.
    :param jobs_per_call: of submissions and claims.
    :param ids: jobs to ask for.
    """

    kind: str
    port: int
    clients: int
    seconds: float
    proxy: str
    ca_directory: str
    tls: bool = False
    new_connection_per_call: bool = False
    resumes: bool = False
    first_client: int = 0
    supply: int = 0
    jobs_per_call: int = 1
    ids: Sequence[int] = ()

    def split(self, parts: int) -> list[Load]:
        """The same in that many processes, or as many as there are clients."""
        parts = min(parts, self.clients)
        borders = [self.clients * part // parts for part in range(parts + 1)]
        return [replace(self, clients=end - begin, first_client=self.first_client + begin, supply=self.supply // parts)
                for begin, end in zip(borders, borders[1:], strict=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of a load, preparation left out.

    :param units: what was done, in `window_s`: cycles, calls or jobs, as the kind of load counts them.
    :param latencies_ms: per call, sorted.
    :param handed: PandaIDs in the order in which they came, doubles kept.
    :param no_jobs: answers that there is no job, though there was one for each pilot that asked.
    :param cpu_s: by process: the generators' own, and what the measurement watched.
    :param others_share_of_machine: that processes had which are not of the benchmark.
    """

    units: int
    window_s: float
    latencies_ms: dict[str, list[float]]
    errors: dict[str, int]
    handed: list[int] = field(default_factory=list)
    reported: list[int] = field(default_factory=list)
    no_jobs: int = 0
    handshakes: int = 0
    resumed: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)
    others_share_of_machine: float = 0.0

    @property
    def per_s(self) -> float:
        """Units per second."""
        return round(self.units / self.window_s, 1) if self.window_s else 0.0

    def percentile_ms(self, call: str, percent: int) -> float | None:
        """Of the latency of that call; None if it was never made."""
        values = self.latencies_ms.get(call)
        return round(values[min(len(values) - 1, len(values) * percent // 100)], 2) if values else None


def together(parts: Sequence[Found]) -> Found:
    """What several generators found that began at the same time."""
    calls = sorted({call for part in parts for call in part.latencies_ms})
    return Found(
        units=sum(part.units for part in parts), window_s=max(part.window_s for part in parts),
        latencies_ms={call: sorted(chain(*(part.latencies_ms.get(call, []) for part in parts))) for call in calls},
        errors=_sum(part.errors for part in parts), handed=list(chain(*(part.handed for part in parts))),
        reported=list(chain(*(part.reported for part in parts))), no_jobs=sum(part.no_jobs for part in parts),
        handshakes=sum(part.handshakes for part in parts), resumed=sum(part.resumed for part in parts),
        cpu_s=_sum(part.cpu_s for part in parts))


def _sum(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)
