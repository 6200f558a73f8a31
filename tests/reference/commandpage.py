"""docs/reference/cli.md, from the parsers of the command."""

from __future__ import annotations

from collections.abc import Iterator

from pandad.cli import tree
from pandad.cli.examples import SAID
from pandad.cli.exitcodes import MEANINGS
from pandad.cli.man import ENVIRONMENT
from pandad.cli.tree import Command, spelled

from .markdown import code, lines, made, table

INTRODUCTION = """
`pandad --help` lists the verbs, `pandad VERB --help` what each takes, `pandad man VERB` shows its manual page. Data goes to
standard output, as tables or with `--json` in the shape that stands here; all else, also what becomes of a job that is waited
for, to standard error. An error is one line there, which says what to do.

Where a command takes ids, `-` stands for those on standard input: as words, or as the JSON that another `pandad` printed.
There may be any number of them: they go to the server in calls of bounded size.

`pandad completion bash > /etc/bash_completion.d/pandad` (or `zsh`, `tcsh`) makes the shell complete all of it at TAB.
"""


def page() -> str:
    """The whole page."""
    whole = tree.whole()
    codes = table(("exit code", "means"), ((code(str(number)), meaning) for number, meaning in MEANINGS.items()))
    environment = table(("variable", "says"), ((", ".join(map(code, name.split(", "))), text) for name, text in ENVIRONMENT))
    verbs = table(("verb", "for"), ((f"[{verb.path[-1]}](#{'-'.join(verb.path)})", verb.text) for verb in whole.commands))
    options = table(("option", "of all verbs"), ((code(spelled(word)), word.help) for word in whole.words))
    parts = [made("The command", INTRODUCTION), codes, environment, options, verbs]
    return "".join([*parts, *(part for verb in whole.commands for part in _entry(verb, 2))])


def _entry(command: Command, level: int) -> Iterator[str]:
    yield f"\n{'#' * level} {command.name}\n\n{command.text[:1].upper()}{command.text[1:]}.\n"
    if command.commands:
        for below in command.commands:
            yield from _entry(below, level + 1)
        return
    yield lines([command.usage])
    yield table(("option or argument", ""), ((code(spelled(word)), word.help) for word in command.words))
    said = SAID[" ".join(command.path[1:])]
    if said.json:
        yield f"\nJSON: `{said.json}`\n"
    yield "\nFor example:\n" + lines(said.lines)
