"""The whole command line, all verbs with all their words: what completions, manual pages and the reference are made of."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pandad.cli.main import VERBS, parsers


@dataclass(frozen=True)
class Command:
    """One thing that can be said: `pandad`, a verb, or a command of a verb. ``path``: the words that lead there."""

    path: tuple[str, ...]
    parser: argparse.ArgumentParser

    @property
    def name(self) -> str:
        """As one writes it."""
        return " ".join(self.path)

    @property
    def text(self) -> str:
        """What it does."""
        return self.parser.description or ""

    @property
    def usage(self) -> str:
        """On one line."""
        return " ".join(self.parser.format_usage().removeprefix("usage: ").split())

    @property
    def words(self) -> Sequence[argparse.Action]:
        """Its options and arguments, without --help and what leads to other commands."""
        return [a for a in self.parser._actions
                if not isinstance(a, argparse._HelpAction | argparse._SubParsersAction) and a.help is not argparse.SUPPRESS]

    @property
    def commands(self) -> Sequence[Command]:
        """What comes below it."""
        below = [a for a in self.parser._actions if isinstance(a, argparse._SubParsersAction)]
        return [Command((*self.path, name), parser) for action in below for name, parser in action.choices.items()]

    def walk(self) -> Iterator[Command]:
        """It, and all below."""
        yield self
        for command in self.commands:
            yield from command.walk()


def whole() -> Command:
    """All of it."""
    parser, verbs = parsers()
    for name, (module, _) in VERBS.items():
        importlib.import_module(module).add_arguments(verbs[name])
    return Command(("pandad",), parser)


def spelled(action: argparse.Action) -> str:
    """An option or argument as a page lists it: ``--status STATE [STATE ...]``."""
    metavar = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
    one = " ".join(metavar) if isinstance(metavar, tuple) else metavar
    if action.choices is not None and action.metavar is None:
        one = "{" + ",".join(map(str, action.choices)) + "}"
    values = {0: "", "?": f"[{one}]", "*": f"[{one} ...]", "+": f"{one} [{one} ...]"}.get(action.nargs or "", one)
    if action.nargs == 0:
        values = ""
    return " ".join(filter(None, (", ".join(action.option_strings), values)))
