"""How the PanDA spec classes declare their attributes: kind and length limit, read off the dataclass."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints


def limited(length: int) -> Any:
    """A text field, None by default, that PanDA's schema limits to `length` characters; longer text is cut."""
    return field(default=None, metadata={"limit": length})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its wire name, its kind (int, float, str, datetime or a StrEnum), its length limit in characters."""

    name: str
    kind: type
    limit: int | None
    nullable: bool

    @property
    def column(self) -> str:
        """The database column: PostgreSQL folds names to lower case, as PanDA's own schema has them."""
        return self.name.lower()


@cache
def attributes_of(spec: type) -> tuple[Attribute, ...]:
    """The scalar attributes of a spec class, in declaration (= wire) order; lists are left out."""
    hints = get_type_hints(spec)
    return tuple(
        Attribute(f.name, _kind(hints[f.name]), f.metadata.get("limit"), type(None) in get_args(hints[f.name]))
        for f in fields(spec)
        if get_origin(hints[f.name]) is not list
    )


def _kind(hint: Any) -> type:
    kinds = [k for k in get_args(hint) or (hint,) if k is not type(None)]
    assert len(kinds) == 1 and isinstance(kinds[0], type), f"{hint} is not one plain kind"
    return kinds[0]
