"""The load generator, a process of its own: `python -m tests.benchmarks.generator < Load > Found`."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from tests.benchmarks import messages
from tests.benchmarks.load import Found, Load
from tests.benchmarks.usage import usage
from tests.benchmarks.wire import Client, Server

HEARTBEAT_JOBS = 25  # that each client holds
NO_JOBS_PAUSE_S = 0.02


class Run:
    """One load under way: its clock and its counts."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.latencies_ms: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.handed: list[int] = []
        self.reported: list[int] = []
        self.units = self.reserved = self.no_jobs = 0
        self.started = self.until = self.last_done = 0.0
        self._cpu_before_s: dict[str, float] = {}
        self._everybody = asyncio.Barrier(load.clients)

    async def begin(self) -> None:
        """Wait for all clients; what was before is preparation and does not count."""
        await self._everybody.wait()
        if not self.started:
            self.latencies_ms.clear()
            self.handed.clear()
            self._cpu_before_s = self._cpu_s()
            self.started = self.last_done = time.perf_counter()
            self.until = self.started + self.load.seconds

    @property
    def goes_on(self) -> bool:
        """Whether to begin another round."""
        return time.perf_counter() < self.until

    def done(self, units: int = 1) -> None:
        """So much was done now."""
        self.units += units
        self.last_done = time.perf_counter()

    async def call(self, client: Client, name: str, verb: str, target: str, body: bytes = b"") -> dict[str, Any]:
        """The envelope of the answer; what went wrong is counted, and is an envelope without success."""
        began = time.perf_counter()
        try:
            status, answer = await client.call(verb, target, body)
        except (OSError, TimeoutError) as error:
            self.errors[f"{name}: {type(error).__name__}"] += 1
            client.close()
            return {"success": False, "message": str(error), "data": None}
        self.latencies_ms[name].append((time.perf_counter() - began) * 1000)
        if status != 200:
            self.errors[f"{name}: HTTP {status}"] += 1
            return {"success": False, "message": str(status), "data": None}
        envelope: dict[str, Any] = orjson.loads(answer)
        return envelope

    async def post(self, client: Client, name: str, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call /api/v1/<method>."""
        return await self.call(client, name, "POST", f"/api/v1/{method}", orjson.dumps(body))

    async def succeeds(self, client: Client, name: str, method: str, body: Mapping[str, Any]) -> bool:
        """Whether it did; if not, why is counted."""
        envelope = await self.post(client, name, method, body)
        if not envelope["success"]:
            self.errors[f"{name}: {envelope['message'][:80]}"] += 1
        return bool(envelope["success"])

    def found(self) -> Found:
        """All that was begun in time, until its end: clients move in step, and a cut would be off by a wave of them."""
        return Found(
            units=self.units, window_s=round(self.last_done - self.started, 3),
            latencies_ms={name: sorted(values) for name, values in self.latencies_ms.items()}, errors=dict(self.errors),
            handed=self.handed, reported=self.reported, no_jobs=self.no_jobs,
            cpu_s={name: cpu_s - self._cpu_before_s[name] for name, cpu_s in self._cpu_s().items()})

    def _cpu_s(self) -> dict[str, float]:
        watched = {name: usage(root).cpu_s for name, root in self.load.watched.items()}
        return {**watched, "generator": time.process_time()}


async def pilot(run: Run, client: Client, number: int) -> None:
    """acquire, running, finished, again and again."""
    asking = messages.acquire(f"node{number}.test")
    await run.begin()
    while run.goes_on and run.reserved < run.load.supply:
        run.reserved += 1
        jobs = await acquired(run, client, asking)
        if not jobs:
            run.reserved -= 1
            await asyncio.sleep(NO_JOBS_PAUSE_S)
        for job in jobs:
            await one_job(run, client, job["PandaID"], job["attemptNr"])


async def acquired(run: Run, client: Client, asking: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The jobs that this pilot got."""
    envelope = await run.post(client, "acquire", "pilot/acquire_jobs", asking)
    jobs: list[dict[str, Any]] = envelope["data"]["jobs"] if envelope["success"] else []
    run.no_jobs += not jobs
    run.handed += [job["PandaID"] for job in jobs]
    return jobs


async def one_job(run: Run, client: Client, panda_id: int, attempt_nr: int) -> None:
    """What a pilot says of a job that goes well."""
    begins, ends = messages.update(panda_id, "running", attempt_nr), messages.finished(panda_id, attempt_nr)
    began = await run.succeeds(client, "update", "pilot/update_job", begins)
    if began and await run.succeeds(client, "report", "pilot/update_job", ends):
        run.reported.append(panda_id)
        run.done()


async def heartbeats(run: Run, client: Client, number: int) -> None:
    """Signs of life of running jobs that the client got before."""
    jobs = await acquired(run, client, messages.acquire(f"node{number}.test", HEARTBEAT_JOBS))
    beats = [messages.update(job["PandaID"], "running", job["attemptNr"]) for job in jobs]
    for beat in beats:
        await run.succeeds(client, "update", "pilot/update_job", beat)
    await run.begin()
    for beat in itertools.cycle(beats):
        if not run.goes_on:
            return
        if await run.succeeds(client, "heartbeat", "pilot/update_job", beat):
            run.done()


async def reads(run: Run, client: Client, number: int) -> None:
    """The state of one job after the other."""
    await run.begin()
    for panda_id in itertools.cycle(run.load.ids[number::run.load.clients] or run.load.ids):
        if not run.goes_on:
            return
        await run.call(client, "read", "GET", f"/api/v1/pilot/get_job_status?job_ids={panda_id}")
        run.done()


async def alive(run: Run, client: Client, number: int) -> None:
    """The web server alone: no database, no identity."""
    await run.begin()
    while run.goes_on:
        await run.call(client, "is_alive", "GET", "/api/v1/system/is_alive")
        run.done()


async def submissions(run: Run, client: Client, number: int) -> None:
    """Jobs, many in a call."""
    body = messages.submit(run.load.jobs_per_call)
    await run.begin()
    while run.goes_on:
        if await run.succeeds(client, "submit", "job/submit", body):
            run.done(run.load.jobs_per_call)


KINDS: Mapping[str, Callable[[Run, Client, int], Awaitable[None]]] = {
    "pilot": pilot, "heartbeats": heartbeats, "reads": reads, "alive": alive, "submissions": submissions}


async def generate(load: Load) -> Found:
    """Put the load on and count."""
    server = Server.at(load.url, load.proxy, load.ca_directory, load.new_connection_per_call)
    run, clients = Run(load), [Client(server) for _ in range(load.clients)]
    await asyncio.gather(*(client.connect() for client in clients))
    await asyncio.gather(*(KINDS[load.kind](run, client, number) for number, client in enumerate(clients)))
    for client in clients:
        client.close()
    return run.found()


def main() -> None:
    """One load, as told."""
    found = asyncio.run(generate(Load(**orjson.loads(sys.stdin.buffer.read()))))
    sys.stdout.buffer.write(orjson.dumps(asdict(found)))


if __name__ == "__main__":
    main()
