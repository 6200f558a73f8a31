"""The language of the console: what is a line, and what is said to one that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.console.language import HIGHEST_ID, LONGEST, Arg, find, most, one_of, panda_id, text, values, words
from pandad.spec.errors import BadRequest

ARGS = (Arg("queue", text, "a queue"), Arg("status", one_of(["online", "offline"]), "what it is to be", needed=False),
        Arg("reason", text, "why", named=True))


@pytest.mark.parametrize(("line", "wanted"), [
    ('SITE reason="a bad disk"', {"queue": "SITE", "status": None, "reason": "a bad disk"}),
    ("SITE online reason=x", {"queue": "SITE", "status": "online", "reason": "x"}),
    ("reason='it is; $(so) `it`' SITE", {"queue": "SITE", "status": None, "reason": "it is; $(so) `it`"}),
])
def test_words_mean_what_they_say(line: str, wanted: dict[str, object]) -> None:
    """Words by their place, the others by name, in any order; nothing in them is evaluated."""
    assert values(ARGS, words(line)) == wanted


@pytest.mark.parametrize(("line", "sentence"), [
    ("", "queue: is missing; write QUEUE: a queue"),
    ("SITE", "reason: is missing; write reason=REASON: why"),
    ("SITE onlin reason=x", "status: is 'onlin'; did you mean online?"),
    ("SITE online more reason=x", "more: is a word too many; write QUEUE [STATUS] reason=REASON"),
    ("SITE raeson=x", "raeson: is not known here; did you mean reason?"),
    ("SITE reason=", "reason: is ''; write something"),
])
def test_a_mistake_is_named(line: str, sentence: str) -> None:
    """Which word, what is wrong with it, what to write instead."""
    with pytest.raises(BadRequest) as refused:
        values(ARGS, words(line))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "line", ['say "it', "say\x1b[2J", "say\n it", "x" * (LONGEST + 1)], ids=["quote", "escape", "two", "long"])
def test_what_is_no_line(line: str) -> None:
    """A quote that does not end, what steers a terminal, several lines, and what is too long."""
    with pytest.raises(BadRequest):
        words(line)


@pytest.mark.parametrize("word", ["0", "-1", "1.0", "١", "1e3", str(HIGHEST_ID + 1), "9" * 5000, ""])
def test_numbers_are_digits(word: str) -> None:
    """PandaIDs from 1 on that PostgreSQL can hold, in the digits of ASCII."""
    with pytest.raises(ValueError, match="write a PandaID"):
        panda_id(word)
    with pytest.raises(ValueError, match="write 1 to 1000"):
        most(word or "1001")


def test_verbs_are_found_by_their_first_words() -> None:
    """The longer name first; who writes half of one is told the rest."""
    verbs = {"queue set": 1, "queues": 2, "help": 3}
    assert find(verbs, ["queue", "set", "X"]) == ("queue set", ["X"])
    assert find(verbs, ["help", "queues"]) == ("help", ["queues"])
    with pytest.raises(BadRequest, match="queue: is no verb; write queue set"):
        find(verbs, ["queue"])
    with pytest.raises(BadRequest, match="did you mean queues"):
        find(verbs, ["quees"])


@given(st.text())
def test_any_text_is_a_line_or_a_refusal(line: str) -> None:
    """Nothing else comes of it."""
    try:
        said = words(line)
    except BadRequest:
        return
    try:
        values(ARGS, said)
    except BadRequest as refusal:
        assert ": " in str(refusal)
