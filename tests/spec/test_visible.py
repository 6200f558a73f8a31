"""Names are text in one line."""

from __future__ import annotations

import pytest

from pandad.spec.visible import unseen


@pytest.mark.parametrize("name", ["", "a job", "user.ann.test1/", "Äpfel 苹果 %RNDM=5", "a\u00a0b", "e\u0301"])
def test_plain(name: str) -> None:
    """Whatever people write."""
    assert unseen(name) is None


@pytest.mark.parametrize("sign", ["\x1b", "\n", "\t", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff"])
def test_unseen(sign: str) -> None:
    """What steers a terminal, breaks a line, turns its direction around or cannot be seen is named by its number."""
    said = unseen(f"a{sign}b\x1b")
    assert said is not None and f"U+{ord(sign):04X};" in said
