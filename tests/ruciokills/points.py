"""Where a daemon may die: before, after and amid each exchange with Rucio that brings input or takes outputs home."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

EXCHANGES = {
    "a dispatch dataset is made": r"POST /dids/[^/ ]+/[^/ ]+_dis[^/ ]* ",
    "it is filled": r"POST /dids/attachments .*_dis",
    "it is closed": r"PUT /dids/[^ ]+_dis[^ ]+/status",
    "the rule for input is made": r"POST /rules/ .*_dis",
    "a rule is asked after": r"GET /rules/\w{32} ",
    "an output dataset is made": r"POST /dids/[^/ ]+/(?![^ ]*_(dis|sub))[^/ ]+ ",
    "a _sub dataset is made": r"POST /dids/[^/ ]+/[^/ ]+_sub[^/ ]* ",
    "outputs are registered": r"POST /replicas ",
    "they are put into their dataset": r"POST /dids/attachments (?!.*_(dis|sub))",
    "they are put into a _sub dataset": r"POST /dids/attachments .*_sub",
    "it is closed for its rule": r"PUT /dids/[^ ]+_sub[^ ]+/status",
    "the rule for outputs is made": r"POST /rules/ .*_sub",
    "the rule that keeps a dataset is made": r"POST /rules/ (?!.*_(dis|sub))",
    "an output dataset is closed": r"PUT /dids/(?![^ ]*_(dis|sub))[^ ]+/status",
}
"""By what is done: method, path and body as they begin."""


class Moment(StrEnum):
    """When the daemon dies."""

    BEFORE = "before"
    AFTER = "after"
    LATE = "while it is asked for, and it is done when the next daemon works already"


@dataclass(frozen=True, slots=True)
class Point:
    """One end of a daemon."""

    exchange: str
    moment: Moment

    def meets(self, asked: str) -> bool:
        """Whether it is this exchange."""
        return re.match(EXCHANGES[self.exchange], asked) is not None

    def __str__(self) -> str:
        return f"{self.exchange}: {self.moment}"


POINTS = [Point(exchange, moment) for moment in Moment for exchange in EXCHANGES]


def some(count: int, dice: Random) -> Sequence[Point]:
    """So many of them: each exchange once before one comes twice."""
    dealt = [Point(exchange, moment) for exchange in dice.sample(list(EXCHANGES), len(EXCHANGES))
             for moment in dice.sample(list(Moment), len(Moment))]
    turns = len(Moment)
    return [dealt[at] for turn in range(turns) for at in range(turn, len(dealt), turns)][:count]
