"""The rules on where a job's input is. All queues that read from one endpoint are alike in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.brokerage.criterion import No, Rule, criterion
from pandad.brokerage.inputs import Inputs, told
from pandad.brokerage.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class DataLimits:
    """What may be moved for a job. 0 is no limit.

    :param missing_bytes, missing_files: of its input, that a queue may lack. :param backlog_files: that wait on the link already.
    """

    missing_bytes: int = 0
    missing_files: int = 0
    backlog_files: int = 0


DataRule = Rule[[Inputs, str | None, Snapshot, DataLimits]]


@criterion("non_local", "input bytes that the queue's endpoint has", "bytes of all the input")
def non_local(inputs: Inputs, endpoint: str | None, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """Where the data service does not move files, a queue that lacks input which another one has; if none has, they are alike."""
    if snapshot.moves or not inputs.is_whole_at(snapshot.read_from):
        return None
    lack = inputs.lack(endpoint)
    if not lack.files:
        return None
    there = ", ".join(inputs.sources[:3])
    text = (f"it lacks {lack.files} of {inputs.files} input files, {told(lack.size_bytes)}; they are at"
            f" {there}, and the data service does not move files")
    return No("non_local", inputs.size_bytes - lack.size_bytes, inputs.size_bytes, text)


@criterion("io", "bytes that may be missing", "input bytes that the queue lacks")
def missing_bytes(inputs: Inputs, endpoint: str | None, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue to which more input would have to be moved than the configuration allows for one job."""
    if not limits.missing_bytes:
        return None
    lack = inputs.lack(endpoint)
    if lack.size_bytes <= limits.missing_bytes:
        return None
    text = f"{told(lack.size_bytes)} of its input would have to be moved there, {told(limits.missing_bytes)} may"
    return No("io", limits.missing_bytes, lack.size_bytes, text)


@criterion("io", "files that may be missing", "input files that the queue lacks")
def missing_files(inputs: Inputs, endpoint: str | None, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue to which more files would have to be moved than the configuration allows for one job."""
    if not limits.missing_files:
        return None
    lack = inputs.lack(endpoint)
    if lack.files <= limits.missing_files:
        return None
    text = f"{lack.files} input files would have to be moved there, {limits.missing_files} may"
    return No("io", limits.missing_files, lack.files, text)


@criterion("links_full", "files that wait on the best link to the queue's endpoint", "most_backlog_files")
def links_full(inputs: Inputs, endpoint: str | None, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue that lacks input, when each link to it from where that is has too much to move already."""
    if not limits.backlog_files or not inputs.lack(endpoint).files:
        return None
    link = snapshot.ways.cheapest(inputs.at, endpoint)
    if link is None or link.blocked:
        return None
    waiting = link.backlog_files + snapshot.promised.get(endpoint, 0)
    if waiting <= limits.backlog_files:
        return None
    text = f"{waiting} files wait already to be moved to {endpoint}, {limits.backlog_files} may"
    return No("links_full", waiting, limits.backlog_files, text)


@criterion("link_unusable", "links to the queue's endpoint", "one that is not blocked")
def link_unusable(inputs: Inputs, endpoint: str | None, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue that lacks input, when all links to it from where that is are blocked."""
    if not snapshot.ways.some_blocked or not inputs.lack(endpoint).files:
        return None
    link = snapshot.ways.cheapest(inputs.at, endpoint)
    if link is None or not link.blocked:
        return None
    return No("link_unusable", "blocked", "a link", f"the links to {endpoint} from where its input is are blocked")


@criterion("blacklist", "state of the endpoint where the queue's jobs read from", "readable")
def blacklist(inputs: Inputs, endpoint: str | None, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue that reads from an endpoint which is closed for reading."""
    known = snapshot.endpoints.get(endpoint or "")
    if known is None or known.readable:
        return None
    return No("blacklist", "closed for reading", "readable", f"{endpoint} is closed for reading")


DATA_RULES: Sequence[DataRule] = (blacklist, non_local, missing_bytes, missing_files, link_unusable, links_full)
