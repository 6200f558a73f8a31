"""The crash points leave nothing out."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred

import pandad
from pandad import api, monitor
from pandad.api.route import Route
from pandad.daemons.schedule import Bodies
from pandad.spec.timeouts import TIMEOUTS

from .coverage import LIMITS_PAST, LOOPS, ROUTES, Covered, gaps, uncut, written
from .lives import Life, Place
from .scalpel import Scalpel
from .scenarios import SCENARIOS, finished


def routes() -> Iterator[Route]:
    """All that is declared anywhere at the edges."""
    for found in [each for edge in (api, monitor) for each in pkgutil.walk_packages(edge.__path__, f"{edge.__name__}.")]:
        for handler in vars(importlib.import_module(found.name)).values():
            if isinstance(handler, type) and handler.__module__ == found.name:
                for function in vars(handler).values():
                    yield from getattr(function, "routes", ())


WANTED: Mapping[str, tuple[set[str], Covered]] = {
    "routes": ({route.path for route in routes() if not route.passive}, ROUTES),
    "loops": ({body.name for body in fields(Bodies)}, LOOPS),
    "limits": ({row.name for row in TIMEOUTS}, LIMITS_PAST),
}


@pytest.mark.parametrize("kind", WANTED)
def test_each_has_a_life(kind: str) -> None:
    """Every route that is no mere read, every loop and every limit is cut in some life, or a reason says why not."""
    assert gaps(*WANTED[kind]) == []


def test_a_gap_is_found() -> None:
    """What is new, what is gone, and a life that nobody leads are complaints."""

    async def forgotten(life: Life) -> None:
        """In no table."""

    assert gaps(["old", "new"], {"old": (finished, forgotten), "gone": "reads"}) == [
        "new: no life", "gone: there is no such thing", "forgotten: never led"]
    assert uncut(["submit", "watch_*", "new"], ["submit", "watch_sent"])[0] == "new: never cut"


@ensureDeferred
async def test_every_transaction_is_cut(place: Place) -> None:
    """All lives together begin, under the scalpel, every transaction that stands in the text of pandad, or a reason says why
    not."""
    cut: set[str] = set()
    for scenario in SCENARIOS:
        life = Life(place, Scalpel())
        await scenario(life)
        await life.end()
        cut |= life.scalpel.names
    assert uncut(set(written(Path(pandad.__file__).parent)), cut) == []
