"""docs/reference/errorcodes.md, from spec/errorcodes.py and spec/erroradvice.py."""

from __future__ import annotations

from pandad.cli.errorcodes import rows
from pandad.spec import errorcodes
from pandad.spec.erroradvice import ELSEWHERE, SOURCES
from pandad.spec.errorcodes import Fault
from pandad.spec.failure import PILOT

from .markdown import code, made, table

INTRODUCTION = """
A job has a pair for each component: a code (`jobDispatcherErrorCode`) and a message (`jobDispatcherErrorDiag`); 0 is no
error. The numbers are PanDA's, so that monitors read them. `pandad errorcodes SOURCE CODE` says the same at the terminal; why
a job is where it is, with the codes and more: `pandad job why ID`. Names in braces stand for what is filled in.
"""


def page() -> str:
    """The whole page."""
    shapes: dict[tuple[str, int], list[str]] = {}
    for fault in vars(errorcodes).values():
        if isinstance(fault, Fault):
            shapes.setdefault((fault.source, fault.code), []).append(code(fault.shape))
    parts = [made("Error codes", INTRODUCTION)]
    for wanted in SOURCES:
        known = [(number, meaning, remedy, ", ".join(shapes.get((source, number), ["-"])))
                 for source, number, _, meaning, remedy in rows() if source == wanted]
        parts += [f"\n## {wanted}ErrorCode\n", table(("code", "what it means", "what to do", "message"), known)]
    of_pilots = [(number, meaning) for source, number, _, meaning, _ in rows() if source == PILOT]
    parts += ["\n## Codes of others\n", table(("component", ""), ELSEWHERE.items())]
    return "".join([*parts, f"\n## {PILOT}ErrorCode\n", table(("code", "what it means"), of_pilots)])
