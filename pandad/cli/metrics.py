"""``pandad metrics``: what /metrics tells, and what it means. The numbers themselves are for Prometheus, or for `curl`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pandad import metrics
from pandad.cli.output import show, table
from pandad.metrics import Counter, Gauge, Histogram, Series, Timing

HEADER = ("series", "kind", "labels", "meaning")
KINDS = {Counter: "counter", Timing: "summary", Histogram: "histogram", Gauge: "gauge"}

BEGIN = "<!-- made by: pandad metrics --renew FILE -->\n"
END = "<!-- end of what is made -->\n"


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.renew:
        args.renew.write_text(renewed(args.renew.read_text("utf-8")), "utf-8")
        return 0
    found = rows()
    show(args, [dict(zip(HEADER, row, strict=True)) for row in found], table(HEADER, found))
    return 0


def rows() -> Sequence[tuple[str, ...]]:
    """Each series, under HEADER."""
    return [(_told(each), KINDS[type(each)], ", ".join(each.labels), each.meaning) for each in metrics.ALL]


def _told(series: Series) -> str:
    return f"pandad_{series.name}{'_total' if isinstance(series, Counter) else ''}"


def renewed(page: str) -> str:
    """The page with the table of now between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [f"| {' | '.join(HEADER)} |", "|" + "---|" * len(HEADER)]
    lines += [f"| `{name}` | {kind} | {labels} | {meaning} |" for name, kind, labels, meaning in rows()]
    return before + BEGIN + "\n".join(lines) + "\n" + END + after
