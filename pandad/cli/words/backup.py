"""``pandad backup``: the commands that back this pandad up, and those that restore it."""

from __future__ import annotations

import argparse

from pandad.cli.options import add_config, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print them."""
    from pandad.cli import backup

    return backup.run(args)
