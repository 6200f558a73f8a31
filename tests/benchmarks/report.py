"""Results: a JSON object per measurement on standard output as they come, and tables on standard error at the end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

# Per measurement the columns of its table, in their order; what a line does not have stays empty.
TABLES: Mapping[str, Sequence[str]] = {
    "pilot_cycles": (
        "transport", "clients", "waiting", "beside", "cycles_per_s", "daemon_cpu_ms_per_cycle", "postgres_cpu_ms_per_cycle",
        "generator_cpu_ms_per_cycle", "acquire_p50_ms", "acquire_p95_ms", "acquire_p99_ms", "report_p50_ms", "report_p99_ms",
        "others_share_of_machine", "lost", "doubled", "told_no_jobs_though_there_were"),
    "calls": (
        "call", "transport", "clients", "calls_per_s", "daemon_cpu_ms_per_call", "postgres_cpu_ms_per_call", "p50_ms", "p95_ms",
        "p99_ms", "others_share_of_machine"),
    "identity": (
        "call", "credential", "transport", "clients", "calls_per_s", "calls_per_s_and_core", "daemon_cpu_ms_per_call",
        "handshakes", "resumed", "others_share_of_machine"),
    "submissions": ("jobs_per_call", "clients", "jobs_per_s", "daemon_cpu_ms_per_job", "postgres_cpu_ms_per_job", "submit_p50_ms",
                    "submit_p99_ms", "all_activated_after_s"),
    "pgbench_cycles": ("jobs_per_transaction", "clients", "cycles_per_s", "postgres_cpu_ms_per_cycle", "acquire_mean_ms",
                       "update_mean_ms", "report_mean_ms"),
    "queue": ("of", "settings", "jobs_per_s", "worker_cpu_ms_per_job", "postgres_cpu_ms_per_job", "jobs_per_cpu_s"),
    "verdict": ("of", "figure", "aim", "met"),
    "memory": ("of", "when", "pss_mb", "rss_mb", "processes"),
    "profile": ("function", "own_percent", "with_callees_percent"),
}
SHORT = {"daemon_cpu_ms": "daemon ms", "postgres_cpu_ms": "postgres ms", "generator_cpu_ms": "generator ms", "_ms": " ms",
         "_per_": "/", "others_share_of_machine": "others", "told_no_jobs_though_there_were": "no jobs!", "_": " "}


class Report:
    """Keeps what was found, for the tables and for comparisons."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def emit(self, measure: str, **figures: Any) -> None:
        """One line of result."""
        line = {"measure": measure, **figures}
        self.lines.append(line)
        print(json.dumps(line), flush=True)

    def found(self, measure: str, **like: Any) -> list[dict[str, Any]]:
        """The lines of that measurement that have these figures."""
        return [line for line in self.lines if line["measure"] == measure and like.items() <= line.items()]

    def print_tables(self) -> None:
        """For a reader."""
        for measure, columns in TABLES.items():
            lines = self.found(measure)
            if lines:
                print(f"\n{measure}\n{table(columns, lines)}", file=sys.stderr)


def table(columns: Sequence[str], lines: Sequence[Mapping[str, Any]]) -> str:
    """Text with a column for each name that any line has; as narrow as it can be."""
    columns = [column for column in columns if any(column in line for line in lines)]
    rows = [[_heading(column) for column in columns], *([_cell(line.get(column)) for column in columns] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _heading(column: str) -> str:
    for long, short in SHORT.items():
        column = column.replace(long, short)
    return column.strip()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def say(text: str) -> None:
    """Progress, for a person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)
