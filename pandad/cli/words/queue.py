"""``pandad queue``: add, import, list, switch, explain and remove queues."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pandad.cli.ids import add_names
from pandad.cli.options import add_command, add_config, add_json
from pandad.spec.site import QueueStatus

PLACE = "file or https address; without it what [queues] of the configuration names"
ENDPOINTS, LINKS, QUEUES = "endpoints", "links", "queues"  # as taskbuffer/sources.py has them

SWITCHES: Mapping[str, tuple[QueueStatus | None, str]] = {
    "online": (QueueStatus.ONLINE, "have queues take work"),
    "test": (QueueStatus.TEST, "have queues take test jobs only"),
    "drain": (QueueStatus.BROKEROFF, "give queues no more jobs (brokeroff): those that they have run to their end"),
    "undrain": (None, "let what the source of queues says of them count again"),
    "offline": (QueueStatus.OFFLINE, "give queues no more jobs and no more pilots work"),
}
"""Of each command: the status that it gives, None that of the source, and its help."""

OF_THE_API = frozenset({"load", "why"})
OF_SOURCES = frozenset({"import", "diff", "sources"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    text = "add or replace the queues of a file: schedconfig JSON of one or {name: {...}} of many, or TOML"
    add = add_command(commands, "add", text, add_json, add_config)
    add.add_argument("file", type=Path, metavar="FILE", help="their descriptions")
    _add_imports(commands)
    add_command(commands, "ls", "list the queues", add_json, add_config)
    look = add_command(commands, "show", "everything about one queue", add_json, add_config)
    text = "change whether a queue takes work, whatever its source says; status=source lets that count again"
    change = add_command(commands, "set", text, add_json, add_config)
    for name, (_, text) in SWITCHES.items():
        _add_switch(add_command(commands, name, text, add_json, add_config))
    remove = add_command(commands, "rm", "remove a queue that is offline and has no jobs", add_json, add_config)
    why = add_command(commands, "why", "say what is up with a queue, through the API: who asks there, what it refuses", add_json)
    for command in (look, change, remove, why):
        command.add_argument("name", metavar="NAME", help="of the queue")
    change.add_argument("changes", nargs="+", metavar="KEY=VALUE", help='status=brokeroff reason="why" until=2h')
    add_command(commands, "load", "how many jobs each queue has, by state, through the API", add_json)


def _add_switch(parser: argparse.ArgumentParser) -> None:
    add_names(parser)
    parser.add_argument("--reason", default="", metavar="TEXT", help="shown with the queue, and in the audit")
    parser.add_argument("--until", metavar="TIME", help="2h, 3d, 2026-12-31 or 2026-12-31T18:00; then its source counts again")
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")


def _add_imports(commands: Any) -> None:
    text = "make queues what a dump of CRIC says: all of it or nothing; what the source has no more is offline, not removed"
    take_in = add_command(commands, "import", text)
    take_in.add_argument("--dry-run", action="store_true", help="only say what would change")
    take_in.add_argument("--prune", action="store_true", help="remove the queues that are gone and have no jobs")
    diff = add_command(commands, "diff", "what an import would change")
    diff.set_defaults(dry_run=True, prune=False)
    for command in (take_in, diff):
        command.add_argument("place", metavar="FILE|URL", nargs="?", help=PLACE)
        kinds = command.add_mutually_exclusive_group()
        kinds.add_argument("--endpoints", dest="kind", action="store_const", const=ENDPOINTS, default=QUEUES,
                           help="storage endpoints: ddmendpoint JSON of CRIC")
        kinds.add_argument("--links", dest="kind", action="store_const", const=LINKS,
                           help='distances: {from: {to: {"distance": n}}}, JSON or TOML')
        command.add_argument("--skip-bad", action="store_true", help="leave what is wrong in it as it is here")
    known = add_command(commands, "sources", "where the daemon takes them from, and how that goes")
    for command in (take_in, diff, known):
        add_json(command)
        add_config(command)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    if args.command in OF_THE_API:
        from pandad.cli import queueload

        return queueload.run(args)
    if args.command in OF_SOURCES:
        from pandad.cli import queueimport

        return queueimport.run(args)
    from pandad.cli import queue

    return queue.run(args)
