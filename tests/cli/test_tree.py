"""The whole command line: what each command of it must have."""

from __future__ import annotations

import shlex

import pytest

from pandad.cli import tree
from pandad.cli.examples import SAID
from pandad.cli.tree import Command

WHOLE = tree.whole()
LEAVES = [command for command in WHOLE.walk() if not command.commands]
NO_DATA = {"sandbox", "completion", "man"}  # which print a page, a script, or what a person reads


def words_of(command: Command) -> str:
    return " ".join(command.path[1:])


def test_everything_says_what_it_is() -> None:
    """Each command, option and argument has its sentence, and no default hides in it."""
    for command in WHOLE.walk():
        assert command.text, command.name
        assert [tree.spelled(word) for word in command.words if not word.help] == [], command.name


def test_each_command_has_its_example() -> None:
    """And nothing has one that is not there."""
    assert {words_of(leaf) for leaf in LEAVES} == set(SAID)


def test_what_prints_data_prints_json() -> None:
    """And the shape of it is written down."""
    switch = {words_of(leaf) for leaf in LEAVES if any("--json" in word.option_strings for word in leaf.words)}
    assert switch == {words_of(leaf) for leaf in LEAVES} - NO_DATA
    assert switch == {words for words, said in SAID.items() if said.json}


@pytest.mark.parametrize("words", sorted(SAID))
def test_examples_can_be_typed(words: str) -> None:
    """Each is a command line of that very command: its parser takes it."""
    for line in SAID[words].lines:
        first = line.split(" | ")[0].split(" > ")[0].split(" < ")[0]
        typed = shlex.split(first)
        assert typed[0] == "pandad" and " ".join(typed[1:]).startswith(words)
        args = WHOLE.parser.parse_args(typed[1:])
        assert [args.verb, *([args.command] if hasattr(args, "command") else [])] == words.split()


def test_spelled() -> None:
    """Options and arguments as pages list them."""
    (ls,) = (leaf for leaf in LEAVES if words_of(leaf) == "job ls")
    assert [tree.spelled(word) for word in ls.words] == [
        "--json", "--status STATE [STATE ...]", "--queue NAME", "--task N", "--most N", "--ids"]
    (grant,) = (leaf for leaf in LEAVES if words_of(leaf) == "user grant")
    assert "{pilot,production,ddm,admin}" in [tree.spelled(word) for word in grant.words]
