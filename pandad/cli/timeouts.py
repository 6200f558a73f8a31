"""``pandad timeouts``: how long jobs may stay where they are, as configured; and the table of it in the documentation."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pandad.cli.output import show, table
from pandad.config import DAY_S, HOUR_S, TimeoutsConfig, load
from pandad.spec.jobstatus import TRANSITIONS, Event, JobStatus
from pandad.spec.timeouts import TIMEOUTS, Since, Timeout

HEADER = ("setting", "state", "jobs", "counted from", "limit", "what happens", "error")

BEGIN = "<!-- made by: pandad timeouts --renew FILE -->\n"
END = "<!-- end of what is made -->\n"

_SINCE = {Since.CHANGED: "change of state", Since.HEARD: "last word of the pilot"}

_UNITS = ((DAY_S, "d"), (HOUR_S, "h"), (60, "min"), (1, "s"))


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.renew:
        args.renew.write_text(renewed(args.renew.read_text("utf-8")), "utf-8")
        return 0
    found = rows(load(args.config, on_this_host=False).timeouts)
    show(args, [dict(zip(HEADER, row, strict=True)) for row in found], table(HEADER, found))
    return 0


def rows(config: TimeoutsConfig) -> Sequence[tuple[str, ...]]:
    """The table of timeouts as a person reads it, under HEADER."""
    return [_row(timeout, config) for timeout in TIMEOUTS]


def _row(timeout: Timeout, config: TimeoutsConfig) -> tuple[str, ...]:
    states = ", ".join(s for s in JobStatus if s in timeout.states)
    of = timeout.of.text + (", not at paused queues" if timeout.spares_paused else "")
    error = f"{timeout.fault.source} {timeout.fault.code}: {timeout.fault.shape}"
    limit = duration(getattr(config, timeout.setting))
    return timeout.setting, states, of, _SINCE[timeout.since], limit, consequence(timeout, config), error


def consequence(timeout: Timeout, config: TimeoutsConfig) -> str:
    """What happens to a job past the limit."""
    if timeout.event is None:
        return f"its pilot is told to stop, then {TRANSITIONS[Event.KILLED].target}"
    target = TRANSITIONS[timeout.event].target
    if timeout.event is not Event.SENT_EXPIRED:
        return target
    after = f"; {TRANSITIONS[Event.TIMED_OUT].target} after {config.sent_tries} in a row" if config.sent_tries else ""
    return f"{target} for the next pilot{after}"


def duration(seconds: int) -> str:
    """In the largest unit that needs no fraction; 0 is never."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}" if seconds else "never"


def renewed(text: str) -> str:
    """That page of the documentation with the table, between its two marks, as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [HEADER, ("---",) * len(HEADER), *((f"`{setting}`", *cells) for setting, *cells in rows(TimeoutsConfig()))]
    return before + BEGIN + "".join(f"| {' | '.join(line)} |\n" for line in lines) + END + after
