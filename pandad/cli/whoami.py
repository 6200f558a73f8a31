"""``pandad whoami``: whom the server takes the user for, and why."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from pandad.cli.client import connect
from pandad.cli.output import add_json, facts, show

SHOWN = (
    ("you are", "subject"), ("vouched for by", "anchor"), ("credential", "kind"), ("good until", "not_after"),
    ("limited", "limited"), ("VO", "vo"), ("FQANs", "fqans"), ("nickname", "nickname"), ("account", "account"),
    ("also", "others"), ("roles", "roles"), ("manager of", "groups"), ("production of", "production_of"), ("seen from", "host"),
    ("note", "remarks"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the server and print."""
    found = connect().get("system/get_user_attributes")
    show(args, found, overview(found))
    return 0


def overview(found: Mapping[str, Any]) -> str:
    """A line for each thing that there is."""
    words = {True: "yes", False: None}
    return facts([(name, words[value] if isinstance(value := found.get(key), bool) else value) for name, key in SHOWN])
