"""Where the submitter of a job wants it to run, in the ways in which clients can say it.

``computingSite`` is one queue, to which the job is pinned; or several, with commas between, as names or patterns (``*``): one of
these; a minus before a name rules that one out. PanDA's tasks say the same with ``includedSite`` and ``excludedSite``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from pandad.spec.errors import BadRequest
from pandad.spec.job import NOT_WANTED, NOTHING_BUT, JobSpec

WILD = "*?["
MOST_NAMES = 100  # of one job
LONGEST_NAME = 128  # that of computingSite


def apply(job: JobSpec, where: str = "job") -> None:
    """Settle what the job says, in place: a pin in computingSite and relocationFlag, all else in ``avoided``.

    :param where: how messages name the job.
    :raise BadRequest: names the attribute.
    """
    said = [name.strip() for name in (job.computingSite or "").split(",") if name.strip()]
    if len(said) == 1 and is_name(said[0]):
        job.computingSite, job.relocationFlag = said[0], 1
    else:
        job.computingSite, job.relocationFlag = None, 0
        job.avoided = [*job.avoided, *(name if name.startswith(NOT_WANTED) else NOTHING_BUT + name for name in said)]
    job.avoided = list(dict.fromkeys(job.avoided))
    _check(job, where)


def is_name(text: str) -> bool:
    """Whether it is one queue: no pattern, and not ruled out."""
    return not text.startswith(NOT_WANTED) and not any(sign in text for sign in WILD)


def named(names: object, mark: str) -> list[str]:
    """What a client gave as includedSite or excludedSite, a list or text with commas between, as ``avoided`` has it.

    :raise ValueError: it is neither.
    """
    found = names.split(",") if isinstance(names, str) else names
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError("must be a list of queues, or a text with commas between them")
    return [mark + name.strip() for name in found if name.strip()]


def unmatched(jobs: Iterable[JobSpec], queues: Sequence[str]) -> list[str]:
    """What submitters named and is no queue: slips of the pen, mostly."""
    wanted = {name for job in jobs for name in (
        *job.included, *job.excluded, *([job.computingSite] if job.is_pinned and job.computingSite else []))}
    return sorted(name for name in wanted if not any(fnmatchcase(queue, name) for queue in queues))


def _check(job: JobSpec, where: str) -> None:
    names = [*job.included, *job.excluded]
    if len(names) > MOST_NAMES:
        raise BadRequest(f"{where}.computingSite", f"names {len(names)} queues; name at most {MOST_NAMES}, or write a pattern")
    for name in names:
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            shown = name[:LONGEST_NAME]
            raise BadRequest(f"{where}.computingSite", f'{shown!r} is no name of a queue, nor a pattern such as "SITE_*"')
    left = set(job.included) - set(job.excluded)
    if job.included and not left:
        raise BadRequest(f"{where}.computingSite", f"wants none but {', '.join(job.included)}, and rules them out too")
