"""A page run on a machine: all its commands in one shell, in their order, and what each said."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .blocks import Block, Page
from .comparing import exchanges, fits
from .machine import Machine

MARK = "\001"
_WRAPPED = re.compile(f"{MARK}(\\d+){MARK}\n")


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a block that is run by itself. ``expected``: what the page shows; None: it shows nothing."""

    block: Block
    command: str
    expected: str | None = None


def steps(blocks: Sequence[Block], words: Mapping[str, str], running: Mapping[str, str]) -> Iterator[Step]:
    """What is to be run of these.

    :param running: commands that stay, by what they are: the file that holds what they said.
    """
    for block in blocks:
        if "file" in block.notes:
            yield Step(block, _write(block.notes["file"], _meant(block.text, words)))
        elif "stays until" in block.notes:
            yield from _stays(block, running)
        elif block.language == "console":
            for each in exchanges(block.text):
                yield Step(block, _meant(each.command, words), _meant(each.expected, words))
        else:
            yield Step(block, _meant(block.text, words))


def _meant(text: str, words: Mapping[str, str]) -> str:
    for word, meant in words.items():
        text = re.sub(rf"\b{re.escape(word)}\b", meant.replace("\\", r"\\"), text)
    return text


def _write(name: str, text: str) -> str:
    return f'mkdir -p "$(dirname {shlex.quote(name)})" && cat > {shlex.quote(name)} <<\'END-OF-FILE\'\n{text}END-OF-FILE\n'


def _stays(block: Block, running: Mapping[str, str]) -> Iterator[Step]:
    """A command that does not end was started before; here it is seen that it is that one, and what it said."""
    shown = exchanges(block.text) if block.language == "console" else []
    command = shown[-1].command if shown else re.sub(r"\s*#.*", "", block.text).strip().splitlines()[-1]
    log = next((log for started, log in running.items() if command == started), None)
    said = f"cat {log}" if log else f"echo nobody started: {shlex.quote(command)}; false"
    yield Step(block, f"test -e {block.notes['stays until']}\n{said}", shown[-1].expected if shown else None)


def script(folder: str, wanted: Sequence[Step]) -> str:
    """One shell for all of them."""
    lines = [f"mkdir -p {folder} && cd {folder}", "test -e .venv || ! test -e ../.venv || ln -s ../.venv .venv", "set -e"]
    for number, step in enumerate(wanted):
        lines.append(f"printf '{MARK}{number}{MARK}\\n'")
        code = step.block.notes.get("exits")
        if code is None:
            lines.append(step.command)
        else:
            lines += ["set +e", step.command, "code=$?; set -e", f'test "$code" = {code}']
    return "\n".join(lines)


def complaints(machine: Machine, wanted: Sequence[Step], folder: str, environment: Mapping[str, str]) -> list[str]:
    """Run them; what did not go as the page says. After a command that failed nothing more is run."""
    outcome = machine.run(script(folder, wanted), environment)
    _, *parts = _WRAPPED.split(outcome.said)
    found: list[str] = []
    for number, said in zip(parts[::2], parts[1::2], strict=True):
        step = wanted[int(number)]
        if step.expected is not None and not fits(step.expected, said):
            found.append(f"{step.block.place}: {step.command}\n--- the page shows\n{step.expected}\n--- it said\n{said}")
    if outcome.code != 0 or len(parts) != 2 * len(wanted):
        last = wanted[int(parts[-2])].block.place if parts else "the beginning"
        found.append(f"{last}: exit code {outcome.code}, after\n{parts[-1] if parts else outcome.said}")
    return found


def tried(machine: Machine, page: Page, folder: str, environment: Mapping[str, str], running: Mapping[str, str]) -> list[str]:
    """Run a page; what did not go as it says."""
    return complaints(machine, list(steps(page.commands, page.words, running)), folder, environment)
