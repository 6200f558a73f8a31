"""One process of pandad without its edges: the rooms and the loops, on a store under the scalpel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from pandad.api.grants import Grants
from pandad.api.v1.account import Account
from pandad.api.v1.pilot import Pilot
from pandad.brokerage.braking import Braking
from pandad.brokerage.cycle import Cycle
from pandad.brokerage.rebrokerage import Rebrokerage
from pandad.config import (
    BrokerageConfig,
    CacheConfig,
    DatabaseConfig,
    DataServiceConfig,
    HistoryConfig,
    JediConfig,
    RetryConfig,
    RetryRuleConfig,
    SecretsConfig,
    SharesConfig,
    TimeoutsConfig,
    UserInterfaceConfig,
)
from pandad.daemons.alive import Alive
from pandad.daemons.historian import Historian
from pandad.daemons.lease import Leases
from pandad.daemons.queuerefresh import QueueRefresh
from pandad.daemons.rights import RightsReader
from pandad.daemons.sealer import Sealer
from pandad.daemons.tally import Tally
from pandad.dataservice.activator import Activator
from pandad.dataservice.adder import Adder
from pandad.dataservice.catalogue import Catalogue
from pandad.dataservice.local import LocalDDM
from pandad.jedi.cycle import Cycle as TaskCycle
from pandad.jedi.drafts import Drafts
from pandad.jobdispatcher.ageing import Ageing
from pandad.jobdispatcher.caps import Caps
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.harvester import Workers
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.jobsecrets import Extra, JobSecrets
from pandad.jobdispatcher.requests import AcquireJobs
from pandad.jobdispatcher.traffic import Traffic
from pandad.jobdispatcher.watcher import Watcher
from pandad.queuesconfig import QueuesConfig
from pandad.spec.caller import Caller, Credential, Identity
from pandad.spec.job import JobSpec
from pandad.spec.retry import RetryPolicy
from pandad.spec.timeouts import TIMEOUTS
from pandad.taskbuffer.retries import policy_of
from pandad.taskbuffer.store import Store
from pandad.taskbuffer.vault import KEY_BYTES, Vault
from pandad.userinterface import taskjobs
from pandad.userinterface.accounts import Accounts
from pandad.userinterface.cache import Cache
from pandad.userinterface.cachefolder import CacheFolder
from pandad.userinterface.cachesweep import CacheSweep
from pandad.userinterface.debug import Debug
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.secrets import Secrets
from pandad.userinterface.tasks import Tasks
from pandad.userinterface.taskviews import TaskViews

from .scalpel import CutStore, Scalpel
from .stand import ENDPOINT

LEASE_S = 0.02
LATER_S, KEEP_S = 4e9, 1000  # since 1970: every file is older than that
VAULT = Vault([bytes(KEY_BYTES)])
SOURCE = "queues.json"  # in the storage, where there is a source
NEVER = datetime(2099, 1, 1, tzinfo=UTC)
OUT_OF_MEMORY, BAD_SITE = 1212, 1099  # pilotErrorCode
RETRIES = RetryConfig(rules={
    "memory": RetryRuleConfig(source="pilot", codes=(OUT_OF_MEMORY,), action="more_memory"),
    "elsewhere": RetryRuleConfig(source="pilot", codes=(BAD_SITE,), action="avoid_site")})


class Watching:
    """A watcher that looks after one limit, in each round; the others are switched off."""

    def __init__(self, store: Store, policy: RetryPolicy, limit: Callable[[], str]) -> None:
        self._store, self._policy, self._limit = store, policy, limit

    async def run_once(self) -> bool:
        """One round."""
        off = {row.setting: 0 for row in TIMEOUTS if row.name != self._limit()}
        return await Watcher(self._store, TimeoutsConfig(**off), self._policy, Clock()).run_once()


class World:
    """The process. ``limit``: which row of the timeouts the watcher looks after."""

    def __init__(self, clock: Any, database: DatabaseConfig, storage: Path, scalpel: Scalpel, limit: Callable[[], str]) -> None:
        self.store = store = CutStore(clock, database, scalpel)
        traffic = Traffic(store, clock, "faults")
        self.jobs, self.heartbeat, self.workers = Jobs(store), Heartbeat(store, traffic), Workers(store)
        jedi = JediConfig(look_s=0.05)
        self.tasks, self.task_views = Tasks(store, Drafts(jedi), jedi, UserInterfaceConfig()), TaskViews(store)
        self.debug, self.secrets = Debug(store), Secrets(store, VAULT)
        self._dispatcher = Dispatcher(store, clock, SharesConfig(), traffic)
        self._job_secrets = JobSecrets(store, VAULT, SecretsConfig(handed_out="asked"))
        self.pilot = Pilot(self._dispatcher, self.heartbeat, self.workers, self._job_secrets)
        folder = CacheFolder(storage, lambda: LATER_S)
        self.cache = Cache(store, folder, CacheConfig(free_mib=0), clock)
        self.account, self._grants = Account(Accounts(store, VAULT)), Grants({})
        self._rights = RightsReader(store, self._grants.learn)
        self.leases = leases = Leases(store, LEASE_S)
        data, policy = DataServiceConfig(endpoints={ENDPOINT: storage}), policy_of(RETRIES)
        ddm = LocalDDM(clock, data.endpoints)
        brokerage = BrokerageConfig(rebroker_offline_s=0)
        rooms: dict[str, Any] = {
            "brokerage": Cycle(store, brokerage, clock, ddm),
            "rebrokerage": Rebrokerage(store, brokerage, clock, ddm), "brake": Braking(store, brokerage),
            "activator": Activator(store, ddm, data, clock),
            "adder": Adder(store, ddm, data, policy), "watcher": Watching(store, policy, limit),
            "tasks": TaskCycle(store, jedi, Catalogue(store, None), taskjobs.submit),
            "caps": Caps(store, SharesConfig(user_cap=1)), "ageing": Ageing(store),
            "cache": CacheSweep(store, folder, KEEP_S, clock),
            "historian": Historian(store, HistoryConfig()), "audit": Sealer(store, VAULT.audit_keys), "tally": Tally(store),
            "queues": QueueRefresh(store, clock, QueuesConfig(source=str(storage / SOURCE), refresh_s=0))}
        self.loops: Mapping[str, Callable[[], Awaitable[bool]]] = {
            **{name: leases.exclusive(name, 0.0, room.run_once) for name, room in rooms.items()},
            "alive": Alive(store, 1.0).run_once, "traffic": traffic.run_once}

    async def known(self, identity: Identity) -> Caller:
        """Who comes with a certificate or a token, as this process knows him by now."""
        await self._rights.run_once()
        return self._grants.granted(Credential(kind="x509", identity=identity, not_after=NEVER, host="client.test"))

    async def acquire(self, caller: Caller, asked: AcquireJobs) -> list[tuple[JobSpec, Extra]]:
        """Jobs for a pilot, each with what goes along with it."""
        found = await self._dispatcher.acquire(caller, asked)
        extra = await self._job_secrets.of_jobs([job.PandaID or 0 for job in found])
        return [(job, extra.get(job.PandaID or 0, {})) for job in found]
