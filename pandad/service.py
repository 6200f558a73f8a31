"""The daemon: reads the options, builds the rooms and joins them. The one file that knows every room, and the reactor."""

from __future__ import annotations

import gc
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from pandad import log, operation, systemd
from pandad.admission import Admission
from pandad.api.ddm import Ddm
from pandad.api.descriptions import Descriptions
from pandad.api.farewell import Farewell
from pandad.api.files import Files
from pandad.api.health import Check, Health, answers
from pandad.api.legacy import Legacy
from pandad.api.legacycreds import LegacyCreds
from pandad.api.legacyuser import LegacyUser
from pandad.api.numbers import Numbers
from pandad.api.openapi import OpenApi
from pandad.api.port import listen
from pandad.api.site import build_sites
from pandad.api.tokens.authconfig import AuthConfigError
from pandad.api.tokens.discovery import FetchFailed
from pandad.api.v1.account import Account
from pandad.api.v1.creds import Creds
from pandad.api.v1.explain import Explain
from pandad.api.v1.file_server import FileServer
from pandad.api.v1.harvester import Harvester
from pandad.api.v1.job import Job
from pandad.api.v1.metaconfig import Metaconfig
from pandad.api.v1.pilot import Pilot
from pandad.api.v1.statistics import Statistics
from pandad.api.v1.system import System
from pandad.api.v1.task import Task
from pandad.api.v1.taskviews import TaskViews
from pandad.api.v1.workflow import Workflow
from pandad.api.x509.tls import TlsConfigError
from pandad.brokerage.advisor import Advisor
from pandad.brokerage.braking import Braking
from pandad.brokerage.cycle import Cycle
from pandad.brokerage.rebrokerage import Rebrokerage
from pandad.brokerage.suitability import Suitability
from pandad.config import Config, ConfigError, load
from pandad.console.hostkey import HostKeyError
from pandad.console.room import Console
from pandad.console.verb import Bench
from pandad.daemons.alive import Alive
from pandad.daemons.historian import Historian
from pandad.daemons.lease import Leases
from pandad.daemons.loop import Loop
from pandad.daemons.queuerefresh import QueueRefresh
from pandad.daemons.queuesource import SourceUnusable
from pandad.daemons.reload import Reload
from pandad.daemons.schedule import Bodies, schedule
from pandad.daemons.sealer import Sealer
from pandad.daemons.tally import Tally
from pandad.dataservice.inputs import Inputs
from pandad.dataservice.room import DataService
from pandad.dataservice.rucio.trust import CredentialUnusable
from pandad.jedi.cycle import Cycle as TaskCycle
from pandad.jedi.drafts import Drafts
from pandad.jobdispatcher.ageing import Ageing
from pandad.jobdispatcher.caps import Caps
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.harvester import Workers
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.jobsecrets import JobSecrets
from pandad.jobdispatcher.lending import Lending
from pandad.jobdispatcher.order import Order
from pandad.jobdispatcher.traffic import Traffic
from pandad.jobdispatcher.watcher import Watcher
from pandad.monitor.house import pages
from pandad.spec.errors import Unavailable
from pandad.taskbuffer import census, migrate, upgrade, vault
from pandad.taskbuffer.retries import policy_of
from pandad.taskbuffer.store import CHANNELS, Store
from pandad.userinterface import taskjobs
from pandad.userinterface.accounts import Accounts
from pandad.userinterface.cache import Cache
from pandad.userinterface.cachefolder import CacheFolder
from pandad.userinterface.cachesweep import CacheSweep
from pandad.userinterface.debug import Debug
from pandad.userinterface.demand import Demand
from pandad.userinterface.dryrun import DryRun
from pandad.userinterface.explain import Explain as Reasons
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.queuewhy import QueueWhy
from pandad.userinterface.secrets import Secrets
from pandad.userinterface.standing import Sources
from pandad.userinterface.tasks import Tasks
from pandad.userinterface.taskviews import TaskViews as Views

SCHEMA_RETRY_S = 1.0
UPGRADE_LIMIT_S = 24 * 3600.0  # for one statement of a migration, which may rewrite a table of millions
GARBAGE_OBJECTS = 20_000  # that may wait for the collector: a few MB
SOURCES = frozenset({"queues"})  # loops that read what somebody else keeps
READY_LIMIT_S = 2.0  # for the database to answer; who probes /readyz gives up early


class Options(UsageOptions):
    """Command line of `twistd pandad`."""

    optParameters = [["config", "c", "/etc/pandad/pandad.toml", "configuration file; try it with `pandad check --config FILE`"]]

    config: Config

    def postOptions(self) -> None:
        """Read the configuration while twistd can still refuse to start and say why."""
        try:
            self.config = load(self["config"])
        except ConfigError as error:
            raise UsageError(f"the configuration cannot be used:\n{error}") from None
        if self.parent is not None and not self.parent.get("logger"):
            log.choose(self.config.log)
            self.parent["logger"] = log.OBSERVER_NAME


def makeService(options: Options) -> MultiService:
    """The daemon as a service, for twistd.

    :raise UsageError: the certificates, the authorities, the token issuers, or the keys of the secrets, cannot be used.
    """
    from twisted.internet import reactor as chosen  # not before twistd had its say on which reactor

    reactor: Any = chosen
    # Twisted's own delays go by the wall clock: set back by an hour, it would let nothing happen for an hour; set forward, it
    # would let every deadline pass at once.
    reactor.seconds = time.monotonic
    try:
        pandad = Pandad(reactor, options.config, lambda: load(options["config"]))
    except (TlsConfigError, AuthConfigError, FetchFailed, SourceUnusable, CredentialUnusable, vault.KeyFileError,
            systemd.WrongSocket, HostKeyError) as error:
        raise UsageError(str(error)) from None
    _spare_the_collector()
    return pandad


def _spare_the_collector() -> None:
    """Have Python look for reference cycles in what calls leave behind, and seldom: at its own pace that is a tenth of a call,
    and what was made until here, all of which stays, is gone through again and again, for 20 ms each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


class Pandad(MultiService):
    """All of it: the store, the rooms, the ports, the loops."""

    log = Logger()

    def __init__(self, reactor: Any, config: Config, again: Callable[[], Config] | None = None) -> None:
        super().__init__()
        self._reactor, self._config = reactor, config
        self._stopping = False
        server = config.server
        wanted = systemd.Wanted("tls", server.tls_port), systemd.Wanted("http", server.http_port)
        self._passed = systemd.passed(wanted, systemd.inherited())
        self._problem: str | None = "the database schema has not been looked at yet"
        self._ports: list[IListeningPort] = []
        self._before: Any = signal.SIG_DFL  # what SIGHUP did
        self._store = Store(reactor, config.database)
        self._leases = Leases(self._store, config.loops.lease_s)
        self._vault = vault.read(config.secrets.key_file) if config.secrets.key_file is not None else None
        self.admission = admission = Admission(reactor, self._store, config, time.time, again or (lambda: config))
        admission.setServiceParent(self)
        self._data = DataService(reactor, self._store, config.dataservice, policy_of(config.retry), time.time)
        self._traffic = Traffic(self._store, reactor, self._leases.holder)
        self._cache_folder = CacheFolder(config.cache.folder, time.time) if config.cache.folder is not None else None
        self._queue_refresh = QueueRefresh(self._store, reactor, config.queues)
        self._loops = self._make_loops()
        self.reload = Reload(reactor, {
            "the configuration": admission.settings.reload,
            "certificates": operation.reload_by(admission.tls_loop, lambda: admission.tls_watch.problem),
            "token issuers": operation.reload_by(admission.issuers_loop, lambda: admission.tokens.problem),
            "queues": operation.wake(self._loops, SOURCES)}, systemd.tell)
        sources = self._sources()
        self._reasons = Reasons(self._store, sources, config.shares, config.timeouts, config.loops, admission.people)
        self._queue_reasons = QueueWhy(self._store, sources.advisor)
        bench = Bench(store=self._store, loops=self._loops, reasons=self._reasons, queues=self._queue_reasons,
                      holder=self._leases.holder, complaints=self._complaints, reload=self.reload, seconds=reactor.seconds,
                      python={"pandad": self} if config.console.python else None)
        Console(reactor, bench, config.console).setServiceParent(self)
        self._sites = build_sites(self._handlers(sources), admission.identify, self.active_url, reactor, admission.load)

    def _handlers(self, sources: Sources) -> Sequence[object]:
        dispatcher = Dispatcher(self._store, self._reactor, self._config.shares, self._traffic, self.admission.people)
        heartbeat, workers = Heartbeat(self._store, self._traffic), Workers(self._store)
        files, debug = self._config.files, Debug(self._store)
        secrets, lending = Secrets(self._store, self._vault), Lending(self._store, self._vault)
        accounts = Accounts(self._store, self._vault)
        job_secrets = JobSecrets(self._store, self._vault, self._config.secrets)
        handlers = (
            Pilot(dispatcher, heartbeat, workers, job_secrets),
            Job(Jobs(self._store, self._config.userinterface, sources.suitability), dispatcher, debug),
            Task(Tasks(self._store, Drafts(self._config.jedi), self._config.jedi, self._config.userinterface)),
            TaskViews(Views(self._store)),
            Explain(self._reasons, self._queue_reasons, DryRun(self._store, sources)),
            Statistics(Demand(self._store, self._reactor, self._config.shares, self.admission.people)),
            Harvester(workers),
            Creds(secrets, lending),
            Account(accounts),
            LegacyCreds(lending),
            LegacyUser(debug, secrets),
            System(),
            Metaconfig(accounts),
            Workflow(),
            Legacy(dispatcher, heartbeat, workers, job_secrets),
            Files(Descriptions(self._store, self._data.ddm.endpoints), self._cache_folder, files.trf_directory),
            FileServer(Cache(self._store, self._cache_folder, self._config.cache, self._reactor)),
            self.admission.tokens.auth_configs,
            Ddm(self._data.bulletin),
            Health(self._checks, self._starts, self._notes),
            Numbers(lambda: self._store.read("census", census.take), self._reactor),
        )
        monitor = pages(self._store, self._reactor, self._config.monitor, self._reasons, self._queue_reasons, self._complaints)
        return *handlers, OpenApi(handlers), *monitor

    def _sources(self) -> Sources:
        """What the other rooms know, for those who ask why."""
        return Sources(
            advisor=Advisor(self._store, self._config.brokerage, self._reactor, self._data.ddm),
            suitability=Suitability(self._store, self._reactor),
            order=Order(self._store, self._reactor, self._config.shares, self.admission.people), inputs=Inputs(self._data.ddm))

    def _make_loops(self) -> Sequence[Loop]:
        store, config = self._store, self._config
        bodies = Bodies(
            brokerage=Cycle(store, config.brokerage, self._reactor, self._data.ddm).run_once,
            brake=Braking(store, config.brokerage).run_once,
            rebrokerage=Rebrokerage(store, config.brokerage, self._reactor, self._data.ddm).run_once,
            activator=self._data.activator.run_once,
            placements=self._data.arrivals.run_once,
            adder=self._data.adder.run_once,
            outbox=self._data.outbox.run_once,
            finisher=self._data.finisher.run_once,
            closer=self._data.closer.run_once,
            watcher=Watcher(store, config.timeouts, policy_of(config.retry), self._reactor).run_once,
            alive=Alive(store, config.loops.alive_s).run_once,
            caps=Caps(store, config.shares, self.admission.people).run_once,
            ageing=Ageing(store).run_once,
            historian=Historian(store, config.history).run_once,
            queues=self._queue_refresh.run_once,
            cache=CacheSweep(store, self._cache_folder, config.cache.keep_s, self._reactor).run_once,
            rights=self.admission.rights.run_once,
            audit=Sealer(store, self._vault.audit_keys if self._vault else ()).run_once,
            tasks=TaskCycle(store, config.jedi, self._data.catalogue, taskjobs.submit).run_once,
            tally=Tally(store).run_once,
            traffic=self._traffic.run_once)
        loops = schedule(self._reactor, bodies, self._leases, config.loops)
        loops = [*loops, Loop(self._reactor, "token denials", config.tokens.denials_s, self.admission.tokens.denials.run_once)]
        operation.measure(loops, store)
        for loop in loops:
            if loop.loop_name in CHANNELS:
                store.listen(loop.loop_name, loop.wake)
        return loops

    def active_url(self) -> str:
        """Where active calls go."""
        port = operation.number(self._ports[0]) if self._ports else self._config.server.tls_port
        return f"https://{socket.getfqdn()}:{port}"

    def startService(self) -> None:
        """Listen at once; calls that need the database are told to come again until it is there."""
        super().startService()
        self._listen()
        self.admission.load.start()
        if (ddm := self._data.refreshed) is not None:
            Loop(self._reactor, "endpoints", ddm.period_s, ddm.run_once).setServiceParent(self)
        self._before = signal.signal(signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(self._hung_up))
        Deferred.fromCoroutine(self._open()).addErrback(lambda f: self.log.failure("start-up failed", failure=f))

    def _hung_up(self) -> None:
        Deferred.fromCoroutine(self.reload.run()).addErrback(lambda f: self.log.failure("the reload failed", failure=f))

    def stopService(self) -> Deferred[None]:
        """Refuse new connections, let rounds and calls under way end, give the leases back, close the database; cut what does not
        end in [server] stop_s."""
        self._stopping = True
        systemd.tell("STOPPING=1")
        self.admission.load.stop()
        self._queue_refresh.stop()
        if (ddm := self._data.refreshed) is not None:
            ddm.give_up()
        signal.signal(signal.SIGHUP, self._before)
        closed = [port.stopListening() for port in self._ports]
        farewell = Farewell(self._reactor, (self._sites.active, self._sites.passive), self.admission.door)
        return Deferred.fromCoroutine(operation.end(
            self._reactor, self._config.server.stop_s, [d for d in closed if d is not None], super().stopService(), farewell,
            self._leases if self._problem is None else None, self._store))

    def _listen(self) -> None:
        server, door = self._config.server, self.admission.door
        try:
            self._ports = [
                listen(self._reactor, server.tls_port, self._sites.active, server.interface, self.admission.tls, door,
                       self._passed.get("tls"), self.admission.turnstile),
                listen(self._reactor, server.http_port, self._sites.passive, server.interface, None, door,
                       self._passed.get("http"))]
        except CannotListenError as error:
            raise SystemExit(f"pandad: {error} Stop what listens there, or set another port in [server].") from None
        tls_port, http_port = map(operation.number, self._ports)
        self.log.info("listening: TLS {tls}, plain {plain}", tls=tls_port, plain=http_port)
        if server.ports_file is not None:
            operation.write_ports(server.ports_file, tls_port, http_port)

    async def _open(self) -> None:
        """See that the schema is up to date, however long that or the database takes to appear; then start the loops."""
        upgrading = Store(self._reactor, replace(self._config.database, statement_timeout_s=UPGRADE_LIMIT_S))
        while self.running and self._problem is not None:
            try:
                applied = await upgrading.transact("upgrade", upgrade.at_start, self._config.database.upgrade_at_start)
                await self.admission.rights.run_once()
            except (Unavailable, migrate.SchemaError) as error:
                self._complain(str(error))
                await deferLater(self._reactor, SCHEMA_RETRY_S)
            else:
                self._problem = None
                self.log.info("the database is ready, {n} migrations applied", n=applied)
        await upgrading.close()
        if self.running:
            with suppress(Unavailable):  # then they run out by themselves
                await self._leases.reclaim()
            self._store.start()
            for loop in self._loops:
                loop.setServiceParent(self)
            operation.show_life(self._reactor, self._loops, self)
            systemd.tell("READY=1", "STATUS=works")

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self.log.error("not ready: {problem}", problem=problem)
            systemd.tell(f"STATUS=not ready: {problem}")
        self._problem = problem

    def _starts(self) -> Mapping[str, Check]:
        return {"schema": lambda: self._problem}

    def _checks(self) -> Mapping[str, Check]:
        return {**self._starts(), "stop": lambda: "this process stops" if self._stopping else None,
                "database": self._database_complaint, "certificates": self.admission.tls_watch.complaint,
                **{f"loop {loop.loop_name}": loop.complaint for loop in self._loops}}

    async def _complaints(self) -> Sequence[str]:
        return [sentence for sentence in (await answers(self._checks())).values() if sentence is not None]

    def _notes(self) -> Sequence[str]:
        """What an operator should know, and what is no reason to send requests elsewhere."""
        note = ddm.complaint() if (ddm := self._data.refreshed) is not None else None
        return () if note is None else (note,)

    async def _database_complaint(self) -> str | None:
        try:
            await self._store.once("ready", migrate.ping).addTimeout(READY_LIMIT_S, self._reactor)
        except Unavailable as error:
            return str(error)
        except WaitTimeout:
            return f"the database did not answer within {READY_LIMIT_S:g} s"
        return None
