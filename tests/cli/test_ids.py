"""Ids as words and on standard input."""

from __future__ import annotations

import argparse
import io

import pytest

from pandad.cli.ids import add_ids, add_names, calls, ids_of, names_of
from pandad.spec.errors import BadRequest


def read(words: list[str], text: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    parser = argparse.ArgumentParser()
    add_ids(parser)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return ids_of(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "text", "ids"),
    [
        (["1", "2", "1"], "9", [1, 2]),
        (["-"], "3\n4 5\n\n3", [3, 4, 5]),
        (["7", "-", "1"], "7 8", [7, 8, 1]),
        (["-"], '[{"PandaID": 5, "jobStatus": "running"}, {"PandaID": 6}]', [5, 6]),
        (["-"], "[5, 6]", [5, 6]),
        (["-"], '{"PandaID": 5}', [5]),
        (["-"], "", []),
    ],
)
def test_ids(words: list[str], text: str, ids: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, each once; standard input is read for a dash alone, as lines or as what another command printed as JSON."""
    assert read(words, text, monkeypatch) == ids


@pytest.mark.parametrize(
    ("text", "said"),
    [("5\nPandaID", "'PandaID' is not a PandaID"), ("[1,", "begins as JSON"), ('[{"name": "x"}]', "is not a PandaID")])
def test_what_is_no_id(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done with half of them: the mistake is named."""
    with pytest.raises(BadRequest, match=f"standard input: .*{said}"):
        read(["-"], text, monkeypatch)


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues by name, or from what `pandad queue ls --json` printed."""
    parser = argparse.ArgumentParser()
    add_names(parser)
    monkeypatch.setattr("sys.stdin", io.StringIO('[{"queue": "B"}, {"queue": "C"}]'))
    assert names_of(parser.parse_args(["A", "-"])) == ["A", "B", "C"]


def test_calls() -> None:
    """No call has more than it may, and each has its share in order."""
    assert [list(part) for part in calls([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]
