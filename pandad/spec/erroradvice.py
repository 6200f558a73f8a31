"""What the error codes on jobs mean to the person who reads them, and what to do: the other half of errorcodes.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pandad.spec import errorcodes as e

SOURCES: Mapping[str, str] = {
    "taskBuffer": "TASKBUFFER_", "jobDispatcher": "DISPATCHER_", "brokerage": "BROKERAGE_", "ddm": "DDM_", "sup": "SUP_"}
"""By component, as the two attributes of a job begin: how its constants begin in errorcodes."""

ELSEWHERE: Mapping[str, str] = {
    "pilot": "set by the pilot; its meaning is in the pilot's own list of errors, and pilotErrorDiag has the details",
    "exe": "set by the payload's wrapper, as the pilot read it from the job report",
    "transExitCode": "the exit code of the payload itself; read its log (pandad job log ID)",
}
"""Components that report codes of their own, which pandad keeps as they come."""

_OF_OLD = "PanDA's; pandad does not set it"


@dataclass(frozen=True, slots=True)
class Advice:
    """About one code. ``remedy``: to the owner or the operator, in the imperative."""

    meaning: str
    remedy: str


T, D, B, M, S = SOURCES

ADVICE: Mapping[tuple[str, int], Advice] = {
    (T, e.TASKBUFFER_KILL): Advice(
        "killed: by its owner, by who manages it, or because a job that it needs failed",
        "see who and why with `pandad job timeline ID`"),
    (T, e.TASKBUFFER_TRANSFER_TIMEOUT): Advice(
        "its outputs did not reach their destination in time ([timeouts] transferring_s)",
        "look at the transfers of the named files in the data management system; the files are where the job ran"),
    (T, e.TASKBUFFER_EXPIRED): Advice(
        "it waited too long in one state ([timeouts])",
        "see what it waited for with `pandad job why ID`, mend that, and submit it again"),
    (T, e.TASKBUFFER_ABORTED): Advice("ended by production through its own interface", "ask who runs the task"),
    (T, e.TASKBUFFER_INPUT_EXPIRED): Advice(
        f"it waited too long for its input; {_OF_OLD}, and fails such jobs with taskBuffer {e.TASKBUFFER_EXPIRED}",
        "see whether the input exists and is complete"),
    (T, e.TASKBUFFER_REASSIGNED): Advice(
        "withdrawn by production, to be made again elsewhere",
        "follow its task: new jobs replace it"),
    (T, e.TASKBUFFER_SERVER_RETRY): Advice(
        "the attempt failed, and the server begins another", "nothing; docs/reference/retries.md says when it gives up"),
    (T, e.TASKBUFFER_PILOT_RETRY): Advice(
        "the attempt failed, and its pilot asked for another",
        "nothing, unless it recurs at one queue"),
    (T, e.TASKBUFFER_LOST_FILE): Advice(f"made a file that was lost afterwards; {_OF_OLD}", "make the file again"),
    (T, e.TASKBUFFER_FAST_REBROKERAGE): Advice(
        "withdrawn from a queue that had far more waiting than running jobs", "follow its task: new jobs replace it"),
    (T, e.TASKBUFFER_CLONE_UNLOCKED): Advice(f"another clone of the job was first; {_OF_OLD}", "nothing"),
    (T, e.TASKBUFFER_WORKER_DONE): Advice(
        "Harvester's worker ended without having done it", "look at the worker's batch log at the site"),
    (T, e.TASKBUFFER_FORBIDDEN): Advice("stands in replies, not on jobs: the caller may not do this", "see `pandad whoami`"),
    (T, e.TASKBUFFER_NOT_FOUND): Advice("stands in replies, not on jobs: there is no such thing", "look at the id"),
    (D, e.DISPATCHER_LOST_HEARTBEAT): Advice(
        "its pilot was not heard of for too long ([timeouts] heartbeat_*_s)",
        "if many at one queue: look whether the site's batch system kills pilots (time, memory) or its network cuts them off"),
    (D, e.DISPATCHER_RECOVERY_FAILED): Advice(
        "its pilot promised to deliver the outputs later and did not ([timeouts] holding_*_s)",
        "look at the storage of the site: the outputs could not be written when the job ended"),
    (D, e.DISPATCHER_SENT_WITHOUT_REPLY): Advice(
        "pilot after pilot took it and never spoke ([timeouts] sent_tries)",
        "look at the pilots of that queue: they reach this server to ask and not to report, or end at once"),
    (D, e.DISPATCHER_HOLDING_TIMEOUT): Advice(
        "it waited too long in holding",
        "look at the data service: `pandad loop ls`, `pandad job why ID`"),
    (D, e.DISPATCHER_TRANSFERRING_TIMEOUT): Advice(
        "it waited too long in transferring", "look at the transfers of its outputs in the data management system"),
    (D, e.DISPATCHER_TIMEOUT): Advice(
        "it waited too long in another state ([timeouts])",
        "see what for with `pandad job why ID`"),
    (B, e.BROKERAGE_RELEASE): Advice(
        f"no queue has its software; {_OF_OLD}, and says no queue ({e.BROKERAGE_NO_QUEUE})",
        "see `pandad job why ID`"),
    (B, e.BROKERAGE_VOMS): Advice(f"its owner's VOMS attributes do not do; {_OF_OLD}", "see `pandad whoami`"),
    (B, e.BROKERAGE_NO_QUEUE): Advice(
        "no queue took it when it was looked at last; it is looked at again",
        "see what each queue lacks with `pandad job why ID`: ask for less, or open a queue"),
    (M, e.DDM_SETUPPER): Advice(
        "its input is not there, its queue or files are described wrongly, the name of an output is taken, or it cannot write "
        "into its dataset",
        "bring the input, describe it rightly, or name other outputs or another dataset; ddmErrorDiag names it"),
    (M, e.DDM_GUID): Advice(f"an input has no GUID; {_OF_OLD}", "register the input with its GUID"),
    (M, e.DDM_ADDER): Advice(
        "its outputs are not what its report says, or cannot be registered",
        "compare size and checksum of the files with the report; ddmErrorDiag names them"),
    (M, e.DDM_SUBSCRIPTION): Advice(
        "the data management system refused to move files",
        "do what ddmErrorDiag says: quota, permission, or an endpoint that is out"),
    (M, e.DDM_LOCATION): Advice(
        "an output is at no endpoint, or the one where it lies takes no entries from pandad",
        "look at the endpoints of its queue, and at permissions and quota of pandad's account there"),
    (M, e.DDM_MISSING_NUM_EVENTS): Advice(
        "the job report of a production payload does not say how many events an output has",
        "have the transformation write nentries for it; names that begin with TXT, NTUP or HIST need none"),
    (M, e.DDM_INCONSISTENT_GUID): Advice(
        "the job report of a production payload has another GUID for an output than its pilot",
        "make the file again; if it recurs look at how the transformation and the pilot get at GUIDs"),
    (M, e.DDM_RSE): Advice(
        "the storage endpoint of its queue is unknown, or out of reach",
        "see `pandad queue show QUEUE`, and import the endpoints (pandad queue import --endpoints)"),
    (S, e.SUP_INVALID_BATCH_ID): Advice(
        "a pilot with another batch id reported for it, and was told to stop",
        "nothing, unless it recurs: then two pilots run under one identity at that site"),
    (S, e.SUP_WORKER_ALREADY_DONE): Advice(
        "Harvester says that the worker under its pilot had ended already", "look at the worker's batch log: why it ended"),
}


@dataclass(frozen=True, slots=True)
class Code:
    """One code: the component, the number, the constant's name in small letters."""

    source: str
    number: int
    name: str


def codes() -> list[Code]:
    """All that errorcodes has, by component and number."""
    return [Code(source, number, name.removeprefix(prefix).lower().replace("_", " ")) for source, prefix in SOURCES.items()
            for name, number in sorted(vars(e).items(), key=lambda item: str(item[1]).zfill(6))
            if name.startswith(prefix) and isinstance(number, int)]
