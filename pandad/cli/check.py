"""``pandad check``: every mistake in a configuration and in the files it names, with its line and what to write instead."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from pandad.cli.findings import FOUND, exit_code, tell
from pandad.config import sample
from pandad.doctor.account import become_daemon
from pandad.doctor.configuration import check


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0: no error, 1: at least one."""
    if args.sample:
        print(sample(), end="")
        return 0
    become_daemon(args.config)
    findings = check(args.config, datetime.now(UTC))
    code = exit_code(args, findings)
    tell(args, findings, f"{args.config} {'should be mended' if code == FOUND else 'can be used'}")
    return code
