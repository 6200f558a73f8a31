"""``pandad completion``: a script for a shell, made once; at TAB no Python runs."""

from __future__ import annotations

import argparse
from pathlib import Path

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("shell", choices=SHELLS, help="which")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    print(script(args.shell), end="")
    return 0


def script(shell: str) -> str:
    """What a shell reads at its start."""
    import shtab  # only who asks for a script needs it

    from pandad.cli import tree

    whole = tree.whole()
    for command in whole.walk():
        for action in command.words:
            if action.type is Path:
                action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(whole.parser, shell)).rstrip() + "\n"
