"""Jobs as those see them who may end or command them: read with all that decides who may, and locked to be changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.caller import Identity
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled:
    """One job. Owner, label and group never change; the rest is as of the statement."""

    panda_id: int
    status: JobStatus
    attempt_nr: int
    command: str | None  # commandToPilot
    special_handling: str | None
    since: datetime  # when it came into that state
    label: str  # prodSourceLabel
    working_group: str | None
    owner: Identity
    holder: Identity | None


_COLUMNS = """pandaid, jobstatus, attemptnr, commandtopilot, specialhandling, statechangetime, coalesce(prodsourcelabel, ''),
    workinggroup, owneranchor, ownersubject, holderanchor, holdersubject"""

_LOOK = sql("control.look", f"SELECT {_COLUMNS} FROM job_ever WHERE pandaid = ANY (%(ids)s::bigint[])")

_LOCK = sql("control.lock", f"""
    SELECT {_COLUMNS} FROM job WHERE pandaid = ANY (%(ids)s::bigint[]) ORDER BY pandaid FOR UPDATE""")


async def look(txn: Transaction, ids: Collection[int]) -> dict[int, Controlled]:
    """Those jobs by PandaID, live or in the archive, as they are just now."""
    return _by_id(await txn.many(_LOOK, ids=list(ids)))


async def lock(txn: Transaction, ids: Collection[int]) -> dict[int, Controlled]:
    """Those of them that are not in the archive, and they stay as they are until the transaction ends: no pilot gets one, or
    brings news of one, in between. One that is being claimed is waited for. In id order, as every move."""
    return _by_id(await txn.many(_LOCK, ids=list(ids)))


def _by_id(rows: Iterable[Row]) -> dict[int, Controlled]:
    return {row[0]: _controlled(row) for row in rows}


def _controlled(row: Row) -> Controlled:
    panda_id, status, attempt_nr, command, handling, since, label, group, anchor, subject, h_anchor, h_subject = row
    return Controlled(
        panda_id=panda_id, status=JobStatus(status), attempt_nr=attempt_nr, command=command, special_handling=handling,
        since=since, label=label, working_group=group or None, owner=Identity(anchor, subject),
        holder=Identity(h_anchor, h_subject) if h_subject is not None else None)
