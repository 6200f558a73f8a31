"""Ids as words of a command line, or on standard input: as lines, or as the JSON that another `pandad` printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from pandad.cli.options import panda_id
from pandad.spec.errors import BadRequest

STDIN = "-"
IDS_PER_CALL = 1000

T = TypeVar("T")


def add_ids(parser: argparse.ArgumentParser) -> None:
    """One PandaID or more, or ``-``."""
    parser.add_argument("ids", nargs="+", type=_or_stdin(panda_id), metavar="ID", help="PandaIDs; - is those on standard input")


def add_task_ids(parser: argparse.ArgumentParser) -> None:
    """One jediTaskID or more, or ``-``."""
    parser.add_argument("ids", nargs="+", type=_or_stdin(panda_id, "jediTaskID"), metavar="ID",
                        help="jediTaskIDs; - is those on standard input")


def add_names(parser: argparse.ArgumentParser) -> None:
    """One name of a queue or more, or ``-``."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="queues; - is those on standard input")


def ids_of(args: argparse.Namespace) -> list[int]:
    """The PandaIDs that are meant, each once, in order.

    :raise BadRequest: what came on standard input is something else.
    """
    return _all(args.ids, _number, "PandaID")


def task_ids_of(args: argparse.Namespace) -> list[int]:
    """The jediTaskIDs that are meant, each once, in order.

    :raise BadRequest: what came on standard input is something else.
    """
    return _all(args.ids, _number, "jediTaskID")


def names_of(args: argparse.Namespace) -> list[str]:
    """The names of queues that are meant, each once, in order.

    :raise BadRequest: what came on standard input is something else.
    """
    return _all(args.names, str, "queue")


def calls(items: Sequence[T], size: int = IDS_PER_CALL) -> Iterator[Sequence[T]]:
    """As many of them as one call may have, until all were there."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _or_stdin(kind: Callable[[str], int], name: str = "PandaID") -> Callable[[str], object]:
    def word(text: str) -> object:
        return STDIN if text == STDIN else kind(text)

    word.__name__ = name
    return word


def _all(words: Sequence[Any], kind: Callable[[str], T], key: str) -> list[T]:
    found: list[T] = []
    for word in words:
        found += [kind(each) for each in _read(sys.stdin.read(), key)] if word == STDIN else [word]
    return list(dict.fromkeys(found))


def _read(text: str, key: str) -> list[str]:
    if not text.lstrip().startswith(("[", "{")):
        return text.split()
    try:
        data = json.loads(text)
    except ValueError as e:
        raise BadRequest("standard input", f"begins as JSON and is none ({e}); send ids, or what pandad --json prints") from None
    items = data if isinstance(data, list) else [data]
    return [str(each[key] if isinstance(each, dict) and key in each else each) for each in items]


def _number(text: str) -> int:
    try:
        return panda_id(text)
    except argparse.ArgumentTypeError as e:
        raise BadRequest("standard input", f"{e}; for jobs, pandad job ls --ids prints them") from None
