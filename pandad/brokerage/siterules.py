"""The rules on what a site wants to have, and where a job may go: of the descriptions alone, as those in rules.py."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from pandad.brokerage.criterion import No, Rule, criterion
from pandad.spec.job import JobSpec
from pandad.spec.site import Connectivity, Queue

PRODUCTION = "managed"  # prodSourceLabel
URGENT = 800  # currentPriority: such work goes to no machines that may be taken away
ANY_CLOUD = frozenset({"WORLD", "ANY"})
DIRECT = "direct"  # transferType
_REACH = (Connectivity.NONE, Connectivity.HTTP, Connectivity.FULL)


@criterion("notincluded", "the queue", "queues and patterns that the job is limited to")
def not_included(job: JobSpec, queue: Queue) -> No | None:
    """A job that is limited to some queues goes to no other."""
    if not job.included or any(fnmatchcase(queue.name, name) for name in job.included):
        return None
    listed = ", ".join(job.included)
    return No("notincluded", queue.name, listed, f"the job is limited to {listed}")


@criterion("vo", "vo_name of the queue", "VO of the job")
def vo(job: JobSpec, queue: Queue) -> No | None:
    """A queue of some VOs takes no jobs of another."""
    vos = [name.strip() for name in queue.vo.split(",") if name.strip()]
    if not vos or not job.VO or job.VO in vos:
        return None
    return No("vo", queue.vo, job.VO, f"the queue is for {queue.vo}, the job is of {job.VO}")


@criterion("cloudmismatch", "cloud of the queue", "cloud of the job")
def cloud(job: JobSpec, queue: Queue) -> No | None:
    """A job for one cloud goes to no queue of another."""
    if not job.cloud or job.cloud in ANY_CLOUD or not queue.cloud or queue.cloud == job.cloud:
        return None
    return No("cloudmismatch", queue.cloud, job.cloud, f"the queue is of cloud {queue.cloud}, the job is for {job.cloud}")


@criterion("zeroshare", "fairsharepolicy of the queue", "processingType, workingGroup and priority of the job")
def zero_share(job: JobSpec, queue: Queue) -> No | None:
    """A queue that gives such work no share."""
    work = {"type": job.processingType or "", "group": job.workingGroup or ""}
    item = queue.fairshare.zero_share(work, job.currentPriority)
    if item is None:
        return None
    return No("zeroshare", item, job.processingType or "no type", f"the queue gives such work no share: {item}")


@criterion("resource_type", "resource types that the queue takes", "resource_type")
def resource_type(job: JobSpec, queue: Queue) -> No | None:
    """A queue that takes no jobs of that resource type."""
    if not job.resource_type or queue.takes(job.resource_type):
        return None
    listed = ", ".join(queue.resource_types) or "none"
    return No("resource_type", listed, job.resource_type, f"the queue takes {listed}, the job is {job.resource_type}")


@criterion("opportunistic", "pledgedcpu of the queue", "a pledge, for urgent production")
def opportunistic(job: JobSpec, queue: Queue) -> No | None:
    """Urgent production goes to no machines that nobody pledged."""
    if not queue.is_opportunistic or job.prodSourceLabel != PRODUCTION or job.currentPriority < URGENT:
        return None
    return No("opportunistic", queue.pledged_cpu, "a pledge", "nobody pledged its machines, and the job is urgent production")


@criterion("diskIO", "maxdiskio of the queue, kB/s of a core", "diskIO of the job, kB/s of a core")
def disk_io(job: JobSpec, queue: Queue) -> No | None:
    """A queue whose disks are too slow for the job."""
    need = (job.diskIO or 0) // max(job.coreCount or 1, 1)
    if not queue.maxdiskio_kbs or need <= queue.maxdiskio_kbs:
        return None
    text = f"the job reads and writes {need} kB/s for each core, the queue allows {queue.maxdiskio_kbs}"
    return No("diskIO", queue.maxdiskio_kbs, need, text)


@criterion("network", "wnconnectivity of the queue", "ipConnectivity of the job")
def connectivity(job: JobSpec, queue: Queue) -> No | None:
    """A queue whose nodes do not reach what the job needs: full, http or none, and after a # IPv4 or IPv6."""
    reach, _, stack = (job.ipConnectivity or "").partition("#")
    wanted = next((each for each in _REACH if each.value == reach), Connectivity.NONE)  # what clients write besides says nothing
    reaches = _REACH.index(queue.connectivity) >= _REACH.index(wanted)
    if reaches and (not stack or stack == queue.ip_stack):
        return None
    have = f"{queue.connectivity}#{queue.ip_stack}".rstrip("#")
    return No("network", have, job.ipConnectivity, f"its nodes reach {have}, the job needs {job.ipConnectivity}")


@criterion("remoteio", "direct_access_lan of the queue", "direct access")
def direct_access(job: JobSpec, queue: Queue) -> No | None:
    """A queue whose jobs copy their input, for a job that reads it in place."""
    if job.transferType != DIRECT or not job.inputs or queue.direct_access_lan or queue.direct_access_wan:
        return None
    return No("remoteio", False, True, "the job reads its input in place, jobs at the queue copy it")


@criterion("es", "jobseed of the queue", "an event service job")
def event_service(job: JobSpec, queue: Queue) -> No | None:
    """A queue that is kept for event service."""
    if queue.jobseed not in ("es", "eshigh") or job.eventService:
        return None
    return No("es", queue.jobseed, "std", "the queue is kept for event service jobs")


@criterion("full_chain", "bareNucleus in catchall of the queue", "a full chain")
def full_chain(job: JobSpec, queue: Queue) -> No | None:
    """A queue that is kept for workflows which stay at one site from end to end."""
    if queue.catchall.get("bareNucleus") != "only":
        return None
    return No("full_chain", "only", "full chain", "the queue is kept for full chains")


SITE_RULES: Sequence[Rule[[JobSpec, Queue]]] = (
    not_included, vo, cloud, zero_share, resource_type, opportunistic, disk_io, connectivity, direct_access, event_service,
    full_chain)
