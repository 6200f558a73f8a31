"""What clients do, call by call: pilots, users, monitors. See engine.Script."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import orjson

from pandad.embedded.sandbox import QUEUE
from tests.benchmarks import messages
from tests.benchmarks.engine import PAUSE, READY, Run, Script
from tests.benchmarks.load import Load
from tests.benchmarks.messages import AboutJob, jobs_in, succeeded
from tests.benchmarks.wire import Server

HEARTBEAT_JOBS = 25  # that each client holds

PAGES = {"overview": "/", "queues": "/sites/", "queue": f"/site/{QUEUE}/", "jobs": "/jobs/",
         "activated": "/jobs/?jobstatus=activated", "failed": "/jobs/?jobstatus=failed", "users": "/users/", "errors": "/errors/",
         "loops": "/loops/"}

_RUNNING = AboutJob(lambda panda_id, nr: messages.update(panda_id, "running", nr))
_FINISHED = AboutJob(messages.finished)


class Calls:
    """Requests to a server; what can be made once is made once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._update_head = server.head("POST", "/api/v1/pilot/update_job")

    def post(self, method: str, body: object) -> bytes:
        """To /api/v1/<method>."""
        text = orjson.dumps(body)
        return self._server.head("POST", f"/api/v1/{method}") % len(text) + text

    def get(self, method: str) -> bytes:
        """The same without a body."""
        return self._server.head("GET", f"/api/v1/{method}") % 0

    def page(self, target: str) -> bytes:
        """A page for a browser."""
        return self._server.head("GET", target, "text/html") % 0

    def about(self, message: AboutJob, panda_id: int, attempt_nr: int) -> bytes:
        """A pilot's update of a job."""
        body = message.of(panda_id, attempt_nr)
        return self._update_head % len(body) + body


def pilot(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """acquire, running, finished, again and again; with several jobs in a claim, one after the other."""
    asking = calls.post("pilot/acquire_jobs", messages.acquire(f"node{number}.test", load.jobs_per_call))
    yield READY
    while run.goes_on() and run.reserve(load.jobs_per_call):
        jobs = jobs_in((yield "acquire", asking))
        if not jobs:
            run.no_jobs += 1
            yield PAUSE
        run.handed += [panda_id for panda_id, _ in jobs]
        for panda_id, attempt_nr in jobs:
            began = _noted(run, "update", (yield "update", calls.about(_RUNNING, panda_id, attempt_nr)))
            if began and _noted(run, "report", (yield "report", calls.about(_FINISHED, panda_id, attempt_nr))):
                run.reported.append(panda_id)
                run.done()


def heartbeats(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """Signs of life of running jobs that the client got before."""
    answer = yield "acquire", calls.post("pilot/acquire_jobs", messages.acquire(f"node{number}.test", HEARTBEAT_JOBS))
    beats = [calls.about(_RUNNING, *job) for job in jobs_in(answer)]
    for beat in beats:
        _noted(run, "update", (yield "update", beat))
    yield READY
    for beat in itertools.cycle(beats):
        if not run.goes_on():
            return
        if _noted(run, "heartbeat", (yield "heartbeat", beat)):
            run.done()


def reads(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """The state of one job after the other."""
    ids = load.ids[number::load.clients] or load.ids
    asking = [calls.get(f"pilot/get_job_status?job_ids={panda_id}") for panda_id in ids]
    yield READY
    for request in itertools.cycle(asking):
        if not run.goes_on():
            return
        if _noted(run, "read", (yield "read", request)):
            run.done()


def whys(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """Why one job after the other is where it is, and now and then why its queue has what it has."""
    ids = load.ids[number::load.clients] or load.ids
    asking = [("why", calls.get(f"job/why?job_id={panda_id}")) for panda_id in ids]
    asking[::10] = [("queue_why", calls.get(f"queue/why?queue={QUEUE}"))] * len(asking[::10])
    yield READY
    for call, request in itertools.cycle(asking):
        if not run.goes_on():
            return
        if _noted(run, call, (yield call, request)):
            run.done()


def pages(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """Each page of the monitor in its turn, and with each round another job's."""
    ids = load.ids[number::load.clients] or load.ids
    always = [(name, calls.page(target)) for name, target in PAGES.items()]
    yield READY
    for panda_id in itertools.cycle(ids):
        for page, request in (*always, ("job", calls.page(f"/job/{panda_id}/"))):
            if not run.goes_on():
                return
            answer = yield page, request
            if b"</html>" in answer:
                run.done()
            else:
                run.errors[f"{page}: {answer[:15].decode(errors='replace')}"] += 1


def alive(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """The web server alone: no database, no identity."""
    asking = calls.get("system/is_alive")
    yield READY
    while run.goes_on():
        if _noted(run, "is_alive", (yield "is_alive", asking)):
            run.done()


def who_am_i(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """No database, but an identity."""
    asking = calls.get("system/get_attributes")
    yield READY
    while run.goes_on():
        if _noted(run, "get_attributes", (yield "get_attributes", asking)):
            run.done()


def submissions(run: Run, calls: Calls, load: Load, number: int) -> Script:
    """Jobs, some in a call."""
    asking = calls.post("job/submit", messages.submit(load.jobs_per_call))
    yield READY
    while run.goes_on():
        if _noted(run, "submit", (yield "submit", asking)):
            run.done(load.jobs_per_call)


SCRIPTS: Mapping[str, Callable[[Run, Calls, Load, int], Script]] = {
    "pilot": pilot, "heartbeats": heartbeats, "reads": reads, "whys": whys, "pages": pages, "alive": alive, "who_am_i": who_am_i,
    "submissions": submissions}


def _noted(run: Run, call: str, answer: bytes) -> bool:
    """Whether the call succeeded; if the server refused, its words are counted."""
    if answer and not succeeded(answer):
        run.errors[f"{call}: {answer[:80].decode(errors='replace')}"] += 1
        return False
    return bool(answer)
