"""A task as its parameters mean it, and what is stored of it. Names of keys: PanDA's task_parameters.

Sizes are bytes unless the name says otherwise. All times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pandad.spec.caller import Identity
from pandad.spec.taskstatus import FileStatus, TaskStatus

PSEUDO_DATASET = "pseudo_dataset"  # of a task without input: a file for each job
LOWEST_TASK_ID = 10_000_000
PRIMARY = "IN"  # the macro that stands for the files that a job processes


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the parameters of each job. ``padded``: a space follows."""

    text: str
    padded: bool = True


@dataclass(frozen=True, slots=True)
class Input:
    """The datasets whose files are to be processed.

    :param include, exclude: regular expressions for parts of names: one of those must be found if there are any, none of these.
    :param datasets: names of datasets or containers; a * stands for any text.
    :param files: nothing but these. :param skip: so many of what is left, by name. :param most: and no more than so many; 0: all.
    :param stream: the macro that stands for a job's files.
    """

    datasets: tuple[str, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    skip: int = 0
    most: int = 0
    stream: str = PRIMARY

    @property
    def containers(self) -> list[str]:
        """Their names, as they stand beside those of the datasets that were found (`TaskFile.container`)."""
        return [name.rstrip("/") for name in self.datasets]


@dataclass(frozen=True, slots=True)
class Secondary:
    """An input of whose files each job reads some beside those that it processes: in their order, and from the first one again
    when all were read.

    :param per_job: so many; 0: ``ratio`` for each that it processes.
    """

    input: Input
    per_job: int = 0
    ratio: int = 1


@dataclass(frozen=True, slots=True)
class Output:
    """A file that each job writes. ``destination``: the endpoint that it is to be brought to."""

    type: str
    dataset: str
    template: str
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Splitting:
    """How files go into jobs. 0 is no limit; ``files``: exactly so many, as far as there are. ``events``: of all of them.
    ``apart``: those of two datasets go into two jobs."""

    files: int = 0
    most_files: int = 0
    most_bytes: int = 0
    events: int = 0
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Counting:
    """How the events of an input are counted; a file whose events are not known cannot be read then.

    :param per_job: files are cut where so many are reached; 0: they stay whole. :param per_file: so many are in each file,
        whatever its dataset says; 0: as that says. :param most: no more than so many in all, of files that are cut; of whole ones
        those that it takes to have so many. 0: all. :param skip_empty: files without any are left out.
    """

    per_job: int = 0
    per_file: int = 0
    most: int = 0
    skip_empty: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """The job that makes the library for the others. ``scope``: of that."""

    scope: str
    label: str
    archive: str
    parameters: str
    transformation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What is to be done. ``values``: JobSpec attributes that all of its jobs have, but for those of the build job.

    :param unique: the name stands for one task of its owner, which is set going again under it.
    :param pseudo_files: without input: so many jobs. :param events: of each of those; the last one has what is left of
        ``all_events``.
    :param counting: None: nobody counts events of the input.
    :param offset: what SEQNUMBER begins after. :param event_offset: what FIRSTEVENT does.
    :param waits: for the end of its parent, if it has one.
    :param is_staged: its input is copied to the worker node, also where jobs could read it in place.
    :param steps: of the payload, as spec/multistep.py has them; their texts may have ${TRF} and ${TRF_ARGS}.
    """

    name: str
    unique: bool
    vo: str
    label: str
    group: str | None
    processing_type: str | None
    priority: int
    pieces: tuple[Piece, ...]
    input: Input | None
    secondaries: tuple[Secondary, ...]
    pseudo_files: int
    events: int
    all_events: int
    counting: Counting | None
    outputs: tuple[Output, ...]
    splitting: Splitting
    offset: int
    event_offset: int
    source_url: str
    build: Build | None
    waits: bool
    steps: Mapping[str, Mapping[str, str]]
    is_staged: bool
    values: Mapping[str, Any]

    @property
    def container(self) -> str:
        """The dataset that lib files lie in, and the log of the build job."""
        return self.name.rstrip("/")

    @property
    def inputs(self) -> list[Input]:
        """All that its jobs read, but for the library."""
        return [*([self.input] if self.input else []), *(each.input for each in self.secondaries)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A stored one."""

    id: int
    name: str
    unique: bool
    status: TaskStatus
    owner: Identity
    user_name: str
    vo: str
    label: str
    group: str | None
    processing_type: str | None
    priority: int
    production: bool
    host: str
    parameters: Mapping[str, Any]
    digest: str
    submitted_s: float  # ago, by the database's clock
    parent: int | None
    round_nr: int
    more_attempts: int
    serial: int
    dialog: str | None
    created: datetime
    modified: datetime
    changed: datetime
    started: datetime | None
    ended: datetime | None

    @property
    def holder(self) -> Identity | None:
        """No pilot has a task."""
        return None

    @property
    def working_group(self) -> str | None:
        """Whose managers manage it."""
        return self.group


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """One file of a task's dataset, or a part of it. ``name``: of that dataset; ``container``: as the task has it.

    ``events``: so many, from ``start`` in the file on, and after ``first`` others of the task; None: nobody counts them.
    """

    id: int
    dataset: int
    name: str
    container: str
    scope: str
    lfn: str
    guid: str | None = None
    size: int | None = None
    checksum: str | None = None
    status: FileStatus = FileStatus.READY
    chunk: int | None = None
    attempt: int = 0
    start: int | None = None
    events: int | None = None
    first: int | None = None


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of a dataset, as the data management knows it. ``checksum``: as in FileSpec. ``dataset``: "" is the one that was
    asked for, else one that its name stands for. ``events``: so many are in it, if that is known."""

    scope: str
    lfn: str
    guid: str | None = None
    size: int | None = None
    checksum: str | None = None
    dataset: str = ""
    events: int | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a dataset, or in those that its name stands for, one after the other. ``problem``: why that is not known, or of
    no use; ``hopeless``: and will not be."""

    files: Sequence[KnownFile] = ()
    problem: str | None = None
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a task's input: all files, and those that came to an end; ``ready``: in no job. ``open``: jobs that have not ended."""

    files: int
    finished: int
    failed: int
    ready: int
    open: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Files of one job. ``number``: which one it was when it was made before; None: for the first time.

    ``beside``: what it reads of second inputs, by their macro.
    """

    files: Sequence[TaskFile]
    number: int | None = None
    beside: Mapping[str, Sequence[TaskFile]] = field(default_factory=dict)


def scope_of(dataset: str) -> str:
    """The scope of files in a dataset of that name (PanDA: extractScope): the part before a colon; the first two words of names
    of users and groups, the first of others."""
    scope, colon, _ = dataset.partition(":")
    if colon:
        return scope
    words = dataset.rstrip("/").split(".")
    return ".".join(words[:2]) if words[0] in ("user", "group") else words[0]


def dataset_name(asked: str, task_id: int, round_nr: int) -> str:
    """What the jobs of that round write into: a dataset that was closed takes no more files. A slash at the end asks for a
    container, which has those of all rounds."""
    name = (asked.partition(":")[2] or asked).rstrip("/")
    own = f"{name}.{task_id}" if asked.endswith("/") else name
    return own if round_nr == 1 else f"{own}.{round_nr}"
