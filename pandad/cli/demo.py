"""`pandad demo`: the main job. Ten jobs, from submission to their end, by real pilots in a sandbox of its own.

The last one fails on purpose. With --kill-daemon and --stop-database the demo breaks its own sandbox on the way, and must end
the same.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from pandad.cli.client import Client, connect
from pandad.cli.demoreport import PAYLOAD_EXIT_CODE, Verdict, judge, rendered
from pandad.cli.description import jobs_of
from pandad.cli.foreground import in_foreground
from pandad.cli.jobsubmit import accepted
from pandad.cli.jobwait import Description, changes, ended
from pandad.cli.output import show
from pandad.cli.submission import submission
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.pilot import PAYLOAD_BASE_URL, PilotProcess, PilotSettings, missing_requirements, prepare_pilot
from pandad.embedded.sandbox import HOST, QUEUE, Sandbox
from pandad.spec.errors import PandadError
from pandad.spec.jobstatus import AFTER_PILOT
from pandad.tomlsource import Source

JOBS = 10
SCOPE = "user.alice"
POLL_S = 1.0
LIMIT_S = 115.0
PILOT_LIFETIME_S = 55  # a pilot tells of a failed job when its own time is up, see embedded/pilotsettings.py
FAULT_LIMIT_S = 400.0
FAULT_LIFETIME_S = 90  # a pilot that works through an outage needs its time
FAULT_AFTER_S = 14.0  # the pilots are in the middle of their jobs then
SPARE_PILOTS = 20  # more than these, beyond one per job, means that something is wrong

TEMPLATE = """# The jobs of `pandad demo`. Each reads a file and writes it in capital letters.
transformation = "{payload}"
name = "demo"
walltime_s = 600
memory_mb = 100

[[jobs]]
count = {good}
arguments = "input.{{n}}.txt output.{{n}}.txt"
inputs = [{{ lfn = "input.{{n}}.txt", scope = "{scope}" }}]
outputs = [{{ lfn = "output.{{n}}.txt", scope = "{scope}" }}]

[[jobs]] # fails on purpose
name = "demo-fails"
arguments = "input.{{n}}.txt output.{{n}}.txt {exit_code}"
inputs = [{{ lfn = "input.{{n}}.txt", scope = "{scope}" }}]
outputs = [{{ lfn = "output.{{n}}.txt", scope = "{scope}" }}]
"""


class DemoCannotRun(PandadError):
    """Something of this machine is missing; the text says what to do."""


def run(args: argparse.Namespace) -> int:
    """The whole demo: 0 if everything came out as promised, 1 if not."""
    problems = missing_requirements()
    if problems:
        raise DemoCannotRun("this machine cannot run a pilot safely:\n  " + "\n  ".join(problems))
    return in_foreground(lambda reactor, stopped: _demo(reactor, stopped, args))


async def _demo(reactor: Any, stopped: Deferred[None], args: argparse.Namespace) -> int:
    with redirect_stdout(sys.stderr) if args.json else nullcontext():  # then only the report goes where a script reads
        verdicts, directory = await _performed(reactor, stopped, args)
    good = all(v.as_promised for v in verdicts) and len(verdicts) == JOBS
    show(args, [v.as_dict() for v in verdicts], rendered(verdicts, directory, good))
    return 0 if good else 1


async def _performed(reactor: Any, stopped: Deferred[None], args: argparse.Namespace) -> tuple[list[Verdict], Path]:
    directory = _prepared(args.directory)
    say("getting the pilot ready")
    source = await _in_thread(reactor, prepare_pilot, args.cache)
    say(f"starting a sandbox in {directory}")
    sandbox = Sandbox(reactor, directory, ports=(0, 0))
    await sandbox.start()
    show_ = Show(reactor, sandbox, source, args)
    try:
        found = await show_.play(stopped)
    finally:
        await show_.clear()
        await sandbox.stop()
    return [judge(job, sandbox.storage) for job in found], sandbox.directory


def _prepared(wished: Path | None) -> Path:
    """An empty directory that other accounts may enter: as root the pilots run as another one.

    :raise DemoCannotRun: somebody's things are there; pilots get all of a storage to themselves.
    """
    directory = wished or Path(tempfile.mkdtemp(prefix="pandad-demo-", dir="/var/tmp"))
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise DemoCannotRun(f"{directory} is not empty; name a new directory, or none")
    directory.chmod(0o755)
    return directory


class Show:
    """The jobs, the pilots, and the watching."""

    def __init__(self, reactor: Any, sandbox: Sandbox, source: Path, args: argparse.Namespace) -> None:
        self._reactor, self._sandbox, self._source, self._args = reactor, sandbox, source, args
        self._faulty = bool(args.kill_daemon or args.stop_database)
        self._client: Client = connect(sandbox.environment())
        self._pilots: list[PilotProcess] = []
        self._known: dict[int, Description | None] = {}

    async def play(self, stopped: Deferred[None]) -> list[Description]:
        """Submit, run pilots, watch; the jobs as they are at the end, with their histories under `timeline`."""
        started = self._reactor.seconds()
        limit_s = FAULT_LIMIT_S if self._faulty else LIMIT_S
        ids = await _in_thread(self._reactor, self._submit)
        faults = Deferred.fromCoroutine(self._break_things()) if self._faulty else None
        while not stopped.called and self._reactor.seconds() - started < limit_s and not await self._all_ended(ids):
            await self._man()
            await deferLater(self._reactor, POLL_S)
        if faults is not None:
            await faults
        return [await _in_thread(self._reactor, self._described, panda_id) for panda_id in ids]

    async def clear(self) -> None:
        """Kill what is left of the pilots: all jobs have ended, and pilots take half a minute to leave. Their logs stay."""
        for pilot in self._pilots:
            pilot.kill()
        await DeferredList([p.finished for p in self._pilots], consumeErrors=True)
        for pilot in self._pilots:
            shutil.rmtree(pilot.settings.workdir / "source", ignore_errors=True)

    def _submit(self) -> list[int]:
        file = self._sandbox.directory / "jobs.toml"
        file.write_text(TEMPLATE.format(
            payload=f"{PAYLOAD_BASE_URL}hello.sh", good=JOBS - 1, scope=SCOPE, exit_code=PAYLOAD_EXIT_CODE))
        jobs = jobs_of(Source(file.read_text("utf-8"), str(file)), scope=SCOPE, run="demo")
        for job in jobs:
            for wanted in job.inputs:
                _place(self._sandbox.storage, wanted.lfn or "")
        rows = accepted(jobs, self._client.post("job/submit", jobs=submission(jobs)))
        say(f"submitted {len(rows)} jobs as alice ({file})")
        return [row["PandaID"] for row in rows]

    async def _all_ended(self, ids: list[int]) -> bool:
        pending = [i for i in ids if i not in self._known or not ended(self._known[i])]
        if not pending:
            return True
        try:
            found = await _in_thread(self._reactor, lambda: self._client.post("job/get_description", job_ids=pending))
        except PandadError as error:  # an outage that this demo may have made itself: the daemon must get over it
            say(f"no answer from the daemon: {error}")
            return False
        for line in changes(pending, found, self._known):
            say(line)
        return all(ended(self._known[i]) for i in ids)

    async def _man(self) -> None:
        """As many pilots as there are jobs that want one. A pilot that finds no job, or no daemon, ends and is replaced."""
        wanting = sum(job is None or not ended(job) and job["jobStatus"] not in AFTER_PILOT for job in self._known.values())
        working = sum(not p.finished.called for p in self._pilots)
        for _ in range(min(wanting - working, JOBS + SPARE_PILOTS - len(self._pilots))):
            pilot = PilotProcess(self._settings(len(self._pilots) + 1))
            self._pilots.append(pilot)
            await pilot.start(self._reactor)
        if wanting > working:
            say(f"{wanting} pilots at work")

    def _settings(self, number: int) -> PilotSettings:
        server = self._sandbox.config.server
        return PilotSettings(
            source=self._source, workdir=self._sandbox.directory / f"pilot{number:02d}", queue=QUEUE, tls_port=server.tls_port,
            http_port=server.http_port, proxy_file=self._sandbox.pki.proxy("pilot"), ca_dir=self._sandbox.pki.ca_directory,
            storage_root=self._sandbox.storage, host=HOST, node=f"node{number:02d}",
            lifetime_s=FAULT_LIFETIME_S if self._faulty else PILOT_LIFETIME_S)

    async def _break_things(self) -> None:
        await deferLater(self._reactor, FAULT_AFTER_S)
        if self._args.kill_daemon:
            say("FAULT: kill -9 of the daemon")
            self._sandbox.daemon.kill()
        if self._args.stop_database:
            say(f"FAULT: the database stops for {self._args.stop_database:g} s")
            await self._sandbox.postgres.stop("immediate")
            await deferLater(self._reactor, self._args.stop_database)
            await self._sandbox.postgres.start()
            say("the database is back")

    def _described(self, panda_id: int) -> Description:
        (job,) = self._client.post("job/get_description", job_ids=[panda_id])
        return {**job, "timeline": self._client.get("job/get_timeline", job_id=panda_id)}


def say(text: str) -> None:
    """Progress, for a person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def _place(storage: Path, lfn: str) -> None:
    path = path_of(storage, FileName(SCOPE, lfn))
    assert path is not None
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(f"this is {lfn}\n", "utf-8")


def _in_thread(reactor: Any, work: Any, *args: Any) -> Deferred[Any]:
    return deferToThreadPool(reactor, reactor.getThreadPool(), work, *args)
