"""The jobs of a submission. Pure.

Format (panda-client 2.2.0, Client.submitJobs): the JSON text of a list of jobs, each [v0 ... v125, [file, ...]], each file
[v0 ... v17, owner] or, from servers, [v0 ... v21, owner]. "NULL" and null say nothing. Fewer values leave the rest unset.

pandad's own: a job may be a table of its attributes by name instead, with its files, tables too, under ``Files``. It may have
``includedSite`` and ``excludedSite`` as PanDA's tasks have: queues and patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pandad.api import coerce
from pandad.api.coerce import Unfit
from pandad.spec import sitewish
from pandad.spec.attribute import Attribute
from pandad.spec.errors import BadRequest
from pandad.spec.file import FILE_ATTRIBUTES, FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, NOT_WANTED, NOTHING_BUT, JobSpec
from pandad.spec.visible import unseen

MAX_JOBS = 5_000  # in one submission, as PanDA
LONGEST_KEY = 50  # in a message


def job_specs(jobs: object) -> list[JobSpec]:
    """The jobs of one submission, as their owner described them.

    jobStatus is not taken over: a state belongs to the server.

    :param jobs: the JSON text, or the list itself.
    :raise BadRequest: names the job by its place in the list (from 0), and the attribute.
    """
    states = _states(jobs)
    if not states:
        raise BadRequest("jobs", "holds no job")
    if len(states) > MAX_JOBS:
        raise BadRequest("jobs", f"holds {len(states)} jobs; submit at most {MAX_JOBS} in one call")
    return [_job(f"jobs[{place}]", state) for place, state in enumerate(states)]


def _states(jobs: object) -> list[Any]:
    if isinstance(jobs, str):
        try:
            jobs = coerce.json_value(jobs)
        except Unfit as problem:
            raise BadRequest("jobs", str(problem)) from None
    if not isinstance(jobs, list):
        raise BadRequest("jobs", "must be a list of job states, or JSON text of one")
    return jobs


def _job(where: str, state: object) -> JobSpec:
    if isinstance(state, dict):
        return _named_job(where, state)
    if not isinstance(state, list) or not state or not isinstance(state[-1], list):
        raise BadRequest(where, "must be a list of attribute values with the list of files at its end, or a table of attributes")
    values = _values(where, _JOB_SLOTS, state[:-1])
    files = [_file(f"{where}.Files[{place}]", each) for place, each in enumerate(state[-1])]
    return JobSpec(**values, Files=files)


def _named_job(where: str, state: Mapping[str, Any]) -> JobSpec:
    files = state.get("Files", [])
    if not isinstance(files, list):
        raise BadRequest(f"{where}.Files", "must be a list of tables")
    given = {key: value for key, value in state.items() if key not in ("Files", *_SITES)}
    values = _values(where, *_by_name(where, _JOB_SLOTS_BY_NAME, given))
    limits = [name for key, mark in _SITES.items() for name in _sites(f"{where}.{key}", state.get(key) or [], mark)]
    return JobSpec(**values, avoided=limits, Files=[_file(f"{where}.Files[{place}]", each) for place, each in enumerate(files)])


_SITES = {"includedSite": NOTHING_BUT, "excludedSite": NOT_WANTED}


def _sites(where: str, names: object, mark: str) -> list[str]:
    try:
        return sitewish.named(names, mark)
    except ValueError as problem:
        raise BadRequest(where, str(problem)) from None


def _by_name(where: str, slots: Mapping[str, _Slot | None], given: Mapping[str, Any]) -> tuple[list[_Slot | None], list[Any]]:
    unknown = next((key for key in given if key not in slots), None)
    if unknown is not None:
        key = coerce.cleaned_text(unknown)[:LONGEST_KEY]
        raise BadRequest(f"{where}.{key}", "is no attribute; job/get_description shows those of jobs and files")
    return [slots[key] for key in given], list(given.values())


def _file(where: str, state: object) -> FileSpec:
    if isinstance(state, dict):
        file = FileSpec(**_values(where, *_by_name(where, _FILE_SLOTS_BY_NAME, state)))
    elif isinstance(state, list):
        file = FileSpec(**_values(where, _FILE_SLOTS, state[:-1]))
    else:
        raise BadRequest(where, "must be a list of attribute values, or a table of attributes")
    for name in ("lfn", "scope", "dataset", "GUID"):
        if "," in (getattr(file, name) or ""):
            raise BadRequest(f"{where}.{name}", "holds a comma, which would break the lists that pilots get")
    return file


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    convert: Callable[[Any], Any]
    limit: int  # characters; 0: none, it is no name but free text


_CONVERTERS: dict[type, Callable[[Any], Any]] = {
    int: coerce.integer, float: coerce.number, str: coerce.text, datetime: coerce.moment}


def _slots(attributes: Sequence[Attribute]) -> list[_Slot | None]:
    """None for what is not the submitter's to say."""
    return [_Slot(a.name, _CONVERTERS[a.kind], a.limit or 0) if a.kind in _CONVERTERS else None for a in attributes]


_JOB_SLOTS = _slots(JOB_ATTRIBUTES)
_FILE_SLOTS = _slots(FILE_ATTRIBUTES)
_JOB_SLOTS_BY_NAME = dict(zip((a.name for a in JOB_ATTRIBUTES), _JOB_SLOTS, strict=True))
_FILE_SLOTS_BY_NAME = dict(zip((a.name for a in FILE_ATTRIBUTES), _FILE_SLOTS, strict=True))


def _values(where: str, slots: Sequence[_Slot | None], state: Sequence[Any]) -> dict[str, Any]:
    """The attributes that say something; the others keep the defaults of the spec."""
    values = {}
    for slot, raw in zip(slots, state, strict=False):
        if slot is not None and raw is not None and raw != "NULL" and raw != "":
            try:
                values[slot.name] = _value(slot, raw)
            except Unfit as problem:
                raise BadRequest(f"{where}.{slot.name}", str(problem)) from None
    return values


def _value(slot: _Slot, raw: object) -> Any:
    """A text that is too long is refused: cut names and arguments would make another job of it."""
    value = slot.convert(raw)
    if slot.limit and len(value) > slot.limit:
        raise Unfit(f"is {len(value)} characters long; the limit is {slot.limit}")
    if slot.limit and (problem := unseen(value)) is not None:
        raise Unfit(problem)
    return value
