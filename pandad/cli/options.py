"""Options that many verbs have, and the types of their values. Light: parsers are made of these before anything is done."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

USUAL_CONFIG = "/etc/pandad/pandad.toml"


def add_json(parser: argparse.ArgumentParser) -> None:
    """The ``--json`` switch."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_config(parser: argparse.ArgumentParser) -> None:
    """The ``--config`` option."""
    usual = os.environ.get("PANDAD_CONFIG") or USUAL_CONFIG
    text = "configuration of the daemon; else $PANDAD_CONFIG, else " + USUAL_CONFIG
    parser.add_argument("--config", type=Path, default=Path(usual), metavar="FILE", help=text)


def add_strict(parser: argparse.ArgumentParser) -> None:
    """The ``--strict`` switch of verbs that look for what is wrong."""
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")


Options = Callable[[argparse.ArgumentParser], None]


def add_command(commands: Any, name: str, text: str, *options: Options) -> argparse.ArgumentParser:
    """A sub-command with these options at its end."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    for add in options:
        add(parser)
    return parser


def moment(text: str) -> datetime:
    """A date or a time, in UTC unless it says otherwise.

    :raise ArgumentTypeError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-12-31 or 2026-12-31T18:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def panda_id(text: str) -> int:
    """A PandaID.

    :raise ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a PandaID, which is a whole number from 1")
    return int(text)


def number(text: str) -> int:
    """A whole number from 0.

    :raise ArgumentTypeError: it is none.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)
