"""The way to where a life comes under the scalpel, and the scalpel's touch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .lives import Life

Scenario = Callable[[Life], Awaitable[None]]


@contextmanager
def cut(life: Life) -> Iterator[None]:
    """What is done here is done under the scalpel."""
    life.scalpel.awake = True
    yield
    life.scalpel.awake = False


async def activated(life: Life, **but: Any) -> None:
    """A pilot could have the job."""
    await life.submit(**but)
    for loop in ("brokerage", "activator"):
        await life.loop(loop)


async def running(life: Life, **but: Any) -> None:
    """A pilot has it."""
    await activated(life, **but)
    await life.acquire()
    await life.say("running")


async def holding(life: Life, **but: Any) -> None:
    """Its pilot will bring the outputs later."""
    await running(life, **but)
    await life.say("holding")
