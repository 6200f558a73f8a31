"""What machines that watch over this process ask for: does it live, has it started, can it work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable

from pandad.api.access import PUBLIC
from pandad.api.encode import JSON, TEXT, Reply, comes_as, json_bytes
from pandad.api.load import Urgency
from pandad.api.replies import server
from pandad.api.route import GET, PLAIN, Route
from pandad.spec.caller import Caller

Check = Callable[[], str | None | Awaitable[str | None]]
Checks = Callable[[], Mapping[str, Check]]

NOT_NOW = 503


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks said: of each None, or a sentence for the operator. ``notes``: sentences that spoil nothing."""

    checks: Mapping[str, str | None]
    notes: Sequence[str] = ()

    @property
    def sentences(self) -> list[str]:
        """What is wrong."""
        return [sentence for sentence in self.checks.values() if sentence is not None]


@comes_as(JSON, TEXT)
def told(report: Report, wants_json: bool) -> Reply:
    """Two hundred or 503; for those who accept it JSON with each check, else a line for each thing to say."""
    wrong = report.sentences
    status = NOT_NOW if wrong else 200
    if wants_json:
        checks = {name: {"ok": True} if said is None else {"ok": False, "problem": said} for name, said in report.checks.items()}
        return Reply(json_bytes({"ok": not wrong, "checks": checks, "notes": list(report.notes)}), status=status)
    lines = [f"not ready: {'; '.join(wrong)}"] if wrong else ["ok", *report.notes]
    return Reply("".join(f"{line}\n" for line in lines).encode(), TEXT, status)


class Health:
    """Liveness, start, readiness.

    :param ready: by name; each gives None if all is well, else a sentence for the operator. :param started: those of the start.
    :param notes: what else the operator should know: sentences that do not make it not ready.
    """

    def __init__(self, ready: Checks, started: Checks, notes: Callable[[], Sequence[str]] = tuple) -> None:
        self._ready, self._started, self._notes = ready, started, notes

    @Route("/healthz", GET, PLAIN, access=PUBLIC, gives=server.Health, passive=True, urgency=Urgency.ALWAYS, encode=told)
    async def healthz(self, caller: Caller) -> Report:
        """The process lives and its reactor turns. Says nothing about the database: restarting would not mend that."""
        return Report({"reactor": None})

    @Route("/startupz", GET, PLAIN, access=PUBLIC, gives=server.Health, passive=True, urgency=Urgency.ALWAYS, encode=told)
    async def startupz(self, caller: Caller) -> Report:
        """Whether the start is over: the schema is up to date and the loops run. Once it is, it stays so."""
        return Report(await answers(self._started()))

    @Route("/readyz", GET, PLAIN, access=PUBLIC, gives=server.Health, passive=True, urgency=Urgency.ALWAYS, encode=told)
    async def readyz(self, caller: Caller) -> Report:
        """Whether requests should be sent here."""
        return Report(await answers(self._ready()), self._notes())


async def answers(checks: Mapping[str, Check]) -> dict[str, str | None]:
    """What each says."""
    return {name: await _asked(check) for name, check in checks.items()}


async def _asked(check: Check) -> str | None:
    answer = check()
    return await answer if isawaitable(answer) else answer
