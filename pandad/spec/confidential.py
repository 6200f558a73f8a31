"""A text that must not be seen."""

from __future__ import annotations


class Confidential:
    """Holds a secret on its way through pandad: log lines, tracebacks and messages that meet it show stars."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one who needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Confidential(***)"

    __str__ = __repr__
