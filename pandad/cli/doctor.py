"""``pandad doctor``: what is wrong with an installation on this host, whether it runs or not. It changes nothing."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from pandad.cli.findings import exit_code, tell
from pandad.cli.foreground import in_foreground
from pandad.cli.output import show
from pandad.doctor.account import become_daemon
from pandad.doctor.examination import DEADLINE_S, EVERYTHING, examine
from pandad.doctor.finding import FAULTS, Finding, ordered
from pandad.doctor.installation import Installation, installation
from pandad.doctor.page import page
from pandad.tables import table


def run(args: argparse.Namespace) -> int:
    """Look at everything; 0: no error, 1: at least one."""
    if args.list:
        print(page(DEADLINE_S), end="") if args.markdown else show(args, _listed(), _overview())
        return 0
    become_daemon(args.config)
    began = time.monotonic()
    seen, findings = installation(args.config, datetime.now(UTC))

    if seen is not None:
        in_foreground(partial(_look, seen, findings))
    found: list[Finding] = ordered(findings)
    took_s = time.monotonic() - began
    tell(args, found, f"{len(EVERYTHING) if seen is not None else 0} looks in {took_s:.1f} s")
    return exit_code(args, found)


async def _look(seen: Installation, findings: list[Finding], reactor: Any, stopped: Deferred[None]) -> int:
    findings += await examine(reactor, seen)
    return 0


def _listed() -> list[dict[str, str]]:
    return [{"fault": f.name, "level": f.level, "says": f.says, "remedy": f.remedy, "page": f.page} for f in FAULTS.values()]


def _overview() -> str:
    return table(("fault", "level", "what is so"), [(f.name, f.level, f.says) for f in FAULTS.values()])
