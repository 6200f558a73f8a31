"""What a task reads: the input whose files it processes, and second ones, of which each job reads some files beside. Pure.

(PanDA: master and secondary datasets, each with a stream; prun: --inDS and --secondaryDSs.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pandad.jedi.macros import SERIAL, macros_in
from pandad.jedi.parameters import Reader
from pandad.spec.task import PRIMARY, Input, Secondary, scope_of

INPUT = "input"
LONGEST = 10_000  # characters of one item
LONGEST_PATTERN = 500
MOST_SECONDARIES = 20
NO_STREAMS = frozenset({SERIAL, "SEQNUMBER", "SURL", "LIB", "OUT", "MAXEVENTS", "SKIPEVENTS", "FIRSTEVENT"})

DATASET = re.compile(r"(?:[A-Za-z0-9._-]+:)?[A-Za-z0-9._@+=%-]+/?")
_READ = re.compile(r"(?:[A-Za-z0-9._-]+:)?[A-Za-z0-9._@+=%*-]+/?")  # with * for any text
_NO_PATTERN = re.compile(r"\(\?|\\[1-9a-ce-rt-vx-zA-CE-RT-VX-Z]|[*+?}]\+")  # what PostgreSQL reads otherwise than Python


@dataclass(frozen=True, slots=True)
class Inputs:
    """``files_per_job``: as the first one's item says; 0: it does not. ``apart``: see Splitting."""

    first: Input | None
    secondaries: tuple[Secondary, ...]
    files_per_job: int
    apart: bool

    @property
    def streams(self) -> frozenset[str]:
        """The macros that stand for files."""
        return frozenset(each.stream for each in self.all)

    @property
    def all(self) -> list[Input]:
        """In the order in which they are named."""
        return ([self.first] if self.first else []) + [each.input for each in self.secondaries]


def read(task: Reader, found: Sequence[Reader]) -> Inputs:
    """The inputs among the items.

    :raise BadRequest: names the item by its place, and the key.
    """
    items = _once([item for item in found if item.text("param_type") == INPUT])
    first = None if task.flag("noInput") or not items else items[0]
    others = items if first is None else items[1:]
    if len(others) > MOST_SECONDARIES:
        raise task.wrong("jobParameters", f"has {len(others)} second inputs; at most {MOST_SECONDARIES} are taken")
    read_first = None if first is None else _input(
        first, _stream(first) or PRIMARY, skip=first.whole("offset") or task.whole("nSkipFiles"), most=task.whole("nFiles"))
    inputs = Inputs(read_first, tuple(_secondary(task, item) for item in others),
                    first.whole("nFilesPerJob") if first is not None else 0, first is not None and first.flag("expand"))
    _refuse_doubled(inputs, items)
    told = {name for item in found for name, _ in macros_in(item.text("value", LONGEST, free=True))}
    for stream, item in zip((each.stream for each in inputs.all), items, strict=True):
        if stream not in told:
            raise item.wrong("value", f"has no ${{{stream}}}: no job would be told what to read")
    return inputs


def _once(items: Sequence[Reader]) -> list[Reader]:
    """The items by their datasets: what names the same again stands for the same input."""
    by_name: dict[str, Reader] = {}
    for item in items:
        by_name.setdefault(item.needed("dataset", LONGEST), item)
    return list(by_name.values())


def _refuse_doubled(inputs: Inputs, items: Sequence[Reader]) -> None:
    streams: set[str] = set()
    datasets: set[str] = set()
    for each, item in zip(inputs.all, items, strict=True):
        if each.stream in streams:
            raise item.wrong("value", f"${{{each.stream}}} stands for two inputs")
        twice = datasets & set(each.datasets)
        if twice:
            raise item.wrong("dataset", f"{min(twice)!r} is in two inputs")
        streams.add(each.stream)
        datasets |= set(each.datasets)


def _secondary(task: Reader, item: Reader) -> Secondary:
    if not (item.flag("reusable") or task.flag("reuseSecOnDemand")):
        raise item.wrong("reusable", "is not said, nor is reuseSecOnDemand: when all files of a second input were read, this "
                         "server begins again with the first")
    stream = _stream(item)
    if stream is None:
        raise item.wrong("value", "has no macro that stands for the files of this second input, as ${IN2}")
    return Secondary(_input(item, stream, skip=item.whole("offset")), item.whole("nFilesPerJob"), item.whole("ratio") or 1)


def _stream(item: Reader) -> str | None:
    names = (name for name, _ in macros_in(item.text("value", LONGEST, free=True)))
    return next((name for name in names if name not in NO_STREAMS), None)


def _input(item: Reader, stream: str, skip: int, most: int = 0) -> Input:
    datasets = tuple(name.strip() for name in item.needed("dataset", LONGEST).split(",") if name.strip())
    for name in datasets:
        if not _READ.fullmatch(name):
            raise item.wrong("dataset", f"{name!r} is no name of a dataset")
        if "*" in scope_of(name):
            raise item.wrong("dataset", f"{name!r} has a * in its scope; write scope:name, with * in the name alone")
    return Input(datasets, _patterns(item, "include"), _patterns(item, "exclude"), item.texts("files"), skip, most, stream)


def _patterns(item: Reader, key: str) -> tuple[str, ...]:
    for pattern in item.texts(key):
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as problem:
            raise item.wrong(key, f"{pattern!r:.60} is no regular expression ({problem})") from None
        if len(pattern) > LONGEST_PATTERN or _NO_PATTERN.search(pattern):
            raise item.wrong(key, f"{pattern!r:.60} is more than a plain regular expression")
    return item.texts(key)
