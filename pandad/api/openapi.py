"""The API, described as OpenAPI 3.1: made of the routes and of their request dataclasses, so that nothing is said twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from datetime import datetime
from functools import cached_property
from inspect import getdoc
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from pandad import __version__
from pandad.api import encode
from pandad.api.access import PUBLIC
from pandad.api.coerce import INT64
from pandad.api.decode import camel_case
from pandad.api.route import GET, PLAIN, V1, V1_ACQUIRE, Route, declared
from pandad.spec.caller import Caller

Schema = dict[str, Any]

_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_ENVELOPE: Schema = {
    "type": "object", "required": ["success", "message", "data"],
    "properties": {"success": {"type": "boolean"}, "message": {"type": "string"}, "data": {}}}
_INTEGER: Schema = {"type": "integer", "format": "int64", "minimum": INT64.start, "maximum": INT64.stop - 1}
_KINDS: Mapping[Any, Schema] = {
    int: _INTEGER, float: {"type": "number"}, bool: {"type": "boolean"}, str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"}, dict: {"type": "object"}, Any: {}}
_REFUSALS = {
    "400": "the request cannot be understood: KEY: what is wrong with it", "403": "you may not do this",
    "404": "there is no such thing", "405": "another method is wanted", "409": "its state does not allow this",
    "413": "the body is too large", "429": "too many calls; Retry-After says when to come again",
    "503": "not now; Retry-After says when to come again"}


class OpenApi:
    """Describes the API of these handlers, itself included."""

    def __init__(self, handlers: Sequence[object]) -> None:
        self._handlers = handlers

    @Route("/api/v1/openapi.json", GET, PLAIN, access=PUBLIC, passive=True, encode=encode.as_json)
    async def openapi(self, caller: Caller) -> Schema:
        """All calls of this server, for programs that make clients or tests."""
        return self._description

    @cached_property
    def _description(self) -> Schema:
        paths: dict[str, Schema] = {}
        for route, method in declared([*self._handlers, self]):
            place = paths.setdefault(_VARIABLE.sub(r"{\1}", route.path), {})
            place.update({verb.lower(): _operation(route, method, verb) for verb in route.methods})
        info = {"title": "pandad", "version": __version__, "description": "The PanDA server; see docs/reference of pandad."}
        return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": {"Envelope": _ENVELOPE}}}


def _operation(route: Route, method: Callable[..., Any], verb: str) -> Schema:
    variables = _VARIABLE.findall(route.path)
    asked = _properties(route, variables)
    told = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in variables]
    described: Schema = {
        "operationId": f"{verb.lower()} {route.path}", "summary": (getdoc(method) or "").split("\n\n")[0],
        "description": f"For {route.access.says}.", "responses": _responses(route)}
    if verb == "GET":
        told += [{"name": name, "in": "query", "required": required, "schema": schema}
                 for name, (schema, required) in asked.items()]
    elif asked:
        body = {"type": "object", "properties": {name: schema for name, (schema, _) in asked.items()},
                "required": [name for name, (_, required) in asked.items() if required]}
        described["requestBody"] = {"required": True, "content": {
            kind: {"schema": body} for kind in ("application/json", "application/x-www-form-urlencoded")}}
    return {**described, "parameters": told} if told else described


def _properties(route: Route, variables: Sequence[str]) -> dict[str, tuple[Schema, bool]]:
    """By the name on the wire: what it may be, and whether it must be there."""
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


def _responses(route: Route) -> Schema:
    good: Schema = {"description": "done; in API v1 a refusal too, with success false"}
    if route.dialect in (V1, V1_ACQUIRE):
        good["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Envelope"}}}
    return {"200": good, **{status: {"description": text} for status, text in _REFUSALS.items()}}
