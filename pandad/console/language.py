"""The language of the console: ``VERB WORD … key=value …``, with quotes as in a shell. It is read, and never evaluated."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandad.settings import nearest
from pandad.spec.errors import BadRequest

LONGEST = 2000  # characters of a line
HIGHEST_ID = 2**63 - 1

Kind = Callable[[str], Any]
"""The value in a word; raises ValueError with what to write instead."""


@dataclass(frozen=True, slots=True)
class Arg:
    """What follows a verb.

    :param named: written as ``name=value``; else by its place. :param default: None and not needed if it may be left out.
    """

    name: str
    kind: Kind
    doc: str
    named: bool = False
    needed: bool = True
    default: Any = None

    @property
    def shown(self) -> str:
        """As help writes it."""
        text = f"{self.name}={self.name.upper()}" if self.named else self.name.upper()
        return text if self.needed else f"[{text}]"


def words(line: str) -> list[str]:
    """The words of a line.

    :raise BadRequest: it is too long, or a quote does not end.
    """
    if len(line) > LONGEST:
        raise BadRequest("line", f"has {len(line)} characters; write at most {LONGEST}")
    if not line.isprintable():
        raise BadRequest("line", "has characters that cannot be printed; write it without them")
    try:
        return shlex.split(line)
    except ValueError:
        raise BadRequest("line", "has a quote that does not end; close it") from None


def values(args: Sequence[Arg], given: Sequence[str]) -> dict[str, Any]:
    """What the words after a verb say, by name.

    :raise BadRequest: names the word that is wrong or missing, and what to write.
    """
    named = {arg.name: arg for arg in args if arg.named}
    placed = [arg for arg in args if not arg.named]
    found: dict[str, Any] = {arg.name: arg.default for arg in args if not arg.needed}
    for word in given:
        key, equals, value = word.partition("=")
        if equals and key.isidentifier():
            if key not in named:
                raise BadRequest(key, f"is not known here; {nearest(key, named) if named else 'leave it out'}")
            _put(found, named[key], value)
        elif placed:
            _put(found, placed.pop(0), word)
        else:
            raise BadRequest(word, f"is a word too many; write {' '.join(arg.shown for arg in args) or 'nothing after the verb'}")
    for arg in args:
        if arg.name not in found:
            raise BadRequest(arg.name, f"is missing; write {arg.shown}: {arg.doc}")
    return found


def _put(found: dict[str, Any], arg: Arg, word: str) -> None:
    try:
        found[arg.name] = arg.kind(word)
    except ValueError as error:
        raise BadRequest(arg.name, f"is {word!r}; {error}") from None


def text(word: str) -> str:
    """Anything but nothing."""
    if not word.strip():
        raise ValueError("write something")
    return word


def panda_id(word: str) -> int:
    """A PandaID."""
    return _number(word, 1, HIGHEST_ID, "a PandaID")


def most(word: str) -> int:
    """How many lines."""
    return _number(word, 1, 1000, "1 to 1000")


def _number(word: str, low: int, high: int, what: str) -> int:
    if not (word.isascii() and word.isdigit()) or len(word) > 19 or not low <= int(word) <= high:
        raise ValueError(f"write {what}")
    return int(word)


def one_of(choices: Sequence[str]) -> Kind:
    """One of these words."""

    def chosen(word: str) -> str:
        if word not in choices:
            raise ValueError(nearest(word, choices))
        return word

    chosen.choices = choices  # type: ignore[attr-defined]  # for completion
    return chosen


def choices_of(kind: Kind) -> Sequence[str]:
    """What `one_of` was made with; none of others."""
    found: Sequence[str] = getattr(kind, "choices", ())
    return found


def find(verbs: Mapping[str, Any], said: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The verb that a line begins with, of one word or two, and what follows.

    :raise BadRequest: there is none; says which is meant, perhaps.
    """
    for length in (2, 1):
        name = " ".join(said[:length])
        if len(said) >= length and name in verbs:
            return name, said[length:]
    seconds = sorted(name for name in verbs if name.startswith(f"{said[0]} "))
    advice = f"write {' or '.join(seconds)}" if seconds else nearest(said[0], verbs)
    raise BadRequest(said[0], f"is no verb; {advice}")
