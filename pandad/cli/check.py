"""``pandad check``: every mistake in a configuration and in the files it names, with its line and what to write instead."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from pandad.cli.findings import FOUND, add_strict, exit_code, tell
from pandad.cli.output import add_json
from pandad.cli.store import add_config
from pandad.config import sample
from pandad.doctor.configuration import check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)
    add_strict(parser)
    parser.add_argument(
        "--sample", action="store_true", help="print a commented configuration and do nothing else"
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0: no error, 1: at least one."""
    if args.sample:
        print(sample(), end="")
        return 0
    findings = check(args.config, datetime.now(UTC))
    code = exit_code(args, findings)
    tell(args, findings, f"{args.config} {'should be mended' if code == FOUND else 'can be used'}")
    return code
