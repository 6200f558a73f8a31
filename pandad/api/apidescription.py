"""The API, described as OpenAPI 3.1: made of the routes and of their request dataclasses, so that nothing is said twice.

Beside what OpenAPI has, an operation says who may call it (``x-access``), how it is called with curl (``x-codeSamples``), and
what a success says, in API v1 inside the envelope (``x-gives``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from datetime import datetime
from inspect import getdoc
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from pandad import __version__
from pandad.api import curl
from pandad.api.access import credential, reach, role
from pandad.api.coerce import INT64
from pandad.api.decode import camel_case
from pandad.api.errors import RESPONSES, Incident, LimitReached, TooLarge, WrongMethod
from pandad.api.replyschema import PLACE, Schema, Shapes
from pandad.api.route import V1, V1_ACQUIRE, Route
from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, NotFound, PandadError, Unavailable
from pandad.spec.token import BadToken

Declared = tuple[Route, Callable[..., Any]]

_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_MODULE = re.compile(r"/api/v1/(\w+)/")
_ENVELOPE: Schema = {
    "type": "object", "required": ["success", "message", "data"],
    "properties": {"success": {"type": "boolean"}, "message": {"type": "string"}, "data": {}},
    "description": "Of every answer of API v1. Without success the message says why, and data is null, or a code."}
_IN_ENVELOPES = (V1, V1_ACQUIRE)
_INTEGER: Schema = {"type": "integer", "format": "int64", "minimum": INT64.start, "maximum": INT64.stop - 1}
_KINDS: Mapping[Any, Schema] = {
    int: _INTEGER, float: {"type": "number"}, bool: {"type": "boolean"}, str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"}, dict: {"type": "object"}, Any: {}}

REFUSALS: Mapping[type[PandadError], str] = {
    BadRequest: "the request cannot be understood: KEY: what is wrong with it",
    NotAuthenticated: "no identity came with the call",
    BadToken: "the token is not good: the text says why",
    Forbidden: "you may not do this: the text says whom the server takes you for, and which rule failed",
    NotFound: "there is no such thing",
    WrongMethod: "another method is wanted",
    Conflict: "its state does not allow this",
    TooLarge: "the body is too large",
    LimitReached: "too many calls or connections; Retry-After may say when to come again",
    Incident: "internal error; the text has an id for the administrators",
    Unavailable: "not now; the same call can be sent again, and Retry-After may say when",
}
"""What can be refused, and what is told then."""

BODIES = ("application/json", "application/x-www-form-urlencoded")
FORMS = ("multipart/form-data",)
OF_IDENTITY = frozenset({NotAuthenticated, Forbidden})


def description(declared: Iterable[Declared]) -> Schema:
    """All of it, from routes and the functions that answer them.

    :raise NoSchema: a route does not say what it gives.
    """
    paths: dict[str, Schema] = {}
    shapes = Shapes()
    for route, method in declared:
        place = paths.setdefault(_VARIABLE.sub(r"{\1}", route.path), {})
        place.update({verb.lower(): _operation(route, method, verb, shapes) for verb in route.methods})
    info = {"title": "pandad", "version": __version__, "description": "The PanDA server; for people: /docs."}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": {"Envelope": _ENVELOPE, **shapes.named}}}


def _operation(route: Route, method: Callable[..., Any], verb: str, shapes: Shapes) -> Schema:
    variables = _VARIABLE.findall(route.path)
    asked = _properties(route, variables)
    gives = shapes.of(route.gives)
    told = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in variables]
    described: Schema = {
        "operationId": f"{verb.lower()} {route.path}", "tags": [tag_of(route.path)],
        "summary": " ".join((getdoc(method) or "").split("\n\n")[0].split()),
        "description": f"For {route.access.says}.", "responses": _responses(route, gives), "x-gives": gives,
        "x-access": {"credential": credential(route.access), "role": role(route.access), "reaches": reach(route.access)}}
    if verb == "GET":
        told += [{"name": name, "in": "query", "required": required, "schema": schema}
                 for name, (schema, required) in asked.items()]
    elif asked:
        body = {"type": "object", "properties": {name: schema for name, (schema, _) in asked.items()},
                "required": [name for name, (_, required) in asked.items() if required]}
        described["requestBody"] = {"required": True, "content": {
            kind: {"schema": body} for kind in (FORMS if route.opens else BODIES)}}
    wanted = {name: schema for name, (schema, required) in asked.items() if required}
    described["x-codeSamples"] = [
        {"lang": "Shell", "label": label, "source": source}
        for label, source in curl.examples(_VARIABLE.sub(r"\1", route.path), verb, wanted, route.access.anonymous, route.passive)]
    return {**described, "parameters": told} if told else described


def tag_of(path: str) -> str:
    """The module of API v1, or what else it belongs to."""
    found = _MODULE.match(path)
    if found is not None:
        return found[1]
    return "legacy" if path.startswith("/server/panda/") else "other"


def _properties(route: Route, variables: Sequence[str]) -> dict[str, tuple[Schema, bool]]:
    """By the name on the wire: what it may be, and whether it must be there."""
    if route.opens:
        return {"file": ({"type": "string", "format": curl.BINARY}, True)}
    if route.takes is None:
        return {}
    hints = get_type_hints(route.takes)
    return {_name(route, f): (_schema(hints[f.name], route.items), f.default is MISSING and f.default_factory is MISSING)
            for f in fields(route.takes) if f.name not in variables}


def _name(route: Route, field: Field[Any]) -> str:
    name: str = field.metadata.get("legacy", camel_case(field.name)) if route.legacy else field.name
    return name


def _schema(hint: Any, items: int) -> Schema:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] if NoneType in get_args(hint) else [hint]
    if get_origin(kinds[0]) is list:
        return {"type": "array", "items": _schema(get_args(kinds[0])[0], items), "maxItems": items}
    return dict(_KINDS[get_origin(kinds[0]) or kinds[0]])


def _responses(route: Route, gives: Schema) -> Schema:
    told: dict[str, list[str]] = {"200": ["done"]}
    answers = RESPONSES[route.dialect.name]
    for kind, text in REFUSALS.items():
        if route.access.anonymous and kind in OF_IDENTITY:
            continue
        answer = next(answers[base] for base in kind.__mro__ if base in answers)
        said = told.setdefault(str(answer.status), [])
        said.append(text if answer.status_code is None else f"StatusCode {answer.status_code}: {text}")
    if route.dialect in _IN_ENVELOPES:
        told["200"].insert(1, "or refused, with success false and as message one of these")
    found: Schema = {status: {"description": "; ".join(dict.fromkeys(texts))} for status, texts in sorted(told.items())}
    found["200"]["content"] = {media: {"schema": _enveloped(gives) if route.dialect in _IN_ENVELOPES else gives}
                               for media in route.media}
    return found


def _enveloped(gives: Schema) -> Schema:
    """What was refused has the same form, with other data."""
    success = {"properties": {"success": {"const": True}}}
    return {"$ref": f"{PLACE}Envelope", "if": success, "then": {"properties": {"data": gives}}}
