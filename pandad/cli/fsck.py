"""``pandad fsck``: look for what cannot be in the database. Reads only, and may run beside daemons at work."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from pandad.cli.failures import OutOfReach
from pandad.cli.output import show, table
from pandad.cli.store import as_operator, on_store
from pandad.cli.words.fsck import DAYS, GAP
from pandad.settings import nearest
from pandad.spec.errors import BadRequest
from pandad.taskbuffer import fsck
from pandad.taskbuffer.fsck import INVARIANTS, Report
from pandad.taskbuffer.invariant import Invariant
from pandad.taskbuffer.store import Store

CLEAN, FOUND = 0, 1

LOOK_S = 3600.0  # one look at a very large database

_BY_NAME = {each.name: each for each in INVARIANTS}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, and what was repaired before that."""

    report: Report
    repaired: Sequence[str] = ()


def _invariant(name: str) -> Invariant:
    if name not in _BY_NAME:
        raise BadRequest("--check", f"there is no invariant {name}; {nearest(name, tuple(_BY_NAME))}")
    return _BY_NAME[name]


def run(args: argparse.Namespace) -> int:
    """Look; 0: all is well, 1: something was found. Not to have looked at all of it is an error, never one of these."""
    if args.list:
        print(page()) if args.markdown else show(args, [_described(each) for each in INVARIANTS], overview(INVARIANTS))
        return CLEAN
    outcome = examined(args)
    show(args, _as_data(outcome), account(outcome))
    if outcome.report.stopped:
        raise OutOfReach(f"fsck stopped: {outcome.report.stopped}")
    return FOUND if outcome.report.findings else CLEAN


def examined(args: argparse.Namespace) -> Outcome:
    """Repair if asked to, and look.

    :raise PandadError, SourceError: the database is away or another version's, or the configuration is wrong.
    """
    within = fsck.bounds(min(args.days, 100_000), args.gap if args.after_restore else 0)

    async def work(store: Store) -> Outcome:
        repaired = await fsck.repair(store, within, as_operator()) if args.repair else []
        return Outcome(await fsck.examine(store, chosen or INVARIANTS, within), repaired)

    chosen = [_invariant(name) for name in args.check or ()]
    return on_store(args.config, work, LOOK_S)


def account(outcome: Outcome) -> str:
    """For a person: what was repaired, what was found, and what to do about each kind of it."""
    return "\n".join([*(f"repaired: {text}" for text in outcome.repaired), found_by(outcome.report)])


def found_by(report: Report) -> str:
    """For a person: what was found, and what to do about each kind of it."""
    parts: list[str] = []
    if report.findings:
        rows = [(f.invariant.severity, f.invariant.name, f.id, f.text) for f in report.findings]
        parts += [table(("severity", "invariant", "id", "finding"), rows), ""]
        parts += [f"{name}: there may be more of these" for name in report.more]
        broken = dict.fromkeys(f.invariant for f in report.findings)
        parts += [f"{each.name}: {each.says}. What to do: {each.remedy}." for each in broken]
    kept = report.looked_at - len({f.invariant for f in report.findings})
    parts.append(f"{report.looked_at} invariants looked at, {kept} hold, {len(report.findings)} findings")
    return "\n".join(parts)


def _as_data(outcome: Outcome) -> dict[str, object]:
    report = outcome.report
    return {
        "clean": not report.findings and not report.stopped,
        "looked_at": report.looked_at,
        "findings": [
            {"invariant": f.invariant.name, "severity": f.invariant.severity, "id": f.id, "text": f.text,
             "remedy": f.invariant.remedy}
            for f in report.findings
        ],
        "more": list(report.more),
        "repaired": list(outcome.repaired),
        "stopped": report.stopped,
    }  # fmt: skip


def _described(each: Invariant) -> dict[str, object]:
    return {"invariant": each.name, "severity": each.severity, "says": each.says, "remedy": each.remedy}


def overview(invariants: Sequence[Invariant]) -> str:
    """One line for each invariant."""
    return table(("invariant", "severity", "what is always true"), [(i.name, i.severity, i.says) for i in invariants])


INTRODUCTION = f"""# The invariants of `pandad fsck`

<!-- made by `pandad fsck --list --markdown > docs/reference/fsck.md` -->

`pandad fsck` looks for what cannot be: jobs lost or doubled, states that no event led to, rows that belong to nothing. It only
reads, in a transaction for each invariant, and may run beside daemons at work: what it finds is looked at once more, a second
later, before it is reported. Jobs in the history are looked at {DAYS} days back (`--days N`), live ones all.

Exit code 0: all is well. 1: something was found; each finding is a line with the invariant, the id (a PandaID wherever there is
one) and what is wrong. 2 and 3: it could not look, or not at all of it; 3 is a database that gave no answer. Of each
invariant at most {fsck.MOST} findings are listed.

An **error** means that something was lost, doubled or is wrong; a **warning** that something will not go on, or was done past
pandad.

`--repair` raises sequences and serials that are behind the ids in use. Nothing else is ever changed, because nothing else is
certain to be right.

After a restore from a backup, run `pandad fsck --after-restore --repair` before the daemons start. Ids that were given out after
the backup was taken are then not given out again ({GAP} are left out; `--gap N` if there may be more), and pilots of jobs that
the backup does not know are told to stop.

| invariant | severity | what is always true | what to do when it is not |
|---|---|---|---|
"""


def page() -> str:
    """The reference page, from the table of invariants."""
    rows = [f"| `{i.name}` | {i.severity} | {i.says} | {i.remedy} |" for i in INVARIANTS]
    return INTRODUCTION + "\n".join(rows)
