"""From the type of what a call gives to JSON Schema, in the ways of encode.json_bytes. Pure.

TypedDicts, dataclasses and enumerations become named shapes, which others refer to. What is free-form says so (`Free`, or
object): a plain Any has no schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

Schema = dict[str, Any]

FREE = "free-form"
Free = Annotated[Any, FREE]
"""Whatever its source says."""

PLACE = "#/components/schemas/"
_MOMENT: Schema = {"type": "object", "required": ["__datetime__"], "properties": {"__datetime__": {"type": "string"}},
                   "description": "a time: ISO 8601, in UTC, without its zone"}
_PLAIN: Mapping[Any, Schema] = {
    int: {"type": "integer"}, float: {"type": "number"}, Decimal: {"type": "number"}, bool: {"type": "boolean"},
    str: {"type": "string"}, bytes: {"type": "string", "format": "binary"}, None: {"type": "null"}, NoneType: {"type": "null"}}
_LISTS = (list, Sequence, set, frozenset)
_TABLES = (dict, Mapping)


class NoSchema(TypeError):
    """Such a type says nothing about the reply."""


class Shapes:
    """Schemas by name, as they come up."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}
        self._types: dict[str, Any] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of what has this type.

        :raise NoSchema: it could be anything.
        """
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if kind is datetime:
            return self._name("Moment", kind, lambda: _MOMENT)
        if kind == Free or kind is object:
            return {"description": FREE}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._name(kind.__name__, kind, lambda: {"type": "string", "enum": [each.value for each in kind]})
        if is_typeddict(kind) or is_dataclass(kind):
            return self._name(kind.__name__.lstrip("_"), kind, lambda: self._object(kind))
        return self._composed(kind)

    def _composed(self, kind: Any) -> Schema:
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return {"anyOf": [self.of(each) for each in inner]}
        if origin is tuple and inner[-1] is not Ellipsis:
            items = [self.of(each) for each in inner]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        if origin in _LISTS or origin is tuple:
            return {"type": "array", "items": self.of(inner[0])}
        if origin in _TABLES:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        raise NoSchema(f"{kind!r} says nothing about a reply: write what it has, or Free where nobody knows")

    def _object(self, kind: Any) -> Schema:
        properties, needed = {}, []
        for name, hint, must in _keys(kind):
            properties[name] = self.of(hint)
            needed += [name] if must else []
        said = cleandoc(kind.__doc__ or "").split("\n\n")[0]
        about = {} if said.startswith((f"{kind.__name__}(", "dict(")) or not said else {"description": " ".join(said.split())}
        return {"type": "object", "required": needed, "properties": properties, **about}

    def _name(self, name: str, kind: Any, make: Any) -> Schema:
        if self._types.setdefault(name, kind) is not kind:
            raise NoSchema(f"two shapes are called {name}: {kind!r} and {self._types[name]!r}")
        if name not in self.named:
            self.named[name] = {}  # one that refers to itself finds it there
            self.named[name] = make()
        return {"$ref": PLACE + name}


def _keys(kind: Any) -> Iterator[tuple[str, Any, bool]]:
    """Name, type, and whether it is always there."""
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(hints)
    for name in names:
        hint = hints[name]
        must = get_origin(hint) is not NotRequired
        yield name, get_args(hint)[0] if get_origin(hint) in (NotRequired, Required) else hint, must
