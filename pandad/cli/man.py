"""``pandad man``: manual pages, one of the command and one of each verb, made of what the parsers know."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pandad import __version__
from pandad.cli import roff, tree
from pandad.cli.examples import SAID
from pandad.cli.exitcodes import MEANINGS
from pandad.cli.tree import Command, spelled
from pandad.settings import nearest
from pandad.spec.errors import BadRequest

SECTION = 1

ENVIRONMENT = (
    ("PANDAD_CONFIG", "the daemon's configuration, for verbs that work on its database; else /etc/pandad/pandad.toml"),
    ("PANDA_URL_SSL", "the server, for verbs that are its clients: https://HOST:25443/server/panda"),
    ("X509_USER_PROXY, X509_CERT_DIR", "your proxy, and the folder of trusted CAs"),
    ("PANDA_AUTH, PANDA_AUTH_VO, PANDA_AUTH_ID_TOKEN", "oidc, your VO or VO:ROLE, and a token, in place of a proxy"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("page", nargs="?", metavar="VERB", help="show the page of that verb; else of the command")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write all pages there, as files *.1, and show none")


def run(args: argparse.Namespace) -> int:
    """Show one, or write all."""
    made = pages()
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (args.out / f"{name}.{SECTION}").write_text(text, "utf-8")
        return 0
    name = f"pandad-{args.page}" if args.page else "pandad"
    if name not in made:
        raise BadRequest("VERB", f"{args.page} is none; {nearest(args.page, [n.removeprefix('pandad-') for n in made][1:])}")
    viewer = shutil.which("man")
    if viewer is None or not sys.stdout.isatty():
        print(made[name], end="")
        return 0
    return subprocess.run([viewer, "-l", "-"], input=made[name], text=True, check=False).returncode


def pages() -> dict[str, str]:
    """All pages in roff, by name without their section."""
    whole = tree.whole()
    return {"-".join(command.path): roff.document("-".join(command.path), SECTION, f"pandad {__version__}", _body(command, whole))
            for command in (whole, *whole.commands)}


def _body(command: Command, whole: Command) -> Iterator[str]:
    yield roff.section("NAME")
    yield roff.name_line("-".join(command.path), command.text)
    yield roff.section("SYNOPSIS")
    yield from (roff.literal(leaf.usage) for leaf in ([command] if command is whole else [*command.commands] or [command]))
    yield roff.section("DESCRIPTION")
    yield roff.paragraph(_sentence(command.text))
    if command is whole:
        yield from (roff.item(f"pandad-{verb.path[-1]}({SECTION})", verb.text) for verb in whole.commands)
    yield from _words(command)
    if command is not whole:
        for below in command.commands:
            yield from _command(below)
    yield from _end(command, whole)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _words(command: Command) -> Iterator[str]:
    if command.words:
        yield roff.section("OPTIONS")
        yield from (roff.item(spelled(word), word.help or "") for word in command.words)
    yield from _said(command)


def _command(command: Command) -> Iterator[str]:
    yield roff.subsection(command.name)
    yield roff.paragraph(_sentence(command.text))
    yield from (roff.item(spelled(word), word.help or "") for word in command.words)
    yield from _said(command)


def _said(command: Command) -> Iterator[str]:
    said = SAID.get(" ".join(command.path[1:]))
    if said is not None:
        if said.json:
            yield roff.paragraph(f"JSON: {said.json}")
        yield roff.paragraph("For example:")
        yield from (roff.literal(line) for line in said.lines)


def _end(command: Command, whole: Command) -> Iterator[str]:
    yield roff.section("EXIT STATUS")
    yield from (roff.item(str(code), meaning) for code, meaning in MEANINGS.items())
    yield roff.section("ENVIRONMENT")
    yield from (roff.item(name, meaning) for name, meaning in ENVIRONMENT)
    yield roff.section("SEE ALSO")
    pages = [f"pandad-{verb.path[-1]}({SECTION})" for verb in whole.commands] if command is whole else [f"pandad({SECTION})"]
    yield roff.paragraph(", ".join(pages))
