"""Names, which people read in lines: at terminals, on pages, in logs. What steers a terminal, breaks a line or turns it around is
no part of one."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})


def unseen(name: str) -> str | None:
    """What is wrong with a name, in words for its author; None: nothing."""
    if name.isprintable():
        return None
    found = next((c for c in name if unicodedata.category(c) in _UNSEEN), None)
    if found is None:
        return None
    return f"holds the control or formatting character U+{ord(found):04X}; it is to be plain text in one line"
