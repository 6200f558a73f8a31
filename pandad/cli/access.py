"""``pandad access``: all calls and who may make them; and the table of it in the documentation."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from pandad import api, monitor
from pandad.api import catalogue
from pandad.api.access import credential, reach, role
from pandad.api.route import Route
from pandad.cli.output import show, table

HEADER = ("call", "by", "credential", "role", "reaches")

BEGIN = "<!-- made by: pandad access --renew FILE -->\n"
END = "<!-- end of what is made -->\n"


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.renew:
        args.renew.write_text(renewed(args.renew.read_text("utf-8")), "utf-8")
        return 0
    found = rows()
    show(args, [dict(zip(HEADER, row, strict=True)) for row in found], table(HEADER, found))
    return 0


def routes() -> Iterator[Route]:
    """All that any class of the edges declares."""
    return (route for edge in (api, monitor) for route, _ in catalogue.declared(edge))


def rows() -> Sequence[tuple[str, ...]]:
    """The table as a person reads it, under HEADER."""
    return [_row(route) for route in sorted(routes(), key=lambda r: r.path)]


def _row(route: Route) -> tuple[str, ...]:
    rule = route.access
    return route.path, "/".join(route.methods), credential(rule), role(rule), reach(rule)


def renewed(text: str) -> str:
    """That page of the documentation with the table, between its two marks, as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [HEADER, ("---",) * len(HEADER), *((f"`{path}`", *cells) for path, *cells in rows())]
    return before + BEGIN + "".join(f"| {' | '.join(line)} |\n" for line in lines) + END + after
