"""The real rooms behind the real API on a real database, with everybody's jobs in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from factories import a_job
from secretwatch import MARK
from stages import Stage
from treq.testing import StubTreq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from whys import Whys

from pandad.api.auth import Authenticators
from pandad.api.ddm import Ddm
from pandad.api.grants import Grants
from pandad.api.legacy import Legacy
from pandad.api.legacycreds import LegacyCreds
from pandad.api.legacyuser import LegacyUser
from pandad.api.route import declared
from pandad.api.site import build_sites
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
from pandad.config import CacheConfig, JediConfig, SecretsConfig, SharesConfig, UserInterfaceConfig
from pandad.daemons.rights import RightsReader
from pandad.dataservice.notices import Bulletin, hear_of_placements
from pandad.jedi.drafts import Drafts
from pandad.jobdispatcher import lending
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.harvester import Workers
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.jobsecrets import JobSecrets
from pandad.monitor.house import pages
from pandad.monitorconfig import MonitorConfig
from pandad.spec.act import operator_on
from pandad.spec.caller import Credential, Identity, Role
from pandad.spec.confidential import Confidential
from pandad.spec.jobstatus import JobStatus
from pandad.spec.pilotcredential import Kind
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.vault import Vault
from pandad.userinterface import administration
from pandad.userinterface.accounts import Accounts
from pandad.userinterface.administration import Whom
from pandad.userinterface.cache import Cache
from pandad.userinterface.cachefolder import CacheFolder
from pandad.userinterface.debug import Debug
from pandad.userinterface.demand import Demand
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.secrets import Secrets
from pandad.userinterface.tasks import Tasks
from pandad.userinterface.taskviews import TaskViews as Views

from . import people
from .calls import FIRST_TASK
from .oracle import JOBS

CLOCK: Any = reactor
S = JobStatus
IDENTITIES = {"alice": people.ALICE, "bob": people.BOB, "prod": people.PRODUCTION, "pilot": people.PILOT}

# What a call about a job may leave behind, undone.
RESET = """
    UPDATE job SET jobstatus = CASE WHEN jobname = 'waiting' THEN 'activated' ELSE 'running' END::job_status,
        commandtopilot = NULL, specialhandling = NULL, holderanchor = CASE WHEN jobname <> 'waiting' THEN %(anchor)s END,
        holdersubject = CASE WHEN jobname <> 'waiting' THEN %(subject)s END, endtime = NULL
    WHERE pandaid = %(id)s RETURNING 1"""
TASK = """
    INSERT INTO task (jeditaskid, parent_tid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo,
                      prodsourcelabel, workinggroup, currentpriority, production, creationhost, parameters, digest)
    VALUES (%(task)s, %(task)s, %(task)s, true, 'running', %(anchor)s, %(subject)s, 'x', 'wlcg', %(label)s, %(group)s, 1000,
            false, '', '{}', 'x') RETURNING 1"""
RESET_TASK = "UPDATE task SET status = 'running' WHERE jeditaskid = %(task)s RETURNING 1"
FIT = {"resume": "paused", "retry": "failed", "reactivate": "failed"}  # states in which a verb can happen
SIGNS = """
    SELECT (SELECT md5(string_agg(t::text, '')) FROM task t WHERE jeditaskid = %(id)s + 20000000),
        (SELECT count(*) FROM task),
        (SELECT md5(string_agg(j::text, '')) FROM job j WHERE pandaid = %(id)s), (SELECT count(*) FROM job),
        (SELECT count(*) FROM audit), (SELECT count(*) FROM link_code), (SELECT md5(string_agg(s::text, '')) FROM user_secret s),
        (SELECT md5(string_agg(w::text, '')) FROM worker w), (SELECT count(*) FROM job_debug),
        (SELECT md5(string_agg(x, '')) FROM (SELECT h::text FROM harvester h UNION ALL SELECT c::text FROM worker_count c
            UNION ALL SELECT n::text FROM harvester_note n UNION ALL SELECT o::text FROM harvester_command o) AS t(x))"""


class Proofs:
    """An authenticator: the proof that is laid down here."""

    name = "test"
    proof: Credential | None = None

    async def authenticate(self, request: Any) -> Credential | None:
        """See IAuthenticator."""
        return self.proof


class World:
    """All of it. ``running``, ``waiting``: PandaIDs by the names in oracle.JOBS."""

    def __init__(self, store: Store) -> None:
        self.store, self.stage, self.proofs = store, Stage(store), Proofs()
        config, self.vault = people.CONFIG, Vault([b"k" * 32])
        roles = {Role.PILOT: config.pilot, Role.PRODUCTION: config.production, Role.ADMIN: config.admin,
                 Role.DDM: config.ddm}
        self.grants = Grants(roles, config.groups, config.vos, directory=None)
        self.handlers = _handlers(store, self.vault)
        identify = Authenticators([self.proofs], self.grants.granted).identify
        sites = build_sites(self.handlers, identify, lambda: "https://panda.test", CLOCK)
        self._treq: Any = StubTreq(sites.active.resource)
        self._treq._agent._serverFactory = sites.active  # the stub would make a plain Site of its own
        self.running: dict[str, int] = {}
        self.waiting: dict[str, int] = {}

    async def begin(self) -> None:
        """Jobs, links, a ban, and something to lend."""
        await self.store.transact("test_rights", _people)
        await self.store.transact("test_lending", _lend, self.vault)
        await RightsReader(self.store, self.grants.learn).run_once()
        for number, (name, job) in enumerate(JOBS.items()):
            await self.stage.queue(nickname=f"Q{number}")
            two = [a_job(jobStatus=S.ACTIVATED, jobName=what, workingGroup=job.group, prodSourceLabel=job.label,
                         computingSite=f"Q{number}") for what in ("running", "waiting")]
            self.running[name], self.waiting[name] = await self.stage.jobs(*two, owner=IDENTITIES[job.owner])
            await self.stage.sql(TASK, task=self.running[name] + FIRST_TASK, anchor=IDENTITIES[job.owner].anchor,
                                 subject=IDENTITIES[job.owner].subject, label=job.label, group=job.group)
            await self.reset(name, waiting=False)

    async def fit(self, panda_id: int, path: str) -> None:
        """Have the task of that job in a state that the call is for."""
        status = FIT.get(path.rpartition("/")[2]) if "/task/" in path else None
        if status is not None:
            await self.stage.sql("UPDATE task SET status = %(status)s WHERE jeditaskid = %(task)s RETURNING 1", status=status,
                                 task=panda_id + FIRST_TASK)

    async def reset(self, name: str, waiting: bool) -> None:
        """The job as it was."""
        holder = IDENTITIES[JOBS[name].holder]
        await self.stage.sql(RESET_TASK, task=self.running[name] + FIRST_TASK)
        await self.stage.sql(RESET, id=self.job(name, waiting), anchor=holder.anchor, subject=holder.subject)

    def job(self, name: str, waiting: bool) -> int:
        """Its PandaID."""
        return (self.waiting if waiting else self.running)[name]

    async def signs(self, panda_id: int) -> list[Any]:
        """Something that differs if anything was done."""
        return await self.stage.sql(SIGNS, id=panda_id)

    async def call(self, proof: Credential | None, method: str, path: str, values: dict[str, Any], form: bool = False,
                   ) -> tuple[int, str]:
        """Status and text of the reply to somebody."""
        self.proofs.proof = proof
        more: dict[str, Any] = {"headers": {"accept": "application/json"}}
        if method == "GET":
            path += "?" + urlencode(values, doseq=True)
        else:
            more |= {"data": urlencode(values)} if form else {"data": json.dumps(values).encode()}
        if form:
            more["headers"]["content-type"] = "application/x-www-form-urlencoded"
        reply = Deferred.fromCoroutine(self._reply(method, path, more))
        while not reply.called:
            self._treq.flush()
            await deferLater(CLOCK, 0)
        return await reply

    async def _reply(self, method: str, path: str, more: dict[str, Any]) -> tuple[int, str]:
        if isinstance(more.get("data"), str):
            more["data"] = more["data"].encode()
        response = await self._treq.request(method, f"https://panda.test{path}", **more)
        return response.code, await self._treq.text_content(response)


def _handlers(store: Store, vault: Vault) -> Sequence[object]:
    dispatcher, heartbeat, workers = Dispatcher(store, CLOCK, SharesConfig()), Heartbeat(store), Workers(store)
    along, secrets, lends = JobSecrets(store, vault, SecretsConfig()), Secrets(store, vault), lending.Lending(store, vault)
    debug, accounts, whys = Debug(store), Accounts(store, vault), Whys(store)
    return (
        Pilot(dispatcher, heartbeat, workers, along), Legacy(dispatcher, heartbeat, workers, along), Creds(secrets, lends),
        FileServer(Cache(store, CacheFolder(Path("none"), lambda: 0.0), CacheConfig(), reactor)),
        LegacyCreds(lends), LegacyUser(debug, secrets), Job(Jobs(store), dispatcher, debug), Account(accounts),
        Harvester(workers), TaskViews(Views(store)),
        Task(Tasks(store, Drafts(JediConfig()), JediConfig(), UserInterfaceConfig())),
        Explain(whys.explain, whys.queues, whys.dry_run), Statistics(Demand(store, CLOCK, SharesConfig())),
        System(), Metaconfig(accounts), Workflow(), Ddm(Bulletin(store, [hear_of_placements])),
        *pages(store, CLOCK, MonitorConfig(), whys.explain, whys.queues, _no_complaints))


async def _no_complaints() -> Sequence[str]:
    return ()


def served(world: World) -> set[str]:
    """The paths that there are."""
    return {route.path for route, _ in declared(world.handlers)}


async def _people(txn: Transaction) -> None:
    root = operator_on("root", "host")
    for first, second in ((people.ALICE, people.ALICES_TOKEN), (people.BANNED, people.BANNED_TOO)):
        await administration.link(txn, _whom(first), _whom(second), "", root)
    await administration.set_role(txn, _whom(people.BANNED), Role.ADMIN, True, "", root)
    await administration.ban(txn, _whom(people.BANNED), "mining on the Grid", None, False, root)


def _whom(identity: Identity) -> Whom:
    return Whom(f"{identity.subject} from {identity.anchor}")


async def _lend(txn: Transaction, vault: Vault) -> None:
    root = operator_on("root", "host")
    for kind, name in ((Kind.PROXY, "robot"), (Kind.PUBLIC_KEY, "k"), (Kind.PRIVATE_KEY, "k"), (Kind.TOKEN, "c")):
        await lending.put(txn, vault, kind, name, "", Confidential(f"{MARK} lent"), None, root)
    await lending.put(txn, vault, Kind.TOKEN_KEY, "c", "", Confidential("K"), None, root)
