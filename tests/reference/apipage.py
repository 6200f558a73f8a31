"""docs/reference/api.md, from the OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator

from pandad.api import catalogue
from pandad.api.apidescription import REFUSALS, description
from pandad.api.docspage import operations_of, parameters_of
from pandad.api.schemawords import Described, keys_of, type_of, words

from .markdown import code, lines, made, table

INTRODUCTION = """
A running pandad shows this at `/docs`, and as OpenAPI at `/api/v1/openapi.json`. The envelope of API v1, what each call
answers when it refuses, and a line for curl with a token stand there too. Who may call what, and how that is tried:
[rights](rights.md).
"""


def page() -> str:
    """The whole page."""
    described = description(catalogue.declared())
    operations = list(operations_of(described))
    refusals = table(("refused", "is told"), ((kind.__name__, text) for kind, text in REFUSALS.items()))
    parts = [made("The API", INTRODUCTION), refusals]
    shapes = described["components"]["schemas"]
    for tag in dict.fromkeys(operation["tags"][0] for _, _, operation in operations):
        parts.append(f"\n## {tag}\n")
        parts += [part for path, verb, each in operations if each["tags"][0] == tag for part in _call(path, verb, each)]
    parts.append("\n## Shapes\n\nWhat has a name above. A key may come with a later version: read past what is not here.\n")
    return "".join([*parts, *(part for name, shape in sorted(shapes.items()) for part in _shape(name, shape))])


def _call(path: str, verb: str, operation: Described) -> Iterator[str]:
    access = operation["x-access"]
    yield f"\n### {verb.upper()} {path}\n\n{operation['summary']}\n\n{operation['description']} Reaches: {access['reaches']}.\n"
    yield table(("parameter", "type", "in", "needed"), (
        (code(name), kind, place, "yes" if must else "no") for name, place, kind, must in parameters_of(operation)))
    yield f"\nGives: {''.join(_linked(operation['x-gives']))}.\n"
    yield lines([operation["x-codeSamples"][0]["source"]])


def _linked(schema: Described) -> Iterator[str]:
    for word in words(schema):
        yield word if isinstance(word, str) else f"[{word.name}](#{word.name.lower()})"


def _shape(name: str, shape: Described) -> Iterator[str]:
    yield f"\n### {name}\n"
    if "description" in shape:
        yield f"\n{shape['description'].replace('``', '`')}\n"
    keys = keys_of(shape)
    if not keys:
        yield f"\n{type_of(shape)}\n"
    yield table(("key", "type", "always there"), (
        (code(key), "".join(_linked(schema)), "yes" if must else "no") for key, schema, must in keys))
