"""Queues follow their source: a real web server, a real database, and everything that can be wrong with a source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import cric
import pytest
from factories import a_job, a_queue, stored
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent

from pandad.daemons.queuerefresh import MOST_LINES, MOST_PROBLEMS, QueueRefresh, shortened
from pandad.queuesconfig import QueuesConfig
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import audit, sites, sources
from pandad.taskbuffer.store import Store


@dataclass
class Cric:
    """A server of one document. ``headers`` of its answers; ``asked``: the conditions that came with each question."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    def holds(self, data: object) -> None:
        """Serve this."""
        self.body = json.dumps(data).encode()


@pytest.fixture
def web() -> Iterator[Cric]:
    """Running."""
    found = Cric()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tag = self.headers.get("If-None-Match")
            found.asked.append((tag, self.headers.get("If-Modified-Since")))
            known = tag is not None and tag == found.headers.get("ETag")
            self.send_response(304 if known else found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if known else found.body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://localhost:{server.server_port}/queues"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def refresh(store: Store, source: str, **but: Any) -> QueueRefresh:
    """Of queues, due at each round."""
    values: dict[str, Any] = {"source": source, "refresh_s": 0, "timeout_s": 20.0}
    return QueueRefresh(store, reactor, QueuesConfig(**{**values, **but}))


async def told(body: QueueRefresh) -> list[str]:
    """What a round says, from info on."""
    with capturedLogs() as events:
        assert await body.run_once() is False
    return [formatEvent(event) for event in events if event["log_namespace"] == QueueRefresh.__module__ + ".QueueRefresh"]


async def served(store: Store) -> dict[str, Any]:
    """The descriptions of all queues."""
    return {name: json.loads(text) for name, text in (await store.read("served", sites.served_all)).items()}


@ensureDeferred
async def test_queues_follow(store: Store, web: Cric) -> None:
    """A round takes what the source has, and says what changed, a line for each queue."""
    dump = cric.queues(4)
    web.holds(dump)
    body = refresh(store, web.url)
    lines = await told(body)
    assert lines[0] == f"queues from {web.url}: 4 added, 0 unchanged" and lines[1] == f"queues: + {min(dump)}"
    assert await served(store) == dump
    name = max(dump)
    dump[name]["maxrss"] = 4711
    web.holds(dump)
    _, line = await told(body)
    assert line.startswith(f"queues: ~ {name}: maxrss: ") and line.endswith("-> 4711")
    assert await served(store) == dump and await told(body) == []
    noted = await store.read("audit", audit.show, None, "import queues", None, 1, 10)
    assert sorted((each.who, each.target, each.why) for each in noted) == [
        ("pandad", web.url, "1 changed, 3 unchanged"), ("pandad", web.url, "4 added, 0 unchanged")]


@ensureDeferred
async def test_nothing_new_is_not_sent(store: Store, web: Cric) -> None:
    """The source is asked for what is newer than what was taken; after another change here it is asked for all."""
    web.headers = {"ETag": '"1"', "Last-Modified": "Mon, 23 Nov 2026 12:00:00 GMT"}
    web.holds(cric.queues(2))
    body = refresh(store, web.url)
    await body.run_once()
    await body.run_once()
    await store.transact("set", sites.set_status, "SITE-000_GPU", QueueStatus.OFFLINE, "", "root")
    await store.transact("remove", sites.remove, "SITE-000_GPU")
    await body.run_once()
    mark = ('"1"', "Mon, 23 Nov 2026 12:00:00 GMT")
    assert web.asked == [(None, None), mark, (None, None)]
    assert sorted(await served(store)) == ["SITE-000_GPU", "SITE-000_UCORE"]


@ensureDeferred
async def test_asked_when_due(store: Store, web: Cric) -> None:
    """Not at each round, and by one process of several."""
    web.holds(cric.queues(2))
    for body in (refresh(store, web.url, refresh_s=600), refresh(store, web.url, refresh_s=600)):
        await body.run_once()
    assert len(web.asked) == 1


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "down": ({"status": 503}, "answers with HTTP status 503"),
    "empty": ({"body": b""}, "is empty"),
    "no queue": ({"body": b"{}"}, "has no queues"),
    "half": ({"body": json.dumps(cric.queues(6)).encode()[:-9]}, "see this line and the one before"),
    "no dump": ({"body": b"<html>try later</html>"}, "invalid statement"),
    "binary": ({"body": b"\xff\xfe{}"}, "is not UTF-8 text"),
    "NaN": ({"body": b'{"Q": {"x": NaN}}'}, "has a number that is none in JSON"),
    "deep": ({"body": b'{"Q": ' + b"[" * 100_000}, "is nested too deeply"),
    "most are gone": ({"body": json.dumps(cric.queues(2)).encode()}, "has only 2 of the 6 queues that it had"),
    "a bad queue": ({"body": json.dumps({**cric.queues(6), "Q": {"status": "on"}}).encode()}, "Q: status: 'on' is none of"),
    "too long": ({"body": b" " * (2 << 20)}, "answers with more than 1048576 bytes"),
}


@pytest.mark.parametrize("kind", BAD)
@ensureDeferred
async def test_a_bad_source_changes_nothing(store: Store, web: Cric, kind: str) -> None:
    """Whatever is wrong with it, the queues stay, one line says why, the round is a good one, and the next one heals it."""
    dump = cric.queues(6)
    web.holds(dump)
    body = refresh(store, web.url, most_mb=1)
    await body.run_once()
    changes, says = BAD[kind]
    for name, value in changes.items():
        setattr(web, name, value)
    (line,) = await told(body)
    assert line.startswith("queues stay as they are: ") and says in line
    assert await served(store) == dump
    (state,) = await store.read("states", sources.find_all)
    assert says in (state.problem or "") and state.took is not None
    web.status, dump["SITE-000_GPU"]["maxrss"] = 200, 1
    web.holds(dump)
    await body.run_once()
    assert await served(store) == dump and (await store.read("states", sources.find_all))[0].problem is None


@ensureDeferred
async def test_bad_queues_passed_over(store: Store, web: Cric) -> None:
    """With skip_bad the rest is taken, and the bad ones are named."""
    web.holds({**cric.queues(2), "Q": {"status": "on"}})
    lines = await told(refresh(store, web.url, skip_bad=True))
    assert lines[0] == f"queues of {web.url} that cannot be read stay as they are: Q" and len(await served(store)) == 2


@ensureDeferred
async def test_nobody_there(store: Store) -> None:
    """A source that cannot be reached is no failure of the loop."""
    (line,) = await told(refresh(store, "http://127.0.0.1:1/x"))
    assert "cannot be reached" in line


@ensureDeferred
async def test_files_and_other_kinds(store: Store, tmp_path: Path) -> None:
    """Storage endpoints and links come the same way, and all of them from files too."""
    for name, data in (("q", cric.queues(2)), ("e", cric.endpoints(3)), ("l", cric.links(2))):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    q, e, links = (str(tmp_path / f"{name}.json") for name in "qel")
    body = refresh(store, q, endpoints_source=e, links_source=links)
    await body.run_once()
    assert len(await served(store)) == 2 and len(await store.read("e", sites.endpoints)) == 3
    assert len(await store.read("l", sites.links)) == 4
    Path(q).unlink()
    (line,) = await told(body)
    assert line == f"queues stay as they are: {q} cannot be read (No such file or directory)"


@ensureDeferred
async def test_a_queue_with_jobs_that_is_gone(store: Store, web: Cric) -> None:
    """Its jobs stay where they are; the queue takes no more."""
    dump = cric.queues(3)
    name = next(iter(dump))
    web.holds(dump)
    body = refresh(store, web.url)
    await body.run_once()
    await store.transact("jobs", stored, [a_job(jobStatus=JobStatus.ACTIVATED, computingSite=name)])
    del dump[name]
    web.holds(dump)
    assert (await told(body))[1] == f"queues: > {name}: is not there any more"
    assert (await store.once("find", sites.find, name)).status is QueueStatus.OFFLINE


@ensureDeferred
async def test_words_end(store: Store) -> None:
    """An operator's word whose time is over is taken away, which is said."""
    await store.transact("put", sites.put, a_queue(nickname="Q"), "root")
    await store.transact("set", sites.set_status, "Q", QueueStatus.OFFLINE, "", "root", timedelta(milliseconds=1))
    body = refresh(store, "")
    lines: list[str] = []
    while not lines:
        lines = await told(body)
    assert lines == ["queue Q: the time of offline is over; it is online"]


@ensureDeferred
async def test_a_process_that_ends_waits_for_no_source(store: Store) -> None:
    """What is being fetched is given up at once, nothing is noted, and the next process asks anew."""
    silent = Factory.forProtocol(Protocol)
    clock: Any = reactor
    port = clock.listenTCP(0, silent, interface="127.0.0.1")
    address = f"http://127.0.0.1:{port.getHost().port}/x"
    body = refresh(store, address, timeout_s=600.0)
    round_: Deferred[bool] = Deferred.fromCoroutine(body.run_once())
    while body._fetching is None:
        await deferLater(clock, 0)
    body.stop()
    assert await round_ is False
    assert await store.read("states", sources.find_all) == [] and await body.run_once() is False
    await port.stopListening()


def test_many_problems() -> None:
    """The log gets the first of them; of each a part."""
    text = shortened("\n".join(["x" * 10_000] * 100))
    assert len(text.splitlines()) == MOST_PROBLEMS + 1 and len(text) < 11_000 and text.endswith("... and 80 more")


@ensureDeferred
async def test_many_changes(store: Store, web: Cric) -> None:
    """The log gets the first of them, and how many more there are."""
    web.holds({f"Q{number}": {} for number in range(MOST_LINES + 7)})
    lines = await told(refresh(store, web.url))
    assert len(lines) == MOST_LINES + 2 and lines[-1] == "queues: ... and 7 more"
