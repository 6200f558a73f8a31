"""What the clients of a campaign said and heard, kept so that it can be compared with what is stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Attempt = tuple[int, int]
"""(PandaID, attemptNr)"""


@dataclass
class Submission:
    """Jobs handed in together. ``ids``: what the answer said; None while there was none. ``tries``: how often it was sent."""

    names: Sequence[str]
    ids: list[int] | None = None
    tries: int = 0


@dataclass
class History:
    """Attempted and acknowledged, of one round.

    ``handed``: how often clients were given each attempt. ``heard``: the commands in the answers to each word about an attempt.
    ``kills``: per job whether a kill was acknowledged. ``outcomes``: how calls ended, by call.
    """

    submissions: list[Submission] = field(default_factory=list)
    handed: Counter[Attempt] = field(default_factory=Counter)
    heard: dict[tuple[int, int, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    kills: dict[int, bool] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        """Requests sent."""
        return sum(self.outcomes.values())

    @property
    def unanswered(self) -> int:
        """Requests whose sender had to send them again."""
        return sum(n for (_, outcome), n in self.outcomes.items() if outcome in ("no answer", "HTTP 503"))

    @property
    def incidents(self) -> int:
        """Answers that say the server met something that must not happen."""
        return sum(n for (_, outcome), n in self.outcomes.items() if outcome == "HTTP 500")

    def evidence(self) -> dict[str, Any]:
        """All of it, in types that JSON has."""
        return {
            "submissions": [[list(s.names), s.ids, s.tries] for s in self.submissions],
            "handed": [[*attempt, n] for attempt, n in self.handed.items()],
            "heard": [[*key, answers] for key, answers in self.heard.items()],
            "kills": list(self.kills.items()),
            "outcomes": [[*key, n] for key, n in self.outcomes.items()],
        }
