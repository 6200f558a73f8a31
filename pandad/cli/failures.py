"""Kinds of failures that have an exit code of their own; see exitcodes."""

from __future__ import annotations

from pandad.spec.errors import PandadError


class Unusable(PandadError):
    """Nothing was done: what is at hand here does not do, and the text says what to change."""


class OutOfReach(PandadError):
    """Nobody answers there: whether anything was done is unknown, and it may be tried again later."""
