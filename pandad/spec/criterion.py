"""What would have to change where a queue refuses a job or a pilot does not get it: a sentence per criterion, in the key names of
those who can change something. (Criteria: PanDA's names, see brokerage's rules and spec/capability.py.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What it takes for a criterion to be met."""

    NEEDS = auto()  # the job or the description of the queue changes: it stays as it is until somebody acts
    STATUS = auto()  # the queue opens
    LOAD = auto()  # work there gets done
    HISTORY = auto()  # the job forgets where it failed


@dataclass(frozen=True, slots=True)
class Remedy:
    """:param kind: see Kind. :param user, operator: what they can do; {have}, {need} and {queue} are filled in."""

    kind: Kind
    user: str = ""
    operator: str = ""


def _less(job_key: str, queue_key: str, unit: str) -> Remedy:
    return Remedy(Kind.NEEDS, f"ask for at most {{have}}{unit} ({job_key}) instead of {{need}}",
                  f"raise {queue_key} of {{queue}} from {{have}} to {{need}}")


def _more(job_key: str, queue_key: str, unit: str) -> Remedy:
    return Remedy(Kind.NEEDS, f"ask for at least {{have}}{unit} ({job_key}) instead of {{need}}, or leave it out",
                  f"lower {queue_key} of {{queue}} from {{have}} to {{need}}")


_OPEN = "set its status back with `pandad queue set {queue} status=online`"

REMEDIES: Mapping[str, Remedy] = {
    "pinned": Remedy(Kind.NEEDS, "submit it again with another queue, or without one"),
    "status": Remedy(Kind.STATUS, "wait until {queue} is {need} again", _OPEN),
    "type": Remedy(Kind.NEEDS, "submit it with a label (prodSourceLabel) of {have}", "set type of {queue} to unified"),
    "lowmemory": _less("memory_mb, minRamCount", "maxrss", " MB of memory"),
    "highmemory": _more("memory_mb, minRamCount", "minrss", " MB of memory"),
    "disk": _less("disk_mb and the size of its inputs, maxDiskCount", "maxwdir", " MB of scratch disk"),
    "maxinputsize": _less("the size of its inputs", "maxinputsize", " MB of input"),
    "cpucore": _less("cores, coreCount", "corecount", " cores"),
    "shortwalltime": _less("walltime_s, maxWalltime", "maxtime", " s of wall time"),
    "longwalltime": _more("walltime_s, maxWalltime", "mintime", " s of wall time"),
    "cmtconfig": Remedy(Kind.NEEDS, "ask for the platform {have} (platform, cmtConfig) instead of {need}",
                        "add {need} to cmtconfig of {queue}, if it has it"),
    "architecture": Remedy(Kind.NEEDS, "ask for {have} (platform, cmtConfig) instead of {need}",
                           "describe the processors of {queue} in architectures"),
    "cache": Remedy(Kind.NEEDS, "use the software {have} instead of {need} (AtlasRelease, homepackage), or a container",
                    "add {need} to releases of {queue}, if it has it"),
    "vo": Remedy(Kind.NEEDS, "submit it for the VO {have} (vo, VO)", "add {need} to vo_name of {queue}"),
    "storage": Remedy(Kind.NEEDS, "submit it without files", "give {queue} {need} (astorages)"),
    "excluded": Remedy(Kind.HISTORY, "submit it again: a new job may go to {queue}"),
    "transferring": Remedy(Kind.LOAD, "wait until outputs of other jobs left {queue}", "raise transferringlimit of {queue}"),
    "cap": Remedy(Kind.LOAD, "wait until {queue} has worked off some of its jobs", "raise [brokerage] waiting_limit"),
    "scout": Remedy(Kind.LOAD, "wait until scouts of its task have ended", "set [brokerage] scouts to 0"),
    "scout_walltime": Remedy(Kind.NEEDS, "run less in each job of the task: those that are through took {need} s",
                             "raise maxtime of {queue} from {have} to {need}"),
    "non_local": Remedy(Kind.LOAD, "wait until a queue that has all of its input takes it", "bring its input to {queue}"),
    "io": Remedy(Kind.LOAD, "wait until more of its input is at {queue}",
                 "raise the limits on missing input in [brokerage], or bring the input to {queue}"),
    "links_full": Remedy(Kind.LOAD, "wait until the links to {queue} have less to move", "widen the links to {queue}"),
    "link_unusable": Remedy(Kind.STATUS, "wait until a link to {queue} is open again", "open a link to {queue}"),
    "network": Remedy(Kind.NEEDS, "ask for less network (ipConnectivity) than {need}",
                      "set wnconnectivity of {queue} to {need}, if its nodes reach that"),
    "notincluded": Remedy(Kind.NEEDS, "submit it again with other queues, or without a limit to some"),
    "cloudmismatch": Remedy(Kind.NEEDS, "submit it for the cloud {have}, or for none (cloud)"),
    "zeroshare": Remedy(Kind.NEEDS, "submit it as other work (processingType, workingGroup)",
                        "give it a share in fairsharepolicy of {queue}, which says {have}"),
    "resource_type": Remedy(Kind.NEEDS, "ask for cores and memory of a resource type that {queue} takes: {have}",
                            "raise the limit on {need} in resource_type_limits of {queue}"),
    "opportunistic": Remedy(Kind.NEEDS, "lower its priority below 800", "set pledgedcpu of {queue}"),
    "diskIO": _less("diskIO", "maxdiskio", " kB/s for each core"),
    "remoteio": Remedy(Kind.NEEDS, "have it copy its input (transferType)", "set direct_access_lan of {queue}"),
    "es": Remedy(Kind.NEEDS, "submit it as an event service job (eventService)", "set jobseed of {queue} to std"),
    "full_chain": Remedy(Kind.NEEDS, "choose another queue", "set bareNucleus in catchall of {queue} to allow"),
    "blacklist": Remedy(Kind.STATUS, "wait until the storage of {queue} is {need} again", "open the endpoint of {queue} again"),
    "nopilot": Remedy(Kind.LOAD, "wait until pilots of {queue} ask for jobs", "start pilots at {queue}"),
    "badsite": Remedy(Kind.STATUS, "wait until jobs run well at {queue} again", "mend {queue}: jobs fail there fast"),
}

PILOT_REMEDIES: Mapping[str, Remedy] = {
    "disk": Remedy(Kind.NEEDS, "ask for at most {have} MB of scratch disk (disk_mb, maxDiskCount) instead of {need}",
                   "start pilots on nodes with {need} MB of disk at {queue}"),
    "cpucore": Remedy(Kind.NEEDS, "ask for at most {have} cores (cores, coreCount) instead of {need}",
                      "start pilots with {need} cores at {queue}"),
    "prodSourceLabel": Remedy(Kind.NEEDS, "wait for a pilot that takes the label {need}",
                              "start pilots at {queue} that ask for {need}; the last took {have}"),
    "jobType": Remedy(Kind.NEEDS, "wait for a pilot that takes jobs of type {need}",
                      "have Harvester ask for {need} at {queue}; it asked for {have}"),
    "memory": Remedy(Kind.NEEDS, "ask for at most {have} MB of memory (memory_mb, minRamCount) instead of {need}",
                     "start pilots with {need} MB at {queue}"),
    "remaining_time": Remedy(Kind.NEEDS, "ask for at most {have} s of wall time (walltime_s, maxWalltime) instead of {need}",
                             "start pilots that live for {need} s at {queue}"),
    "resource_type": Remedy(Kind.NEEDS, "wait for a pilot for {need}",
                            "start pilots for {need} at {queue}; the last was for {have}"),
    "task": Remedy(Kind.NEEDS, "wait for a pilot that asks for no other task"),
    "workingGroup": Remedy(Kind.NEEDS, "wait for a pilot that asks for no other group"),
    "countryGroup": Remedy(Kind.NEEDS, "wait for a pilot that asks for no other country"),
    "owner": Remedy(Kind.NEEDS, "wait for a pilot that is nobody's own"),
    "prodUserName": Remedy(Kind.NEEDS, "wait for a pilot that asks for no other user"),
}


SCOUT = "scout"  # a job waits for others of its task
RULED_OUT = "submitter ruled it out"

# PanDA has one name for two things here; what the rule said tells them apart.
_SAID: Sequence[tuple[str, str, Remedy]] = (
    ("disk", " free", Remedy(Kind.LOAD, "wait until there is room where {queue} writes to",
                             "free space where {queue} writes to, or lower [brokerage] least_free_gb")),
    ("excluded", RULED_OUT, Remedy(Kind.NEEDS, "submit it again without ruling {queue} out (excludedSite)")),
    ("cache", "gets containers from", Remedy(
        Kind.NEEDS, "use a container from {have} (container, container_name)", "add where {need} is to containers of {queue}")),
    ("lowmemory", "of its task used", Remedy(
        Kind.NEEDS, "use less memory in each job of the task: those that are through used {need} MB",
        "raise maxrss of {queue} from {have} to {need}")))


def remedy_of(criterion: str, text: str = "") -> Remedy | None:
    """Of a queue's refusal with those words; None if it is not listed."""
    said = (remedy for name, words, remedy in _SAID if name == criterion and words in text)
    return next(said, REMEDIES.get(criterion))


def kind_of(criterion: str, text: str = "") -> Kind:
    """What it takes for a queue; of a criterion that is not listed, that it changes by itself."""
    remedy = remedy_of(criterion, text)
    return remedy.kind if remedy is not None else Kind.LOAD


def next_step(remedy: Remedy | None, queue: str, criterion: str, have: object, need: object, text: str = "") -> str:
    """One sentence: what the user can do, and what the operator could.

    :param text: what the rule said, for a criterion that is not listed.
    """
    if remedy is None:
        return f"wait until this changes at {queue}: {text or criterion}"
    shown = {"have": _words(have), "need": _words(need), "queue": queue}
    steps = [remedy.user.format(**shown)] if remedy.user else []
    if remedy.operator:
        steps.append("the operator can " + remedy.operator.format(**shown))
    return ", or ".join(steps)


@dataclass(frozen=True)
class Never:
    """No registered queue can ever take a job, whatever its load and status.

    :param queue: the nearest one; None: there is none at all. :param criterion, have, need, text: what it lacks first.
    :param lacks: all criteria that it fails. :param queues: how many are registered.
    """

    queue: str | None
    criterion: str
    have: object
    need: object
    text: str
    lacks: tuple[str, ...]
    queues: int

    def __hash__(self) -> int:
        """By what is surely hashable."""
        return hash((self.queue, self.criterion, self.text))

    @property
    def sentence(self) -> str:
        """For a person."""
        if self.queue is None:
            return "no queue is registered"
        return f"none of {self.queues} registered queues can ever take it; nearest {self.queue}: {self.criterion}, {self.text}"

    @property
    def next_step(self) -> str:
        """What would have to change for the nearest to take it."""
        if self.queue is None:
            return "have the operator add a queue with `pandad queue add FILE`"
        return next_step(remedy_of(self.criterion, self.text), self.queue, self.criterion, self.have, self.need, self.text)


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else str(value)
