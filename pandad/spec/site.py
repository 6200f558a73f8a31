"""A PanDA queue: what a site offers, read from its CRIC schedconfig description, which pilots get back unchanged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pandad.spec import values
from pandad.spec.errors import BadRequest
from pandad.spec.fairsharepolicy import FairSharePolicy, policy_of
from pandad.spec.platform import Hardware, hardware_of
from pandad.spec.resourcetype import RESOURCE_TYPES


class QueueStatus(StrEnum):
    """Whether a queue takes work (CRIC vocabulary)."""

    ONLINE = "online"
    STANDBY = "standby"      # as online, while the site lends its machines
    TEST = "test"            # test jobs only
    BROKEROFF = "brokeroff"  # pinned jobs only
    OFFLINE = "offline"
    PAUSED = "paused"        # nothing for now; its pilots may go on


class QueueType(StrEnum):
    """Whose work a queue takes (CRIC vocabulary)."""

    PRODUCTION = "production"
    ANALYSIS = "analysis"
    UNIFIED = "unified"  # both
    SPECIAL = "special"  # both, on machines of its own kind


class Slots(StrEnum):
    """What jobs a queue's slots are for (CRIC: capability)."""

    ANY = ""         # up to its cores; a queue that does not say
    SCORE = "score"  # of one core
    MCORE = "mcore"  # of several
    UCORE = "ucore"  # up to its cores


class Connectivity(StrEnum):
    """What of the network the worker nodes reach (CRIC: the part of wnconnectivity before the #)."""

    FULL = "full"
    HTTP = "http"
    NONE = "none"


ACTIVE = "ACTIVE"  # CRIC's state of what exists

# By key of a description: what it decides. Everything else is kept, and served to pilots, and not looked at.
KEYS: Mapping[str, str] = {
    "nickname": "the name of the queue",
    "atlas_site": "the site; else gstat, else the name",
    "gstat": "the site of a description without atlas_site",
    "status": "whether it takes work",
    "state": "ACTIVE; in any other state the queue is offline",
    "is_virtual": "true: only a template of other queues, so offline",
    "type": "production, analysis, unified (both) or special (both)",
    "capability": "score, mcore or ucore: jobs of one core, of several, of any number up to corecount",
    "corecount": "cores of a slot",
    "maxrss": "most memory of a job, MB",
    "minrss": "least memory of a job, MB",
    "meanrss": "usual memory of a core, MB",
    "maxwdir": "most scratch disk of a job, MB",
    "maxinputsize": "most input of a job, MB",
    "maxtime": "most wall time of a job, s",
    "mintime": "least wall time of a job, s",
    "maxdiskio": "most disk traffic of a core, kB/s",
    "uconfig": "resource_type_limits = {TYPE: cores}; 0: no jobs of that resource type",
    "resource_type": "grid, cloud, hpc, ...",
    "fairsharepolicy": "work that gets a share of 0 does not come",
    "jobseed": "std, es, eshigh or all: whether it is kept for event service",
    "workflow": "pull or push, as Harvester names it",
    "transferringlimit": "jobs whose outputs may be on their way",
    "cmtconfig": "platforms, separated by commas",
    "cmtconfigs": "more platforms, a list",
    "releases": "software, a list; AUTO or ANY is any",
    "tags": "software tags, a list of names or of tables with project, release and cmtconfig",
    "containers": "how names of containers may begin, a list; any is anyhow, none is that there are no containers",
    "is_cvmfs": "whether CVMFS is there",
    "architectures": "processors: CPUs and GPUs",
    "wnconnectivity": "network of the worker nodes: full, http or none, and #IPv4 or #IPv6",
    "allow_lan": "whether jobs may read from the site's own storage",
    "allow_wan": "whether jobs may read from other sites' storage",
    "direct_access_lan": "whether they read it in place, without a copy",
    "direct_access_wan": "the same from other sites",
    "astorages": "storage endpoints by activity: pr, pw, read_lan, read_wan, write_lan, write_wan, ...",
    "pledgedcpu": "pledged cores; -1 is opportunistic",
    "corepower": "HS23 of a core",
    "cloud": "cloud",
    "country": "country",
    "region": "region",
    "tier": "tier in words, such as T2D",
    "tier_level": "tier as a number; up to 1 is a nucleus",
    "datapolicies": "a list; one with Nucleus in it makes the site a nucleus",
    "vo_name": "the VO, or several with commas; jobs of others do not come",
    "catchall": "words and NAME=VALUE, separated by commas",
}


@dataclass(frozen=True, slots=True)
class Queue:
    """The part of a description that decides. 0 means no limit, as in CRIC; empty sets leave everything open.

    Each field comes from the key of KEYS that is spelled like it, give or take the unit.

    :param slots: from capability. :param resource: from resource_type. :param vo: from vo_name.
    :param releases: software, as ``AtlasRelease`` and ``homepackage`` of jobs name it. :param tags: the same from tags:
        "release", "project-release" and "project/release".
    :param hardware: from architectures. :param is_nucleus: from tier_level and datapolicies. :param ip_stack: IPv4, IPv6, or "".
    :param transferring_limit: jobs whose outputs are on their way.
    :param endpoints_in: where inputs may be read over the LAN, the best first. :param endpoints_out: the same for outputs.
    :param endpoints_wan: elsewhere, from where inputs may be read over the WAN.
    :param status_reason: why the status is another than the description's, "" if it is that.
    :param problem: why the description could not be read, None if it could: then nothing but the name is known, and the queue is
        offline, whatever anybody says.
    """

    name: str
    site: str
    status: QueueStatus
    type: QueueType
    slots: Slots
    maxrss_mb: int
    minrss_mb: int
    meanrss_mb: int
    maxwdir_mb: int
    maxinput_mb: int
    maxtime_s: int
    mintime_s: int
    maxdiskio_kbs: int
    corecount: int
    resource_type_limits: Mapping[str, int]
    resource: str
    fairshare: FairSharePolicy
    jobseed: str
    workflow: str
    transferring_limit: int
    platforms: frozenset[str]
    releases: frozenset[str]
    tags: frozenset[str]
    containers: frozenset[str]
    is_cvmfs: bool
    hardware: tuple[Hardware, ...]
    connectivity: Connectivity
    ip_stack: str
    allow_lan: bool
    allow_wan: bool
    direct_access_lan: bool
    direct_access_wan: bool
    endpoints_in: tuple[str, ...]
    endpoints_out: tuple[str, ...]
    endpoints_wan: tuple[str, ...]
    pledged_cpu: int
    corepower: float
    cloud: str
    country: str
    region: str
    tier: str
    tier_level: int
    is_nucleus: bool
    vo: str
    catchall: Mapping[str, str]
    description: Mapping[str, Any]
    status_reason: str = ""
    problem: str | None = None

    @property
    def endpoint_in(self) -> str | None:
        """Where inputs are read first."""
        return self.endpoints_in[0] if self.endpoints_in else None

    @property
    def endpoint_out(self) -> str | None:
        """Where outputs are written first."""
        return self.endpoints_out[0] if self.endpoints_out else None

    @property
    def is_opportunistic(self) -> bool:
        """Nobody pledged these machines."""
        return self.pledged_cpu == OPPORTUNISTIC

    @property
    def gpus(self) -> tuple[Hardware, ...]:
        """The graphics processors."""
        return tuple(each for each in self.hardware if each.is_gpu)

    def takes(self, resource_type: str) -> bool:
        """Whether jobs of a resource type may come at all; of one that PanDA does not know, if there is no limit of 0."""
        cores = resource_type.partition("_")[0].lower()
        kept = self.slots in (Slots.SCORE, Slots.MCORE) and cores in (Slots.SCORE, Slots.MCORE) and cores != self.slots
        return not kept and self.resource_type_limits.get(resource_type) != 0

    @property
    def resource_types(self) -> tuple[str, ...]:
        """Those of PanDA's that may come."""
        return tuple(each.resource_name for each in RESOURCE_TYPES if self.takes(each.resource_name))


OPPORTUNISTIC = -1
NUCLEUS_TIER = 1  # PanDA's configurator: these and those with the data policy are nuclei
NO_TIER = 9  # of a description that does not say
ANY_SOFTWARE = frozenset({"AUTO", "ANY"})
READ, READ_WAN, WRITE = ("pr", "read_lan"), ("read_wan",), ("pw", "write_lan")  # CRIC activities; pilots look at the first


def queue_from_description(description: Mapping[str, Any], name: str | None = None) -> Queue:
    """Read a schedconfig description.

    :param name: of a description without nickname.
    :raise BadRequest: names the key that is missing or wrong.
    """
    told = description.get("nickname") or name
    if not isinstance(told, str) or not told or told != told.strip() or not told.isprintable() or "/" in told:
        raise BadRequest("nickname", "the queue's name is missing; set it to a text such as \"MY_QUEUE\""
                         if not told else f"{told!r} is no name; set it to a text such as \"MY_QUEUE\", without a slash")
    if name is not None and told != name:
        raise BadRequest("nickname", f"{told!r} stands under the name {name!r}; make them equal")
    return Queue(name=told, description=description, **_limits(description), **_work(description), **_software(description),
                 **_storages(description), **_place(description, told))


def stored_queue(description: Mapping[str, Any], name: str) -> Queue:
    """The same of a description that was taken once, perhaps by a pandad that saw no mistake in it: one such queue is no reason
    to have none."""
    try:
        return queue_from_description(description, name)
    except BadRequest as error:
        known = queue_from_description({"nickname": "X", "status": QueueStatus.OFFLINE})
        reason = f"its description cannot be read: {error}"
        return replace(known, name=name, site=name, description=description, status_reason=reason, problem=str(error))


def status_in(description: Mapping[str, Any]) -> QueueStatus:
    """What a description alone says of its queue.

    :raise BadRequest: it is none of the words.
    """
    status = values.one_of(QueueStatus, "status", description.get("status", QueueStatus.ONLINE))
    exists = str(description.get("state") or ACTIVE).upper() == ACTIVE and not values.flag(description, "is_virtual", False)
    return status if exists else QueueStatus.OFFLINE


def _limits(description: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "maxrss_mb": values.whole(description, "maxrss"),
        "minrss_mb": values.whole(description, "minrss"),
        "meanrss_mb": values.whole(description, "meanrss"),
        "maxwdir_mb": values.whole(description, "maxwdir"),
        "maxinput_mb": values.whole(description, "maxinputsize"),
        "maxtime_s": values.whole(description, "maxtime"),
        "mintime_s": values.whole(description, "mintime"),
        "maxdiskio_kbs": values.whole(description, "maxdiskio"),
        "corecount": values.whole(description, "corecount") or 1,
        "transferring_limit": values.whole(description, "transferringlimit"),
    }


def _work(description: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": status_in(description),
        "type": values.one_of(QueueType, "type", description.get("type") or QueueType.UNIFIED),
        "slots": values.one_of(Slots, "capability", description.get("capability") or Slots.ANY),
        "resource_type_limits": _resource_type_limits(description),
        "resource": values.text(description, "resource_type").lower(),
        "fairshare": policy_of(description.get("fairsharepolicy")),
        "jobseed": values.text(description, "jobseed").lower() or "std",
        "workflow": values.text(description, "workflow"),
        "pledged_cpu": values.whole(description, "pledgedcpu", least=OPPORTUNISTIC),
        "corepower": values.number(description, "corepower"),
        "vo": values.text(description, "vo_name"),
        "catchall": _pairs(values.text(description, "catchall")),
    }


def _software(description: Mapping[str, Any]) -> dict[str, Any]:
    releases = frozenset(values.names(description, "releases"))
    reach, _, ip_stack = values.text(description, "wnconnectivity").partition("#")
    return {
        "platforms": frozenset([*values.names(description, "cmtconfig"), *values.names(description, "cmtconfigs")]),
        "releases": frozenset() if releases & ANY_SOFTWARE else releases,
        "tags": _tags(description),
        "containers": frozenset(values.names(description, "containers")),
        "is_cvmfs": values.flag(description, "is_cvmfs", True),
        "hardware": hardware_of(description.get("architectures")),
        "connectivity": values.one_of(Connectivity, "wnconnectivity", reach or Connectivity.FULL),
        "ip_stack": ip_stack,
    }


def _storages(description: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "allow_lan": values.flag(description, "allow_lan", True),
        "allow_wan": values.flag(description, "allow_wan", False),
        "direct_access_lan": values.flag(description, "direct_access_lan", False),
        "direct_access_wan": values.flag(description, "direct_access_wan", False),
        "endpoints_in": _endpoints(description, READ),
        "endpoints_out": _endpoints(description, WRITE) or _endpoints(description, READ),
        "endpoints_wan": _endpoints(description, READ_WAN),
    }


def _place(description: Mapping[str, Any], name: str) -> dict[str, Any]:
    level = values.whole(description, "tier_level") if description.get("tier_level") not in (None, "") else NO_TIER
    nucleus = any("nucleus" in policy.lower() for policy in values.names(description, "datapolicies"))
    return {
        "site": values.text(description, "atlas_site") or values.text(description, "gstat") or name,
        "cloud": values.text(description, "cloud"),
        "country": values.text(description, "country"),
        "region": values.text(description, "region"),
        "tier": values.text(description, "tier"),
        "tier_level": level,
        "is_nucleus": nucleus or level <= NUCLEUS_TIER,
    }


def _pairs(text: str) -> dict[str, str]:
    """``a,b=1`` as {"a": "", "b": "1"}; a comma within quotes separates nothing."""
    items = re.findall(r"""(?:[^,'"]|'[^']*'|"[^"]*"|['"])+""", text)
    return {key.strip(): value.strip() for key, _, value in (item.partition("=") for item in items) if key.strip()}


def _tags(description: Mapping[str, Any]) -> frozenset[str]:
    """A tag by each of the names that a job may know it by."""
    value = description.get("tags")
    if not isinstance(value, list | tuple) or not any(isinstance(tag, Mapping) for tag in value):
        return frozenset(values.names(description, "tags"))
    return frozenset(name for tag in value for name in (_names(tag) if isinstance(tag, Mapping) else [str(tag)]) if name)


def _names(tag: Mapping[str, Any]) -> list[str]:
    project, release = str(tag.get("project") or ""), str(tag.get("release") or "")
    return [release, f"{project}-{release}", f"{project}/{release}"] if project and release else [release]


def _resource_type_limits(description: Mapping[str, Any]) -> dict[str, int]:
    uconfig = description.get("uconfig") or {}
    limits = (uconfig.get("resource_type_limits") or {}) if isinstance(uconfig, Mapping) else None
    if not isinstance(limits, Mapping):
        raise BadRequest("uconfig", "is not a table with resource_type_limits = {TYPE: cores}")
    found = {str(name): limits[name] for name in limits if limits[name] not in (None, "")}
    return {name: values.as_whole("uconfig", value) for name, value in found.items()}


def _endpoints(description: Mapping[str, Any], activities: tuple[str, ...]) -> tuple[str, ...]:
    """Storage endpoints of the first of these activities that has any (CRIC astorages)."""
    storages = description.get("astorages") or {}
    if not isinstance(storages, Mapping):
        raise BadRequest("astorages", "is not a table of activity = [endpoints]")
    for activity in activities:
        names = storages.get(activity) or ()
        if isinstance(names, str | Mapping):
            raise BadRequest("astorages", f"{activity} is not a list of endpoints")
        if names:
            return tuple(map(str, names))
    return ()
