"""The two-letter tags of JobSpec.specialHandling that pandad acts on (names: PanDA's JobSpec)."""

from __future__ import annotations

DEBUG_MODE = "dm"
USE_SECRETS = "us"  # the job wants its owner's secrets
NO_LOOPING_CHECK = "lc"  # its pilot does not look whether the payload still does anything


def has_tag(text: str | None, tag: str) -> bool:
    """Whether the comma list has the tag."""
    return tag in (text or "").split(",")


def with_tag(text: str | None, tag: str) -> str:
    """The comma list with the tag."""
    return text if text and has_tag(text, tag) else f"{text},{tag}" if text else tag


def without_tag(text: str | None, tag: str) -> str | None:
    """The comma list without the tag; None when nothing is left."""
    return ",".join(t for t in (text or "").split(",") if t != tag) or None
