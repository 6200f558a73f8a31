"""Job descriptions as people write them, in TOML or JSON, and the JobSpecs they mean. Pure.

The keys of one job stand at the top of the text. Where there are several ``[[jobs]]``, those keys hold for
each of them unless it has its own (``inputs`` and ``outputs`` likewise, as a whole). In names, arguments and
file names ``{n}`` is the number of the job in the text, from 1, ``{run}`` a token new in each submission.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pandad.cli.expansion import Naming, spec_of
from pandad.settings import Reader, setting
from pandad.spec.file import FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.tomlsource import Source, SourceError, Where

MOST_JOBS = 100_000  # in one text; more at a time is a slip of the hand


class DescriptionError(SourceError):
    """A job description cannot be used; `problems` lists everything that is wrong with it."""


def _file_name(value: str) -> str | None:
    # Pilots get file names in lists split by comma, and use them as names in a folder and on command lines.
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+=@:-]*", value.replace("{n}", "1").replace("{run}", "1")):
        return None
    return f"is {value!r}; write letters, digits and _ . + = @ : - only, a letter or digit first"


def _scope(value: str) -> str | None:
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,29}", value):
        return None
    return f"is {value!r}; write at most 30 letters, digits and _ . - as in user.alice"


def _checksum(value: str) -> str | None:
    if re.fullmatch(r"ad:[0-9a-fA-F]{8}|md:[0-9a-fA-F]{32}", value):
        return None
    return f'is {value!r}; write "ad:" and 8 hex digits (adler32), or "md:" and 32 (MD5)'


def _payload(value: str) -> str | None:
    if value.strip() and not re.search(r"\s", value) and urlsplit(value).scheme in ("", "http", "https"):
        return None
    return f"is {value!r}; write the name of a transformation, or a URL that begins with https:// or http://"


_LIMITS = {a.name: a.limit for a in JOB_ATTRIBUTES}


def _job(doc: str, default: Any, attribute: str, **rule: Any) -> Any:
    """A key that becomes a job attribute as it is, no longer than PanDA's schema has it."""
    return setting(doc, default, attribute=attribute, longest=_LIMITS[attribute], **rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file that the payload reads."""

    lfn: str = setting("Logical file name", check=_file_name, example='"input.txt"')
    scope: str | None = setting("Its scope, if not the job's", None, check=_scope)
    dataset: str | None = setting("Its dataset", None)
    size_bytes: int | None = setting("Its size", None, low=0)
    checksum: str | None = setting("ad:ADLER32 or md:MD5, hex", None, check=_checksum)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that the payload leaves."""

    lfn: str = setting("Logical file name", check=_file_name, example='"output.{n}.txt"')
    scope: str | None = setting("Its scope, if not the job's", None, check=_scope)
    dataset: str | None = setting("Its dataset, if not the job's", None)
    endpoint: str | None = setting("Storage endpoint, if not the job's", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """One job, or `count` that differ by their number."""

    transformation: str = _job("The payload: a name or a URL", "", "transformation", check=_payload)
    arguments: str = _job("What is passed to it", "", "jobParameters")
    name: str | None = _job("Name; that of the payload if left out", None, "jobName", check=_file_name)
    count: int = setting("How many such jobs", 1, low=1, high=MOST_JOBS)
    queue: str | None = _job(
        "The queue it must run on, or several, as \"A,SITE_*,-BAD\"; the broker chooses if left out", None, "computingSite"
    )
    label: str = _job("Activity (prodSourceLabel)", "user", "prodSourceLabel")
    cores: int = _job("Cores", 1, "coreCount", low=1, high=10_000)
    memory_mb: int = _job("Memory of all cores together; 0 is no demand", 0, "minRamCount", low=0)
    disk_mb: int = _job("Scratch space; 0 is no demand", 0, "maxDiskCount", low=0)
    walltime_s: int | None = _job("Longest time it may run", None, "maxWalltime", low=1)
    priority: int = _job("Higher goes first", 1000, "assignedPriority", low=0, high=1_000_000)
    platform: str | None = _job("Platform (cmtConfig)", None, "cmtConfig")
    container: str | None = _job("Container image", None, "container_name")
    attempts: int = _job("How often it may be tried", 1, "maxAttempt", low=1, high=50)
    vo: str | None = _job("Virtual organisation", None, "VO")
    group: str | None = _job("Working group", None, "workingGroup")
    scope: str | None = setting("Scope of its files that have none of their own", None, check=_scope)
    dataset: str | None = _job("Dataset of its outputs", None, "destinationDBlock")
    endpoint: str | None = _job(
        "Storage endpoint of its outputs; the queue's if left out", None, "destinationSE"
    )
    log: bool = setting("Whether the pilot's log is kept as an output", True)
    inputs: tuple[InputFile, ...] = setting("Files it reads", ())
    outputs: tuple[OutputFile, ...] = setting("Files it leaves", ())


def jobs_of(source: Source, *, scope: str, run: str) -> list[JobSpec]:
    """The jobs that a description means.

    :param scope: scope of files that name none, such as user.alice.
    :param run: a token that is new in each submission.
    :raise DescriptionError: lists everything that is wrong, each with its line.
    """
    reader = Reader(source)
    drafts = _drafts(reader, source.data)
    total = sum(draft.job.count for draft in drafts)
    if total > MOST_JOBS:
        reader.complain(("count",), f"makes {total} jobs in all; write at most {MOST_JOBS} in one text")
    specs = [] if reader.problems else _expanded(reader, drafts, Naming(scope, run, total))
    if reader.problems:
        raise DescriptionError(*sorted(reader.problems, key=lambda problem: problem.line))
    return specs


@dataclass(frozen=True, slots=True)
class _Draft:
    """A job, where it stands in the text, and which keys stand there rather than at the top."""

    job: JobDescription
    path: Where
    own: frozenset[str]

    def place(self, *keys: str | int) -> Where:
        """Where a value of the job came from."""
        return (*self.path, *keys) if keys[0] in self.own else keys


def _drafts(reader: Reader, data: Mapping[str, Any]) -> list[_Draft]:
    shared = reader.given(JobDescription, data, (), besides=("jobs",))
    if "jobs" not in data:
        return [_draft(reader, data, shared, {}, ())]
    if not isinstance(data["jobs"], list) or not data["jobs"]:
        reader.complain(("jobs",), "is not a list of jobs; begin each job with [[jobs]] on a line of its own")
        return []
    return [_draft(reader, data, shared, table, ("jobs", i)) for i, table in enumerate(data["jobs"])]


def _draft(
    reader: Reader, data: Mapping[str, Any], shared: Mapping[str, Any], table: Any, path: Where
) -> _Draft:
    own = reader.given(JobDescription, table, path)
    if "transformation" not in data and isinstance(table, dict) and "transformation" not in table:
        reader.complain((*path, "transformation"), 'is missing; write transformation = "hello.sh", or a URL')
    return _Draft(JobDescription(**{**shared, **own}), path, frozenset(own))


def _expanded(reader: Reader, drafts: list[_Draft], naming: Naming) -> list[JobSpec]:
    specs: list[JobSpec] = []
    taken: set[tuple[str | None, str | None]] = set()
    for draft in drafts:
        for _ in range(draft.job.count):
            specs.append(spec_of(draft.job, naming, len(specs) + 1))
            if clash := _claim(specs[-1], taken):
                reader.complain(
                    _place_of(clash, specs[-1], draft), f"{clash.lfn} would be made twice; {_UNIQUE}"
                )
                break
    return specs


_UNIQUE = "give it another name, or write {n} in it, which is the number of the job"


def _claim(spec: JobSpec, taken: set[tuple[str | None, str | None]]) -> FileSpec | None:
    """Note the outputs of a job; the first that is another's already."""
    for file in spec.outputs:
        if (file.scope, file.lfn) in taken:
            return file
        taken.add((file.scope, file.lfn))
    return None


def _place_of(file: FileSpec, spec: JobSpec, draft: _Draft) -> Where:
    if file.type == "log":
        return draft.place("name")
    return draft.place("outputs", spec.outputs.index(file), "lfn")
