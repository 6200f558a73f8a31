"""What really is answered, held against what the routes say that they give: nothing may be missing, and nothing may be more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from pandad.api import catalogue
from pandad.api.encode import json_bytes
from pandad.api.replyschema import Shapes
from pandad.api.route import V1, V1_ACQUIRE, Route

ROUTES: Mapping[str, Route] = {route.path: route for route, _ in catalogue.declared()}


def closed(schema: Any) -> Any:
    """The same, for objects that have no keys but those."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    return {**found, "additionalProperties": False} if isinstance(schema.get("properties"), dict) and "type" in schema else found


@cache
def _validator(route: Route) -> Draft202012Validator:
    shapes = Shapes()
    schema = shapes.of(route.gives)
    return Draft202012Validator(closed({**schema, "components": {"schemas": shapes.named}}))


def faults(path: str, said: Any) -> list[str]:
    """What is wrong with the success of a call; API v1: with its data.

    :param path: of the route. :param said: as it was read from JSON.
    """
    return [f"{path}: {fault.json_path}: {fault.message[:200]}" for fault in _validator(ROUTES[path]).iter_errors(said)]


def faults_of_text(path: str, text: str) -> list[str]:
    """The same, of a reply to who accepts JSON; nothing of one that says no."""
    route = ROUTES[path]
    if "application/json" not in route.media:
        return []
    said = json.loads(text)
    if route.dialect not in (V1, V1_ACQUIRE):
        return faults(path, said)
    return faults(path, said["data"]) if said["success"] else []


def checked(path: str, answer: Any) -> Any:
    """The answer of a room, which fits what its call gives."""
    found = faults(path, json.loads(json_bytes(answer)))
    if found:
        raise AssertionError(found)
    return answer
