"""``pandad queue why`` and ``load``: what users see of queues, through the API."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from pandad import reasons
from pandad.cli.client import connect
from pandad.cli.output import show, table
from pandad.spec.jobstatus import JobStatus


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    return _why(args) if args.command == "why" else _load(args)


def _why(args: argparse.Namespace) -> int:
    why = connect().get("queue/why", queue=args.name)
    show(args, why, reasons.of_queue(why))
    return 0


def _load(args: argparse.Namespace) -> int:
    found: Mapping[str, Mapping[str, int]] = connect().get("statistics/active_job_stats_by_site")
    show(args, found, overview(found))
    return 0


def overview(jobs: Mapping[str, Mapping[str, int]]) -> str:
    """One line for each queue, the states that there are in the order of a job's life."""
    if not jobs:
        return "no queue has jobs"
    states = [state for state in JobStatus if any(of_queue.get(state) for of_queue in jobs.values())]
    rows = [(queue or "(none yet)", *(of_queue.get(state, 0) for state in states), sum(of_queue.values()))
            for queue, of_queue in sorted(jobs.items())]
    return table(("queue", *states, "jobs"), rows)
