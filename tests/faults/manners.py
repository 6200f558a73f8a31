"""How the daemons spoke while their database was in trouble: every call answered, and no line in a log that frightens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .history import History

TRACEBACK = "Traceback (most recent call last)"


def dropped(history: History) -> Iterator[str]:
    """Calls that got no answer at all, where the daemon and the way to it were sound."""
    return (f"{call} got no answer {n} times" for (call, outcome), n in history.outcomes.items() if outcome == "no answer")


def tracebacks(logs: Sequence[Path]) -> Iterator[str]:
    """Logs with tracebacks: an outage is told in a sentence."""
    for log in logs:
        if n := log.read_text("utf-8", "replace").count(TRACEBACK):
            yield f"{log.name} has {n} tracebacks"
