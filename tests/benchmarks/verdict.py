"""What was found beside what is aimed at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.benchmarks.report import Report
from tests.benchmarks.stand import HTTP, HTTPS_NEW

Line = dict[str, Any]


def emit_verdicts(report: Report) -> None:
    """One line for each aim that something was measured for. Nothing fails: the machine may be busy."""
    for of, figure, comparison, aim in (*_of_cycles(report), *_of_queues(report), *_of_shares(report), *_of_whys(report)):
        met = figure <= aim if comparison == "at most" else figure >= aim
        report.emit("verdict", of=of, figure=round(figure, 3), aim=f"{comparison} {aim:g}", met=met)


def _of_cycles(report: Report) -> Iterator[tuple[str, float, str, float]]:
    for line in _plain(report, HTTP.name):
        yield "cycles/s, http, 64 clients", line["cycles_per_s"], "at least", 1250
        yield "CPU ms per cycle, http, 64 clients", _cpu_ms(line), "at most", 1.4
        yield "acquire p99 ms, http, 64 clients", line["acquire_p99_ms"], "at most", 50
    for line in _plain(report, HTTPS_NEW.name):
        yield "CPU ms per cycle, https new, 64 clients", _cpu_ms(line), "at most", 3.5
    all_cycles = report.found("pilot_cycles")
    for word in ("lost", "doubled", "told_no_jobs_though_there_were"):
        yield f"{word}, all cycles", sum(line[word] for line in all_cycles), "at most", 0


def _of_queues(report: Report) -> Iterator[tuple[str, float, str, float]]:
    """A pilot takes one job at a time and reports each: so beside queues that do the same, and beside the best that they have."""
    queues = [line for line in report.found("queue") if "jobs_per_cpu_s" in line]
    alike = [line["jobs_per_cpu_s"] for line in queues if line["jobs_in_a_batch"] == 1]
    best = [line["jobs_per_cpu_s"] for line in queues]
    for line in _plain(report, HTTP.name) if queues else ():
        rate = 1000 / _cpu_ms(line)
        yield "cycles per CPU s over jobs per CPU s of the faster queue, one at a time", rate / max(alike), "at least", 3
        yield "cycles per CPU s over jobs per CPU s of the faster queue, in batches", rate / max(best), "at least", 3


def _of_shares(report: Report) -> Iterator[tuple[str, float, str, float]]:
    """By rate, as the aim is meant, and by CPU time, which says the same where others use the machine too."""
    for empty in _plain(report, HTTP.name):
        for line in report.found("pilot_cycles", transport=HTTP.name, clients=64):
            aim = _share_aimed_at(line)
            if aim is not None:
                where = line.get("beside") or f"{line['waiting']} waiting"
                yield f"rate, share of the empty one, {where}", line["cycles_per_s"] / empty["cycles_per_s"], "at least", aim
                yield f"1/CPU, share of the empty one, {where}", _cpu_ms(empty) / _cpu_ms(line), "at least", aim


def _of_whys(report: Report) -> Iterator[tuple[str, float, str, float]]:
    for line in report.found("whys"):
        yield f"why p99 ms, {line['waiting']} waiting, {line['clients']} clients", line["why_p99_ms"], "at most", 200


def _share_aimed_at(line: Line) -> float | None:
    if line.get("waiting"):
        return 0.8
    return 0.5 if str(line.get("beside")).startswith("old snapshot") else None


def _plain(report: Report, transport: str) -> list[Line]:
    """The cycles at 64 clients with nothing waiting; one line or none."""
    return report.found("pilot_cycles", transport=transport, clients=64, waiting=0)[:1]


def _cpu_ms(line: Line) -> float:
    return float(line["daemon_cpu_ms_per_cycle"] + line["postgres_cpu_ms_per_cycle"])
