"""All calls that pandad has, found in its code: for the documentation and for tests. A daemon knows its own from its handlers."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from pandad import api
from pandad.api.route import Route, routes_of


def declared(edge: ModuleType = api) -> Iterator[tuple[Route, Callable[..., Any]]]:
    """All routes that any class of this package declares, with the functions that answer them."""
    for found in pkgutil.walk_packages(edge.__path__, f"{edge.__name__}."):
        for handler in vars(importlib.import_module(found.name)).values():
            if isinstance(handler, type) and handler.__module__ == found.name:
                yield from ((route, getattr(handler, name)) for route, name in routes_of(handler))
