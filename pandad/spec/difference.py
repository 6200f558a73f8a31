"""What an import changes, in words and as data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    """By name. ``changed``: without keys where only their order did, or where they were not compared.

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
            yield f"~ {name}: {'; '.join(map(str, changes[:MOST_KEYS]))}{more}" if changes else f"~ {name}"
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
    changed = (key for key in old.keys() | new.keys() if not (key in old and key in new and _same(old[key], new[key])))
    return [KeyChange(key, _json(old, key), _json(new, key)) for key in sorted(changed)]


def _same(old: object, new: object) -> bool:
    if type(old) is type(new) and not isinstance(old, dict | list):
        return old == new
    return _written(old) == _written(new)


def _json(description: Mapping[str, Any], key: str) -> str | None:
    return _written(description[key]) if key in description else None


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _short(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}..."


def _value(value: str | None) -> Any:
    return None if value is None else json.loads(value)
