"""What stands for something else in the parameters and file names of a task: ${IN}, ${SN}, $JEDITASKID, ... Pure.

(PanDA: JobGenerator.makeBuildJobParameters and its kin.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

MACRO = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?:([/:])([^}]*))?\}")
TASK_ID = "$JEDITASKID"
JOB_ID = "$PANDAID"  # filled in where jobs are submitted
SERIAL = "SN"
SERIAL_FORMS = ("", "P")  # ${SN} and ${SN/P}
INPUT_FORMS = ("", "T")  # ${IN}: with commas between, ${IN/T}: as Python writes a list


class Unresolved(Exception):
    """A macro that means nothing here."""

    def __init__(self, macro: str) -> None:
        super().__init__(macro)
        self.macro = macro


def macros_in(text: str) -> Iterator[tuple[str, str]]:
    """Name and form of each."""
    for found in MACRO.finditer(text):
        yield found[1], found[3] or ""


def fill(text: str, values: Mapping[str, str | Sequence[str]], task_id: int) -> str:
    """The text with everything in its place.

    :param values: by name; lists are file names.
    :raise Unresolved: names the macro as it stands there.
    """
    def filled(found: re.Match[str]) -> str:
        value, form = values.get(found[1]), found[3] or ""
        if isinstance(value, str) and (not form or found[1] == SERIAL and form in SERIAL_FORMS):
            return value
        if value is not None and not isinstance(value, str) and form in INPUT_FORMS:
            return _listed(value) if form else ",".join(value)
        raise Unresolved(found[0])

    return MACRO.sub(filled, text).replace(TASK_ID, str(task_id))


def _listed(names: Sequence[str]) -> str:
    return "[" + ",".join(f"'{name}'" for name in names) + "]"
