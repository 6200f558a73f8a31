"""What pandad and Rucio know at the end, beside each other: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.rucio.surroundings import FAR
from pandad.spec.jobstatus import JobStatus

from .load import SCOPE, Work, content


def rows(dsn: str, text: str) -> list[tuple[Any, ...]]:
    """Of a database."""
    with closing(psycopg2.connect(dsn)) as link, link.cursor() as cursor:
        cursor.execute(text)
        return list(cursor.fetchall())


def _ours(work: Work) -> str:
    return f"jobname LIKE '{work.tag}.%'"


def states(dsn: str, work: Work) -> dict[str, int]:
    """How many jobs are in each state."""
    found = rows(dsn, f"SELECT jobstatus::text, count(*) FROM job WHERE {_ours(work)} GROUP BY 1 ORDER BY 1")
    return {str(state): int(count) for state, count in found}


def left(dsn: str, closing: bool) -> int:
    """Of what is still to be done: jobs that have not ended, errands, transfers, and if that is waited for datasets to close."""
    text = f"""SELECT (SELECT count(*) FROM job WHERE jobstatus NOT IN ('{JobStatus.FINISHED}', '{JobStatus.FAILED}'))
                    + (SELECT count(*) FROM errand) + (SELECT count(*) FROM shipment), (SELECT count(*) FROM dataset)"""
    ((owed, datasets),) = rows(dsn, text)
    return int(owed) + (int(datasets) if closing else 0)


def of_pandad(dsn: str, work: Work) -> Iterator[str]:
    """Each job is finished, after one attempt, and ended once."""
    if (seen := states(dsn, work)) != {JobStatus.FINISHED: work.jobs}:
        yield f"{work.jobs} jobs were submitted, and are {seen}"
    attempts = rows(dsn, f"SELECT pandaid, attemptnr FROM job WHERE attemptnr <> 1 AND {_ours(work)}")
    ended = rows(dsn, f"""SELECT pandaid FROM job JOIN job_event e USING (pandaid)
                          WHERE e.tostatus = '{JobStatus.FINISHED}' AND {_ours(work)} GROUP BY 1 HAVING count(*) <> 1""")
    yield from (f"job {panda_id} needed {number} attempts" for panda_id, number in attempts)
    yield from (f"job {panda_id} ended more than once" for (panda_id,) in ended)


def of_rucio(dsn: str, work: Work, closing: bool) -> Iterator[str]:
    """Each input was brought by one rule, each output is once in its dataset and in one that moved it, and at its destination;
    all datasets are closed, if that was waited for."""
    contents = [row for row in rows(dsn, "SELECT name, child_name FROM contents") if row[1] in work.inputs | work.outputs]
    inside = {kind: Counter(file for name, file in contents if mark in name)
              for kind, mark in (("dis", "_dis"), ("sub", "_sub"))}
    yield from _once("input in a dispatch dataset", inside["dis"], work.inputs)
    yield from _once("output in a _sub dataset", inside["sub"], work.outputs)
    for dataset in sorted({work.dataset_of(number) for number in range(work.jobs)}):
        mine = {work.output_of(number) for number in range(work.jobs) if work.dataset_of(number) == dataset}
        yield from _once(f"output in {dataset}", Counter(f for name, f in contents if name == dataset), mine)
    doubled = rows(dsn, "SELECT name FROM rules GROUP BY scope, name, rse_expression HAVING count(*) > 1")
    yield from (f"{name} has two rules for one endpoint" for (name,) in doubled)
    bad = rows(dsn, "SELECT name, state FROM rules WHERE state <> 'O'")
    yield from (f"the rule of {name} is {state}" for name, state in bad)
    is_open = rows(dsn, f"SELECT name FROM dids WHERE name LIKE '{work.datasets}%' AND is_open")
    yield from (f"{name} is open" for (name,) in is_open if closing)


def _once(what: str, seen: Counter[str], wanted: set[str]) -> Iterator[str]:
    if seen != Counter(wanted):
        yield f"{what}: missing {sorted(wanted - seen.keys())[:5]}, too much {sorted((seen - Counter(wanted)).elements())[:5]}"


def of_storage(far: Path, work: Work) -> Iterator[str]:
    """The bytes of each output are where they were wanted."""
    for name in sorted(work.outputs):
        path = path_of(far, FileName(SCOPE, name))
        if path is None or not path.exists() or path.read_bytes() != content(name):
            yield f"{name} is not at {FAR} as it was written"
