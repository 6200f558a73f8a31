"""``pandad upgrade``: what the installed version would change in the database, and the change, with a way back. See
docs/how-to/upgrade.md."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pandad.cli.backup import dump_command
from pandad.cli.fsck import found_by
from pandad.cli.output import show, table
from pandad.cli.store import as_operator, in_reactor
from pandad.cli.words.fsck import DAYS
from pandad.config import Config, load
from pandad.spec.errors import PandadError
from pandad.taskbuffer import fsck, upgrade
from pandad.taskbuffer.fsck import INVARIANTS, Report
from pandad.taskbuffer.migrate import Migration
from pandad.taskbuffer.store import Store
from pandad.taskbuffer.upgrade import Plan

DUMP = b"PGDMP"  # how what `pg_dump --format=custom` writes begins
LIMIT_S = 24 * 3600.0  # for one statement of a migration, which may rewrite a table of millions
MB = 1_000_000


class Refused(PandadError):
    """The upgrade was not begun, and nothing was changed; the text says what to do first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``applied``: how many migrations; 0 with a plan only. ``report``: what fsck found after them."""

    plan: Plan
    applied: int = 0
    took_s: float = 0.0
    report: Report | None = None


def run(args: argparse.Namespace) -> int:
    """0: nothing is left to do, or it was only asked; 1: it was refused, or fsck found something afterwards."""
    config = load(args.config, on_this_host=False)
    patient = replace(config.database, statement_timeout_s=LIMIT_S)
    outcome = in_reactor(patient, lambda store: _work(store, args, config))
    show(args, as_data(outcome), "\n".join(account(outcome, config)))
    return 1 if outcome.report and (outcome.report.findings or outcome.report.stopped) else 0


async def _work(store: Store, args: argparse.Namespace, config: Config) -> Outcome:
    plan = await store.transact("upgrade_plan", upgrade.plan)
    if not plan.standing.tolerated:
        raise Refused(f"the database has schema {plan.standing.applied}, this pandad knows {plan.standing.known} and cannot work "
                      "on it: install a newer pandad, or restore the database (docs/how-to/upgrade.md)")
    if not args.now or not plan.pending:
        return Outcome(plan)
    _refuse(plan, args, config)
    by = as_operator()("upgrade", f"schema {plan.standing.applied} to {plan.standing.known}")
    began = time.monotonic()
    applied = await store.transact("upgrade", upgrade.upgrade, by)
    took_s = time.monotonic() - began
    return Outcome(plan, applied, took_s, await fsck.examine(store, INVARIANTS, fsck.bounds(DAYS, 0)))


def _refuse(plan: Plan, args: argparse.Namespace, config: Config) -> None:
    """Before anything is done.

    :raise Refused: there is no safe way back, or pandads are at work that could not go on.
    """
    if plan.standing.applied and not args.no_backup:
        if args.backup is None:
            raise Refused("an upgrade wants a way back: name a dump with --backup FILE (make it with: "
                          f"{dump_command(config, 'FILE')}), or say --no-backup if you have another one")
        _look_at(args.backup)
    if plan.obstacle is not None:
        raise Refused(plan.obstacle)


def _look_at(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            good = opened.read(len(DUMP)) == DUMP
    except OSError as problem:
        raise Refused(f"{file} cannot be read: {problem.strerror}") from None
    if not good:
        raise Refused(f"{file} is no dump that pg_restore reads: make it with pg_dump --format=custom")


def account(outcome: Outcome, config: Config) -> Iterator[str]:
    """For a person."""
    plan = outcome.plan
    if not plan.pending:
        yield f"nothing to do: the database has schema {plan.standing.applied}" + (
            f", which is newer than this pandad's {plan.standing.known}, and it can work on it" if plan.standing.beyond else "")
        return
    if outcome.report is None:
        yield from _intention(plan, config)
        return
    report = outcome.report
    yield f"{outcome.applied} migrations were applied in {outcome.took_s:.1f} s: the database has schema {plan.standing.known}"
    if report.stopped:
        yield f"fsck stopped: {report.stopped}"
    yield f"fsck: {found_by(report)}"
    yield _way_back(plan)


def _intention(plan: Plan, config: Config) -> Iterator[str]:
    yield f"the database has schema {plan.standing.applied}; an upgrade brings it to {plan.standing.known}:\n"
    yield table(("migration", "older pandads", "what it is for"), [(m.name, m.word or "stop", m.says) for m in plan.pending])
    yield ""
    if plan.touched:
        yield "all in one transaction; calls that need one of these tables wait until its end:"
        yield table(("table", "rows", "MB"), [(s.table, s.rows, s.bytes // MB) for s in plan.touched])
        yield ""
    yield _way_back(plan)
    if plan.stops_older and plan.daemons:
        yield f"{len(plan.daemons)} pandads are connected: stop them all first"
    yield f"to do it:\n  {dump_command(config, 'FILE')}\n  pandad upgrade --now --backup FILE"


def _way_back(plan: Plan) -> str:
    if not plan.standing.applied:
        return "there is no way back, because there was no schema"
    if plan.loses_nothing:
        return (f"the way back: install a pandad that knows schema {plan.standing.applied} and restart it; it works on "
                f"{plan.standing.known} as it is, and nothing is lost")
    return (f"the way back: restore the dump, with what was done since lost; a pandad that knows only schema "
            f"{plan.standing.applied} refuses to work on {plan.standing.known}")


def as_data(outcome: Outcome) -> dict[str, object]:
    """For a script."""
    plan, report = outcome.plan, outcome.report
    found = report.findings if report else ()
    return {
        "applied": plan.standing.applied, "known": plan.standing.known, "done": report is not None,
        "migrations": [_described(m) for m in plan.pending],
        "touched": [{"table": s.table, "rows": s.rows, "bytes": s.bytes} for s in plan.touched],
        "daemons": list(plan.daemons), "way_back": "install" if plan.loses_nothing else "restore",
        "took_s": round(outcome.took_s, 3),
        "findings": [{"invariant": f.invariant.name, "id": f.id, "text": f.text} for f in found],
        "stopped": report.stopped if report else "",
    }


def _described(m: Migration) -> dict[str, object]:
    return {"migration": m.name, "says": m.says, "older_pandads": m.word or "stop"}
