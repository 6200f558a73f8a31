"""Reading files again: all of them, one reload at a time, and systemd knows."""

from __future__ import annotations

from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pandad.daemons.reload import Reload, Step


class Files:
    """What is reloaded; the first step takes as long as a test wants."""

    def __init__(self) -> None:
        self.clock, self.told, self.read = Clock(), list[str](), list[str]()
        self.clock.advance(12.5)
        self.pause: Deferred[None] | None = None
        self.reload = Reload(self.clock, {"slow": self.slow, "bad": self.step("bad", "no such file"), "good": self.step("good")},
                             lambda *lines: self.told.extend(lines))

    async def slow(self) -> str | None:
        """A step."""
        self.read.append("slow")
        if self.pause is not None:
            await self.pause
        return None

    def step(self, name: str, problem: str | None = None) -> Step:
        """One that is done at once."""

        async def one() -> str | None:
            self.read.append(name)
            return problem

        return one


@ensureDeferred
async def test_a_mistake_in_one_file_keeps_no_other_from_being_read() -> None:
    """What is wrong is told by name, to who asked and to systemd; with the time that systemd wants."""
    files = Files()
    assert await files.reload.run() == {"bad": "no such file"}
    assert files.read == ["slow", "bad", "good"]
    assert files.told == ["RELOADING=1", "MONOTONIC_USEC=12500000", "READY=1", "STATUS=reloaded, but for bad: see the log"]


@ensureDeferred
async def test_asked_for_during_a_reload_another_follows() -> None:
    """However often: what was changed meanwhile may not have been seen."""
    files = Files()
    files.pause = Deferred()
    first = Deferred.fromCoroutine(files.reload.run())
    for _ in range(3):
        await files.reload.run()
    assert files.read == ["slow"]
    paused, files.pause = files.pause, None
    paused.callback(None)
    await first
    assert files.read == ["slow", "bad", "good"] * 2
