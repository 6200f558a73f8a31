"""docs/reference/configuration.md, from the fields of the configuration's dataclasses."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import getdoc
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from pandad.config import Config
from pandad.settings import Rule

from .markdown import code, made, table

INTRODUCTION = """
Every key of pandad's one configuration file, which is TOML: `/etc/pandad/pandad.toml`, or what `--config` or `$PANDAD_CONFIG`
names. A key that is left out has its default; an unknown one is an error, as is a value out of its bounds, which are
inclusive. [etc/pandad.toml](../../etc/pandad.toml) is all of it as a file to begin with; `pandad check` says what is wrong
with yours, line by line. Relative paths are relative to the folder of the file. An empty text (`""`) stands for none where
the type says so.
"""

UNITS = {"_s": "s", "_mb": "MB", "_bytes": "bytes", "_days": "days", "_per_s": "1/s", "_percent": "%"}
KINDS = {str: "text", Path: "path", bool: "true or false", int: "whole number", float: "number"}


def page() -> str:
    """The whole page."""
    return "".join([made("The configuration", INTRODUCTION), *_section(Config, ())])


def _section(spec: type[Any], path: tuple[str, ...]) -> Iterator[str]:
    hints = get_type_hints(spec)
    if path:
        yield f"\n## [{'.'.join(path)}]\n\n{_prose(spec)}\n"
    rows = [_row(field, hints[field.name]) for field in fields(spec) if "rule" in field.metadata]
    yield table(("key", "type", "unit", "default", "bounds", "meaning"), rows)
    for name, hint in hints.items():
        below = _of_names(hint)
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _section(hint, (*path, name))
        elif below is not None:
            yield from _section(below, (*path, name, "NAME"))


def _of_names(hint: Any) -> type[Any] | None:
    """The dataclass of each entry, if it is a table of named ones."""
    inner = get_args(hint)[1] if get_origin(hint) in (Mapping, types.MappingProxyType) or _is_mapping(hint) else None
    return inner if isinstance(inner, type) and is_dataclass(inner) else None


def _is_mapping(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _prose(spec: type[Any]) -> str:
    return " ".join((getdoc(spec) or "").split())


def _row(field: Field[Any], hint: Any) -> tuple[str, ...]:
    rule: Rule = field.metadata["rule"]
    unit = next((unit for suffix, unit in sorted(UNITS.items(), key=lambda u: -len(u[0])) if field.name.endswith(suffix)), "")
    return code(field.name), _kind(hint), unit, _default(field), _bounds(rule), rule.doc


def _kind(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join('""' if each is type(None) else _kind(each) for each in inner)
    if origin is tuple:
        return f"list of {_kind(inner[0])}s"
    if _is_mapping(hint):
        return "table of tables" if is_dataclass(inner[1]) else f"table of {_kind(inner[1])}s"
    return KINDS[hint]


def _bounds(rule: Rule) -> str:
    longest = f"at most {rule.longest} characters" if rule.longest is not None else ""
    return "; ".join(filter(None, (rule.bounds, longest)))


def _default(field: Field[Any]) -> str:
    if field.default_factory is not MISSING:
        return _written(field.default_factory())
    return "none: mandatory" if field.default is MISSING else _written(field.default)


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return code(json.dumps(dict(value), default=str)) if value else "empty"
    if isinstance(value, tuple):
        return code(json.dumps(list(value), default=str))
    return code(json.dumps("" if value is None else value, default=str))
