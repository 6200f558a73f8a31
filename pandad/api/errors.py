"""Every way the API says no, in every dialect: one table each. And the one place that catches what nobody expected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import randint
from typing import TypeVar

from twisted.logger import Logger

from pandad import tracing
from pandad.api.encode import JSON, TEXT, Envelope, Reply, json_bytes, legacy
from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, NotFound, PandadError, Unavailable
from pandad.spec.token import BadToken

T = TypeVar("T")

log = Logger()

RETRY_AFTER_S = 20, 60  # any time between, so that not all come back at once


class WrongMethod(PandadError):
    """The call exists, but not with this HTTP method."""

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"expecting {expected}, received {received}")


class ActivePortNeeded(PandadError):
    """An active call came to the port that serves reads only."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"SSL secure connection is required: this port answers questions and hands out files; call {url} instead")


class TooLarge(PandadError):
    """The body is larger than this call may be."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is too large; this call takes at most {limit_bytes} bytes")


class Overloaded(Unavailable):
    """There are more calls than this server can answer, and others are more urgent than this one."""

    def __init__(self) -> None:
        super().__init__("the server is overloaded, and the reports of running jobs go first; try again later")


class AnswerLate(Unavailable):
    """The call was begun and is still not done."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"no answer within {limit_s:g} s; the call may still take effect, and can be sent again")


class LimitReached(PandadError):
    """One identity, or one address, takes more than any may."""


class TooManyCalls(LimitReached):
    """It calls faster."""

    def __init__(self, who: str, calls_per_s: float) -> None:
        super().__init__(f"{who} makes more than {calls_per_s:g} calls/s, which is the limit here; try again later")


class TooManyConnections(LimitReached):
    """It has more connections, and calls are under way on them."""

    def __init__(self, who: str, connections: int) -> None:
        super().__init__(
            f"{who} has more than {connections} connections with a call under way, which is the limit here; try again later")


class HungUp(PandadError):
    """The client left before its call was begun; nobody will read this."""


class Incident(PandadError):
    """Something that must not happen happened. The log has the traceback under this id; the caller learns no more."""

    def __init__(self) -> None:
        call = tracing.current.get()
        self.id = tracing.new_id() if call is None else call.request_id
        super().__init__(f"internal error; tell the administrators its id: {self.id}")


@dataclass(frozen=True, slots=True)
class Answer:
    """How a kind of refusal is told: HTTP status, and in getJob's case the StatusCode of a reply with HTTP status 200."""

    status: int
    status_code: int | None = None


Answers = Mapping[type[PandadError], Answer]

_PLAIN: Answers = {
    PandadError: Answer(400),
    NotAuthenticated: Answer(403),  # as PanDA: clients do not retry a 403
    Forbidden: Answer(403),
    ActivePortNeeded: Answer(403),
    NotFound: Answer(404),
    WrongMethod: Answer(405),
    Conflict: Answer(409),
    TooLarge: Answer(413),
    LimitReached: Answer(429),
    Incident: Answer(500),
    Unavailable: Answer(503),
}
_V1: Answers = {
    PandadError: Answer(200),  # clients read the envelope only of a 200
    BadToken: Answer(403),  # as PanDA, before it looks for what was called
    TooLarge: Answer(413),
    LimitReached: Answer(429),
    Incident: Answer(500),
    Unavailable: Answer(503),
}

RESPONSES: Mapping[str, Answers] = {
    "plain": _PLAIN,
    "v1": _V1,
    # Asking for work is repeated anyway; a Harvester takes an envelope without jobs calmly.
    "v1 acquire": {**_V1, Unavailable: Answer(200), LimitReached: Answer(200)},
    # updateJob: a pilot takes any 200 for "stored", so that nothing but a stored report may get one.
    "legacy": _PLAIN,
    # getJob: a pilot that gets anything but a 200 ends at once and wastes its slot.
    "legacy getJob": {
        PandadError: Answer(200, 30),
        Unavailable: Answer(200, 20),
        LimitReached: Answer(200, 20),
        NotAuthenticated: Answer(200, 60),
        Forbidden: Answer(200, 60),
        ActivePortNeeded: Answer(403),
    },
    # getProxy and its kin: a pilot that gets anything but a 200 with JSON has no reason to show; one token less ends no job.
    "legacy credential": {
        PandadError: Answer(200, 90),
        BadRequest: Answer(200, 30),
        Unavailable: Answer(200, 10),
        NotAuthenticated: Answer(200, 70),
        Forbidden: Answer(200, 70),
        ActivePortNeeded: Answer(403),
    },
}


def answer_to(error: PandadError, answers: Answers) -> Answer:
    """The row of the nearest kind of this error."""
    return next(answers[kind] for kind in type(error).__mro__ if kind in answers)


def refuse_v1(error: PandadError, answers: Answers) -> Reply:
    """An envelope with success false."""
    answer = answer_to(error, answers)
    return Reply(json_bytes(refusal(error)), JSON, answer.status, _headers(answer))


def refuse_legacy(error: PandadError, answers: Answers, wants_json: bool) -> Reply:
    """A StatusCode with errorDialog where the table has one, else text, as PanDA's."""
    answer = answer_to(error, answers)
    if answer.status_code is not None:
        return legacy({"StatusCode": answer.status_code, "errorDialog": str(error)}, wants_json)
    return Reply(f"ERROR : {error}".encode(), TEXT, answer.status, _headers(answer))


def refuse_credential(error: PandadError, answers: Answers) -> Reply:
    """Always JSON, with the keys that pilots look at: a form crashes the pilot's monitor."""
    answer = answer_to(error, answers)
    if answer.status_code is None:
        return refuse_legacy(error, answers, True)
    said = str(error)
    return legacy({"StatusCode": answer.status_code, "errorDialog": said, "ErrorDialog": said, "userProxy": ""}, True)


def _headers(answer: Answer) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"retry-after", b"%d" % randint(*RETRY_AFTER_S)),) if answer.status in (429, 503) else ()


def refusal(error: PandadError) -> Envelope:
    """A refusal as an API v1 envelope."""
    return Envelope(False, str(error))


async def guarded(work: Awaitable[T], refuse: Callable[[PandadError], T], what: str) -> T:
    """The result of the work, or what `refuse` makes of its error. Nothing gets past: here the process meets its clients.

    :param what: names the work in the log.
    """
    try:
        return await work
    except PandadError as error:
        return refuse(error)
    except Exception:  # the process border; the traceback goes to the log
        incident = Incident()
        log.failure("incident {id} in {what}", id=incident.id, what=what)
        return refuse(incident)
