"""What is said of the JSON of commands, against what they print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from pandad.cli.demoreport import Verdict as DemoVerdict
from pandad.cli.examples import SAID
from pandad.cli.main import main
from pandad.cli.queue import row_of as queue_row
from pandad.cli.user import ban_row
from pandad.taskbuffer.audit import Entry, Verdict
from pandad.taskbuffer.denials import Denied
from pandad.taskbuffer.loops import LoopState
from pandad.taskbuffer.ownjobs import Listed
from pandad.taskbuffer.pilotcredentials import Lent


def keys_of(shape: str) -> tuple[set[str], bool]:
    """The keys of the first object of a shape, and whether there may be more."""
    depth, word, keys = 0, "", list[str]()
    for c in shape[shape.index("{") + 1 :] + "}":
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(c, 0)
        if depth < 0 or (c == "," and depth == 0):
            keys.append(word.partition(":")[0].strip())
            word = ""
            if depth < 0:
                break
        else:
            word += c
    return set(keys) - {"..."}, "..." in keys


def printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert main(words) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("words", ["access", "metrics", "errorcodes", "timeouts"])
def test_tables(words: str, capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """Commands that need nothing print objects with exactly these keys."""
    (tmp_path / "c.toml").write_text('[database]\ndsn = "dbname=x"\n')
    more = ["--config", str(tmp_path / "c.toml")] if words == "timeouts" else []
    rows = printed([words, "--json", *more], capsys)
    assert SAID[words].json.startswith("[{") and keys_of(SAID[words].json) == (set(rows[0]), False)


OF_DATACLASSES = {"job ls": Listed, "loop ls": LoopState, "credential ls": Lent, "audit show": Entry, "audit verify": Verdict,
                  "token ls": Denied}


@pytest.mark.parametrize("words", sorted(OF_DATACLASSES))
def test_what_is_printed_as_it_is_stored(words: str) -> None:
    """These print all fields of a record."""
    keys, more = keys_of(SAID[words].json)
    stored = {f.name for f in fields(OF_DATACLASSES[words])}
    assert keys <= stored if more else keys == stored


def literal_keys(function: Any) -> Iterator[str]:
    """The texts that stand as keys in a function that makes a row."""
    return (c for c in function.__code__.co_consts for c in (c if isinstance(c, tuple) else (c,)) if isinstance(c, str))


def test_rows() -> None:
    """Of what is made by a function of its own, no key is said that it does not make."""
    queue, _ = keys_of(SAID["queue ls"].json)
    assert {"source_status", "reason", "set_by", "jobs", "changed"} <= queue & set(literal_keys(queue_row))
    bans = re.search(r"bans: \[(\{.*?\})\]", SAID["user show"].json)
    assert bans is not None and keys_of(bans[1])[0] <= set(literal_keys(ban_row))
    demo, more = keys_of(SAID["demo"].json)
    assert more and demo <= set(literal_keys(DemoVerdict.as_dict))
