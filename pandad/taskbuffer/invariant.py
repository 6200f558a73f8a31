"""An invariant: a sentence that is true of every healthy database, and the one statement that finds what breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pandad.taskbuffer.statement import Statement, sql


class Severity(StrEnum):
    """What a broken invariant means."""

    ERROR = "error"      # something was lost, doubled or is wrong
    WARNING = "warning"  # nothing is lost yet; something will not go on, or was done past pandad


@dataclass(frozen=True, slots=True)
class Invariant:
    """``says``: the sentence. ``remedy``: what an operator does.

    :param look: gives (id, what is wrong with it), ``most`` rows at most. The id is a PandaID wherever there is one, else the
        name of the thing.
    """

    name: str
    says: str
    severity: Severity
    remedy: str
    look: Statement


# One statement is one snapshot, and every change of a job is one transaction: so a look never sees half of a change, however busy
# the database is. `again` names the ids of a second look.
_LOOK = """
    SELECT id::text, found FROM ({violations}) AS violation (id, found)
    WHERE %(again)s::text[] IS NULL OR id::text = ANY (%(again)s::text[])
    ORDER BY violation.id LIMIT %(most)s"""


def invariant(name: str, says: str, severity: Severity, violations: str, remedy: str) -> Invariant:
    """Declare one; at import time only.

    :param violations: a query of (id, text) that gives no row on a healthy database. It may use the parameters of `fsck.bounds`.
    """
    look = sql(f"fsck.{name}", _LOOK.format(violations=violations.strip()), planned_each_time=True)
    return Invariant(name, says, severity, remedy, look)
