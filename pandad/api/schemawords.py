"""A schema as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandad.api.replyschema import PLACE

Described = Mapping[str, Any]


def type_of(schema: Described) -> str:
    """In words."""
    return "".join(word if isinstance(word, str) else word.name for word in words(schema))


@dataclass(frozen=True, slots=True)
class Shape:
    """A schema that has a name."""

    name: str


def words(schema: Described) -> Iterator[str | Shape]:
    """A schema in words, and the names of others in it."""
    if "$ref" in schema:
        yield Shape(schema["$ref"].removeprefix(PLACE))
    elif "anyOf" in schema:
        yield from _joined(schema["anyOf"], " or ")
    elif "prefixItems" in schema:
        yield "["
        yield from _joined(schema["prefixItems"], ", ")
        yield "]"
    elif "enum" in schema:
        yield "one of " + ", ".join(schema["enum"])
    elif schema.get("type") == "array":
        yield "list of "
        yield from words(schema["items"])
    elif "additionalProperties" in schema:
        yield "object of "
        yield from words(schema["additionalProperties"])
    elif schema.get("format") == "date-time":
        yield "time"
    elif schema.get("format") == "binary":
        yield "file"
    else:
        yield str(schema.get("type", "any JSON"))


def _joined(schemas: Sequence[Described], by: str) -> Iterator[str | Shape]:
    for place, each in enumerate(schemas):
        if place:
            yield by
        yield from words(each)


def keys_of(shape: Described) -> list[tuple[str, Described, bool]]:
    """Of an object: the name and the schema of each key, and whether it is always there."""
    return [(name, schema, name in shape.get("required", ())) for name, schema in shape.get("properties", {}).items()]
