"""``pandad backup``: the commands that back this pandad up, and those that restore it. It runs none of them. See
docs/how-to/restore.md."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from pandad import configchecks
from pandad.cli.output import show, table
from pandad.config import Config, load
from pandad.settings import Rule, rule_of
from pandad.taskbuffer.dsn import dsn_of, words_of

FILE = "pandad-$(date +%F).dump"
MADE_ANEW = frozenset({"server.ports_file", "log.file", "console.socket"})  # by the daemon itself


@dataclass(frozen=True, slots=True)
class Kept:
    """A file or a folder that no database dump has. ``secret``: to be kept apart from the dump, which is of no use without it."""

    path: str
    what: str
    secret: bool


def run(args: argparse.Namespace) -> int:
    """Print them."""
    config = load(args.config, on_this_host=False)
    kept = [Kept(str(args.config.absolute()), "the configuration", "password" in words_of(config.database.dsn)), *files(config)]
    data = {"dump": dump_command(config, FILE), "archive": archive_command(config),
            "restore": list(restore_commands(config, "FILE")),
            "files": [{"path": each.path, "what": each.what, "secret": each.secret} for each in kept]}
    show(args, data, "\n".join(_account(config, kept)))
    return 0


def _account(config: Config, kept: list[Kept]) -> Iterator[str]:
    yield "The database as it is at one moment, while daemons go on. As the user who owns it:\n"
    yield f"  {dump_command(config, FILE)}"
    yield '\nOr continuously, to any moment (PostgreSQL\'s "Continuous Archiving"): an archive_command, and now and then\n'
    yield f"  {archive_command(config)}"
    yield "\nWhat is not in the database:\n"
    yield table(("path", "what", "keep it"), [(k.path, k.what, "apart from the dump" if k.secret else "") for k in kept])
    yield "\nWhoever has the dump and the keys of [secrets] has all secrets of users: never keep the two in one place."
    yield "\nTo restore, with every pandad stopped:\n"
    yield from (f"  {command}" for command in restore_commands(config, "FILE"))


def dump_command(config: Config, file: str) -> str:
    """The command that dumps the database; it has no password in it."""
    return f"pg_dump --format=custom --file={file} --dbname={_database(config)}"


def _database(config: Config) -> str:
    """For a command line, which everybody on the host can read."""
    return shlex.quote(dsn_of({word: said for word, said in words_of(config.database.dsn).items() if word != "password"}))


def _server(config: Config) -> str:
    """Where it is, for programs that want no database."""
    words = words_of(config.database.dsn)
    return "".join(f" --{word}={shlex.quote(words[word])}" for word in ("host", "port") if word in words)


def archive_command(config: Config) -> str:
    """The command that copies the whole cluster."""
    return f"pg_basebackup{_server(config)} --checkpoint=fast --wal-method=stream --pgdata=DIR"


def restore_commands(config: Config, file: str) -> Iterator[str]:
    """The commands that put a dump in place of the database, which may be gone. The first two are PostgreSQL's superuser's."""
    words, server = words_of(config.database.dsn), _server(config)
    name = shlex.quote(words.get("dbname", "pandad"))
    yield f"dropdb{server} --if-exists {name}"
    yield f"createdb{server} --owner={shlex.quote(words.get('user', 'pandad'))} {name}"
    yield f"pg_restore --single-transaction --no-owner --dbname={_database(config)} {file}"
    yield "pandad fsck --after-restore --repair"


def files(config: Config) -> Iterator[Kept]:
    """All that the configuration names and that somebody had to put there."""
    for key, path, rule in _paths(config, ""):
        if key not in MADE_ANEW and path.is_absolute():
            what = rule.doc.partition(":")[0].partition(";")[0]
            yield Kept(str(path), f"{key}: {what}", rule.on_disk is configchecks.secret)


def _paths(settings: Any, above: str) -> Iterator[tuple[str, Path, Rule]]:
    for each in fields(settings):
        value, rule = getattr(settings, each.name), rule_of(type(settings), each.name)
        if is_dataclass(value):
            yield from _paths(value, f"{above}{each.name}.")
        elif isinstance(value, Path):
            yield f"{above}{each.name}", value, rule
        elif isinstance(value, Mapping):
            yield from ((f"{above}{each.name}.{name}", path, rule) for name, path in value.items() if isinstance(path, Path))
