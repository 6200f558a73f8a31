"""Hand out jobs: turn what a pilot says of itself into a capability, and claim what fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from pandad.config import SharesConfig
from pandad.jobdispatcher.matcher import MOST, Matcher
from pandad.jobdispatcher.requests import AcquireJobs
from pandad.jobdispatcher.traffic import Traffic
from pandad.spec.account import People
from pandad.spec.caller import Caller, Role, compact_name
from pandad.spec.capability import Capability
from pandad.spec.errors import Forbidden, NotAuthenticated
from pandad.spec.job import ClaimedJob
from pandad.taskbuffer import jobs
from pandad.taskbuffer.jobs import JobState
from pandad.taskbuffer.store import Store

MAX_JOBS = MOST  # in one call
NAME_LENGTH = 60  # of prodUserName

# Labels that a pilot of a label may take (PanDA server, getJobs). A label that is not listed takes its own jobs only.
_ANY = ("managed", "test", "prod_test", "install", "user", "panda", "ptest", "rc_test2")
LABELS = {
    None: ("managed", "test", "prod_test", "install"),
    "managed": ("managed", "test", "prod_test", "install"),
    "user": ("user", "panda"),
    "test": ("test", "prod_test"),
    "unified": _ANY,
}


def labels_for(label: str | None) -> tuple[str, ...]:
    """The prodSourceLabels whose jobs a pilot with this one may take."""
    return LABELS.get(label or None, (label or "",))


class Dispatcher:
    """Gives jobs to pilots, and to Harvester for its workers."""

    def __init__(self, store: Store, clock: IReactorTime, shares: SharesConfig, traffic: Traffic | None = None,
                 people: People | None = None) -> None:
        self._store, self._traffic = store, traffic
        self._matcher = Matcher(store, clock, shares, people)

    async def acquire(self, caller: Caller, wanted: AcquireJobs, gone: Callable[[], bool] = lambda: False) -> list[ClaimedJob]:
        """The best jobs that fit, now in the caller's hands; none if there is none.

        A caller without the pilot role gets its own user jobs only.

        :param gone: whether the caller has hung up; it gets none then, because nobody would hear of them.
        :raise NotAuthenticated, Forbidden: who asks may not take such jobs.
        :raise StoreUnavailable: try later; if jobs were taken all the same, their lease brings them back.
        """
        try:
            pilot = capability(caller, wanted)
        except (NotAuthenticated, Forbidden):
            if self._traffic is not None:
                self._traffic.turned_away(wanted.site_name)
            raise
        found = await self._matcher.ask(pilot, gone)
        if self._traffic is not None and (found or not gone()):
            self._traffic.asked(pilot, len(found), self._matcher.refusals)
        return found

    async def statuses(self, ids: Sequence[int]) -> list[JobState | None]:
        """The states of those jobs in the order asked for; None where there is no such job."""
        return await self._store.read("job_states", jobs.states, ids)


def capability(caller: Caller, wanted: AcquireJobs) -> Capability:
    """What this caller can be given. Pure.

    :raise NotAuthenticated, Forbidden: it may not take such jobs.
    """
    if caller.identity is None:
        raise NotAuthenticated("a job is only given to a pilot with a certificate or token, and none came with the call")
    labels, owners = labels_for(wanted.prod_source_label), None
    if not caller.has(Role.PILOT, Role.PRODUCTION):
        if wanted.prod_source_label != "user":
            raise Forbidden("without a role of a pilot one may take his own jobs of label user only, and this asked for "
                            f"{wanted.prod_source_label or 'managed'}; {caller.described}")
        owners = caller.identities
    return Capability(
        queue=wanted.site_name, count=max(1, min(wanted.n_jobs or 1, MAX_JOBS)), memory_mb=_limit(wanted.memory),
        disk_mb=_limit(wanted.disk_space), remaining_s=_limit(wanted.remaining_time), cores=_limit(wanted.core_count),
        labels=labels, job_types=labels_for(wanted.job_type) if wanted.job_type else None, resource_type=wanted.resource_type,
        task_id=wanted.task_id, working_group=wanted.working_group, country_group=wanted.country_group,
        owners=owners, owner_name=_label(wanted.prod_user_id), holder=caller.identity, node=wanted.node,
        computing_element=wanted.computing_element, scheduler_id=wanted.scheduler_id,
        harvester_id=wanted.harvester_id, worker_id=wanted.worker_id)


def _label(subject: str | None) -> str | None:
    """The compact name that stands on jobs; a pilot sends the whole DN."""
    return compact_name(subject)[:NAME_LENGTH] if subject else None


def _limit(value: float | None) -> int | None:
    """A limit as pilots send it: 0 and nothing mean no limit."""
    return int(value) if value else None
