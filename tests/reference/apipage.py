"""docs/reference/api.md, from the OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator

from pandad.api import catalogue
from pandad.api.apidescription import REFUSALS, description
from pandad.api.docspage import Described, operations_of, parameters_of

from .markdown import code, lines, made, table

INTRODUCTION = """
A running pandad shows this at `/docs`, and as OpenAPI at `/api/v1/openapi.json`. The envelope of API v1, what each call
answers when it refuses, and a line for curl with a token stand there too. Who may call what, and how that is tried:
[rights](rights.md).
"""


def page() -> str:
    """The whole page."""
    operations = list(operations_of(description(catalogue.declared())))
    refusals = table(("refused", "is told"), ((kind.__name__, text) for kind, text in REFUSALS.items()))
    parts = [made("The API", INTRODUCTION), refusals]
    for tag in dict.fromkeys(operation["tags"][0] for _, _, operation in operations):
        parts.append(f"\n## {tag}\n")
        parts += [part for path, verb, each in operations if each["tags"][0] == tag for part in _call(path, verb, each)]
    return "".join(parts)


def _call(path: str, verb: str, operation: Described) -> Iterator[str]:
    access = operation["x-access"]
    yield f"\n### {verb.upper()} {path}\n\n{operation['summary']}\n\n{operation['description']} Reaches: {access['reaches']}.\n"
    yield table(("parameter", "type", "in", "needed"), (
        (code(name), kind, place, "yes" if must else "no") for name, place, kind, must in parameters_of(operation)))
    yield lines([operation["x-codeSamples"][0]["source"]])
