"""What an import changes, in words and as data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

LONGEST_VALUE = 60  # characters of a value in a line
MOST_KEYS = 20  # in a line


@dataclass(frozen=True, slots=True)
class KeyChange:
    """``old``, ``new``: the values as JSON; None where there is no such key."""

    key: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.old)} -> {_short(self.new)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """By name.

    :param gone: not in their source any more; queues are offline from now on. :param back: were gone, and are there again.
    :param removed: gone, and taken out. :param unread: what the source has and could not be read: left as it is.
    :param same: how many did not change.
    """

    added: Sequence[str] = ()
    changed: Mapping[str, Sequence[KeyChange]] = field(default_factory=dict)
    gone: Sequence[str] = ()
    back: Sequence[str] = ()
    removed: Sequence[str] = ()
    unread: Sequence[str] = ()
    same: int = 0

    @property
    def is_empty(self) -> bool:
        """Nothing changes."""
        return not (self.added or self.changed or self.gone or self.back or self.removed)

    @property
    def summary(self) -> str:
        """One line."""
        counts = {"added": self.added, "changed": self.changed, "gone": self.gone, "back": self.back, "removed": self.removed,
                  "not read": self.unread}
        return ", ".join([*(f"{len(names)} {word}" for word, names in counts.items() if names), f"{self.same} unchanged"])

    def lines(self, most: int | None = None) -> Iterator[str]:
        """A line for each thing; after ``most`` of them how many more there are."""
        lines = list(self._lines())
        yield from lines[:most]
        if most is not None and len(lines) > most:
            yield f"... and {len(lines) - most} more"

    def _lines(self) -> Iterator[str]:
        yield from (f"+ {name}" for name in self.added)
        for name, changes in self.changed.items():
            more = f"; and {len(changes) - MOST_KEYS} keys more" if len(changes) > MOST_KEYS else ""
            yield f"~ {name}: {'; '.join(map(str, changes[:MOST_KEYS]))}{more}"
        yield from (f"< {name}: is there again" for name in self.back)
        yield from (f"> {name}: is not there any more" for name in self.gone)
        yield from (f"- {name}" for name in self.removed)

    @property
    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        changed = {name: [{"key": c.key, "old": _value(c.old), "new": _value(c.new)} for c in changes]
                   for name, changes in self.changed.items()}
        return {"added": self.added, "changed": changed, "gone": self.gone, "back": self.back, "removed": self.removed,
                "not_read": self.unread, "same": self.same}


def key_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[KeyChange]:
    """The keys whose values differ, 1 from 1.0 too; not the order in which they stand."""
    before, after = ({key: json.dumps(value, sort_keys=True, ensure_ascii=False) for key, value in each.items()}
                     for each in (old, new))
    keys = sorted(before.keys() | after.keys())
    return [KeyChange(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def named(names: Sequence[str], most: int = 5) -> str:
    """The first of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(islice(names, most)) + more


def _short(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}..."


def _value(value: str | None) -> Any:
    return None if value is None else json.loads(value)
