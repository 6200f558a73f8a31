"""Where a line is taken: audited, read, allowed or refused, and done within a deadline."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.logger import Logger

from pandad import tracing
from pandad.console import language
from pandad.console.policy import Peer
from pandad.console.verb import VERBS, Answer, Bench, Call, Verb, started
from pandad.spec.act import Act
from pandad.spec.errors import BadRequest, Conflict, PandadError, Unavailable
from pandad.taskbuffer import audit

ACT = "console"
AUDIT_LIMIT_S = 2.0  # for the database to take a line: the console is there above all when that is in trouble
MOST_UNWRITTEN = 1000
MOST_SESSIONS = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line. ``good``: it was done."""

    good: bool
    answer: Answer

    @classmethod
    def of(cls, problem: str) -> Outcome:
        """It was not."""
        return cls(False, Answer({"error": problem}, problem))


class Traced:
    """A line in the log and in SQL; see tracing.Traced."""

    panda_id: int | None = None

    def __init__(self, peer: Peer) -> None:
        self.request_id, self.subject = tracing.new_id(), peer.who


class Desk:
    """Of all ways. Verbs are coroutines: none holds up the reactor, and one that takes too long is abandoned.

    :param deadline_s: for a line.
    """

    log = Logger()

    def __init__(self, clock: Any, bench: Bench, deadline_s: float) -> None:
        self.bench, self._clock, self._deadline_s = bench, clock, deadline_s
        self._unwritten: deque[Act] = deque(maxlen=MOST_UNWRITTEN)

    def perform(self, peer: Peer, line: str) -> Deferred[Outcome]:
        """Do what a line says. Never fails; cancelled (Ctrl-C), it says so at once; what was begun in the database ends there."""
        work: Deferred[Outcome] = Deferred.fromCoroutine(self._perform(peer, line))
        result: Deferred[Outcome] = Deferred(lambda _: work.cancel())
        work.addCallbacks(result.callback, lambda failure: result.callback(self._failed(failure)))
        return result

    async def _perform(self, peer: Peer, line: str) -> Outcome:
        tracing.current.set(Traced(peer))
        await self.audited(peer, line)
        try:
            found, given = self._read(line)
            found.policy.check(peer)
            values = language.values(found.args, given)
            call = Call(peer, partial(self._act, peer))
            work = started(found.body(self.bench, call, **values))
            return Outcome(True, await work.addTimeout(self._deadline_s, self._clock))
        except PandadError as refusal:
            return Outcome.of(" ".join(str(refusal).split()))
        except WaitTimeout:
            return Outcome.of(f"no answer within {self._deadline_s:g} s ([console] deadline_s); what was begun there ends in "
                              "the database")
        except CancelledError:
            return Outcome.of("interrupted; what was begun in the database ends there")

    async def refused(self, peer: Peer, problem: str) -> None:
        """Somebody was not let in: the audit has it."""
        await self.audited(peer, f"refused: {problem}")

    def _failed(self, failure: Any) -> Outcome:
        if failure.check(CancelledError):
            return Outcome.of("interrupted before it began")
        name = tracing.new_id()
        self.log.failure("incident {id} on the console", failure=failure, id=name)
        return Outcome.of(f"internal error; the log has it under {name}")

    def _read(self, line: str) -> tuple[Verb, Sequence[str]]:
        said = language.words(line)
        if not said:
            raise BadRequest("line", "is empty; write help")
        name, given = language.find(VERBS, said)
        return VERBS[name], given

    async def audited(self, peer: Peer, line: str) -> None:
        """Every line, before anything is done about it, is in the audit; or, without a database, in the log, and afterwards in
        the audit."""
        act = self._act(peer, ACT, line if line.isprintable() else ascii(line))
        self.log.info("console: {who} over {way}: {line!r}", who=peer.who, way=peer.way.value, line=line)
        self._unwritten.append(act)
        with suppress(Unavailable, WaitTimeout):
            await Deferred.fromCoroutine(self._write()).addTimeout(AUDIT_LIMIT_S, self._clock)

    async def _write(self) -> None:
        while self._unwritten:
            act = self._unwritten.popleft()
            try:
                await self.bench.store.once("console_line", audit.note, act)
            except Unavailable:
                self._unwritten.appendleft(act)
                raise

    def _act(self, peer: Peer, act: str, target: str, why: str = "") -> Act:
        return Act(who=peer.who, host=peer.host, act=act, target=target[:language.LONGEST],
                   why=why or f"{peer.way}, {peer.detail}")

    def completions(self, peer: Peer, beginning: str) -> list[str]:
        """How the last word of a line may go on: whole lines."""
        before, _, last = beginning.rpartition(" ")
        allowed = [verb for verb in VERBS.values() if peer.rank >= verb.policy.rank and peer.way in verb.policy.ways]
        found = {verb.name for verb in allowed if verb.name.startswith(beginning)}
        for verb in allowed:
            if before and (before == verb.name or before.startswith(f"{verb.name} ")):
                found |= {f"{before} {word}" for arg in verb.args for word in self._words(verb, arg) if word.startswith(last)}
        return sorted(found)

    def _words(self, verb: Verb, arg: language.Arg) -> Sequence[str]:
        if arg.named:
            return [f"{arg.name}={word}" for word in language.choices_of(arg.kind)] or [f"{arg.name}="]
        if arg.name == "loop":
            return [loop.loop_name for loop in self.bench.loops]
        return sorted(VERBS) if verb.name == "help" else language.choices_of(arg.kind)

    def enter(self, session: object, peer: Peer) -> None:
        """Somebody came.

        :raise Conflict: too many are here.
        """
        if len(self.bench.sessions) >= MOST_SESSIONS:
            raise Conflict(f"there are {MOST_SESSIONS} sessions at this console; end one")
        self.bench.sessions[session] = peer, self._clock.seconds()
        self.log.info("console: {who} ({detail}) came over {way} from {host}",
                      who=peer.who, detail=peer.detail, way=peer.way.value, host=peer.host)

    def leave(self, session: object) -> None:
        """And went; known or not."""
        self.bench.sessions.pop(session, None)

