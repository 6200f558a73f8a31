"""The matrix as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from .calls import CALLS
from .oracle import JOBS, LETTERS, Cell, allowed, cells
from .people import PEOPLE, Person

HEAD = """# The matrix of rights

Each line is a call, each column somebody who makes it; tests/rights tries every cell on a real database. *yes* and *-*: allowed
or refused. For calls about a job, the letters of the jobs for which it is allowed; *all* is all of those tried.

"""


def page() -> str:
    """The whole page."""
    letters = [f"| {letter} | {name} |\n" for name, letter in LETTERS.items()]
    people = [f"| {number} | {name} | {proof(person)} |\n" for number, (name, person) in enumerate(PEOPLE.items(), 1)]
    names = list(PEOPLE)
    lines = ["| call | " + " | ".join(map(str, range(1, len(names) + 1))) + " |\n", "| --- " * (len(names) + 1) + "|\n"]
    lines += [f"| `{call}` | " + " | ".join(cell(call, name) for name in names) + " |\n" for call in CALLS]
    jobs_head, people_head = "| job | whose |\n| --- | --- |\n", "\n| who | | comes with |\n| --- | --- | --- |\n"
    return "".join([HEAD, jobs_head, *letters, people_head, *people, "\n", *lines])


def proof(person: Person) -> str:
    """What somebody comes with."""
    if person.proof is None:
        return "nothing"
    kind = "a limited proxy" if person.limited else "a token" if person.proof.kind == "token" else "a certificate or proxy"
    fqans = f", {', '.join(person.proof.fqans)} by {person.proof.vo}" if person.proof.fqans else ""
    return kind + fqans


def cell(call: str, person: str) -> str:
    """What somebody may with a call."""
    mine: Sequence[Cell] = [each for each in cells(person) if each.call == call]
    may = [each for each in mine if allowed(each)]
    if not CALLS[call].of_a_job:
        return "yes" if may else "-"
    return "all" if len(may) == len(mine) > 1 else " ".join(LETTERS[each.job] for each in may) or "-"


assert len(set(LETTERS.values())) == len(JOBS)
