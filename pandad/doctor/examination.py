"""The looks of ``pandad doctor``: all at once, each with a deadline, none of which can stop another."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.python.failure import Failure

from pandad.doctor import partners
from pandad.doctor.configuration import LOOKS
from pandad.doctor.daemon import daemon
from pandad.doctor.database import database
from pandad.doctor.finding import Finding, warning
from pandad.doctor.host import host, units
from pandad.doctor.installation import Installation
from pandad.doctor.look import Look
from pandad.doctor.names import names
from pandad.doctor.ports import ports
from pandad.doctor.work import work

Asking = Callable[[Installation, Any], Awaitable[Sequence[Finding]]]

DEADLINE_S = 10.0
TOO_LATE = warning("look-late", "a look took too long: what it is at hangs", "look at that by hand", "reference/checks.md")
NOT_LOOKED = warning(
    "look-failed", "something could not be looked at", "run pandad doctor as root, or as the account of the daemon",
    "reference/checks.md")


@dataclass(frozen=True, slots=True)
class Question:
    """As a `Look`, of somebody who is asked over the network."""

    name: str
    at: str
    reads: tuple[str, ...]
    ask: Asking


HOST: Sequence[Look] = (
    Look("ports", "the ports, and who has them", ("server", "console"), ports),
    Look("names", "the name of this host", ("server.interface",), names),
    Look("host", "disks, and the console's socket", ("files", "log.file", "dataservice.endpoints", "console.socket"), host),
    Look("units", "systemd's units", ("server", "limits.connections", "log.file", "console.socket"), units),
    Look("daemon", "the pandad that runs here", ("server", "limits.connections", "tls.host_certificate"), daemon),
)
OTHERS: Sequence[Question] = (
    Question("database", "the database server, and the schema in it", ("database",), database),
    Question("work", "loops, queues and jobs", ("database", "loops", "timeouts", "queues"), work),
    Question("keys", "the keys of token issuers", ("tokens",), partners.issuers),
    Question("rucio", "Rucio", ("dataservice",), partners.rucio),
)
EVERYTHING: Sequence[Look | Question] = (*LOOKS, *HOST, *OTHERS)


async def examine(reactor: Any, seen: Installation, wanted: Iterable[Look | Question] = EVERYTHING) -> list[Finding]:
    """All that these find, in their order. Changes nothing."""
    asked = [look for look in wanted if all(seen.has(*key.split(".")) for key in look.reads)]
    answers: list[list[Finding]] = await gatherResults([Deferred.fromCoroutine(_in_time(reactor, seen, look)) for look in asked])
    return [finding for answer in answers for finding in answer]


async def _in_time(reactor: Any, seen: Installation, look: Look | Question) -> list[Finding]:
    if isinstance(look, Look):
        looking = in_a_thread(reactor, lambda: list(look.look(seen)))
    else:
        looking = Deferred.fromCoroutine(_asked(look, seen, reactor))
    try:
        return await looking.addTimeout(DEADLINE_S, reactor)
    except WaitTimeout:
        return [TOO_LATE.found(f"{look.at}: no end within {DEADLINE_S:g} s")]
    except OSError as error:
        return [NOT_LOOKED.found(f"{look.at}: {error}")]


async def _asked(question: Question, seen: Installation, reactor: Any) -> list[Finding]:
    return list(await question.ask(seen, reactor))


def in_a_thread(reactor: Any, work: Callable[[], list[Finding]]) -> Deferred[list[Finding]]:
    """The result of what may wait for a disk or a name server. A thread that hangs keeps no process from ending, as those of the
    reactor's pool would."""
    done: Deferred[list[Finding]] = Deferred()

    def tell(outcome: list[Finding] | Failure) -> None:
        if not done.called:
            done.callback(outcome)  # a failure becomes an error

    def run() -> None:
        maybeDeferred(work).addBoth(lambda outcome: reactor.callFromThread(tell, outcome))

    threading.Thread(target=run, daemon=True).start()
    return done
