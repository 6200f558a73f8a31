"""Every refusal in every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.logger import globalLogPublisher

from pandad.api.errors import RESPONSES, ActivePortNeeded, Incident, TooLarge, WrongMethod, guarded, refuse_legacy, refuse_v1
from pandad.spec.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotAuthenticated,
    NotFound,
    PandadError,
    StoreBusy,
    StoreUnavailable,
)

ALL: list[PandadError] = [
    BadRequest("mem", "is not a number"),
    NotAuthenticated("who?"),
    Forbidden("no"),
    NotFound("job", 5),
    Conflict("too late"),
    StoreUnavailable("no database"),
    StoreBusy("too busy"),
    WrongMethod("POST", "GET"),
    ActivePortNeeded("https://x"),
    TooLarge(5),
    Incident(),
]
# In the order of ALL.
PLAIN = [400, 403, 403, 404, 409, 503, 503, 405, 403, 413, 500]
V1 = [200, 200, 200, 200, 200, 503, 503, 200, 200, 413, 500]
ACQUIRE = [200, 200, 200, 200, 200, 200, 200, 200, 200, 413, 500]


@pytest.mark.parametrize(("dialect", "statuses"), [("v1", V1), ("v1 acquire", ACQUIRE)])
def test_v1(dialect: str, statuses: list[int]) -> None:
    """API v1 refuses in an envelope, with 200 unless the client must come again or somebody must look."""
    for error, status in zip(ALL, statuses, strict=True):
        reply = refuse_v1(error, RESPONSES[dialect])
        assert reply.status == status, error
        assert json.loads(reply.body) == {"success": False, "message": str(error), "data": None}


@pytest.mark.parametrize("dialect", ["legacy", "plain"])
def test_text(dialect: str) -> None:
    """The legacy dialect refuses with a status and text, and never with a 200: a pilot takes that for success."""
    for error, status in zip(ALL, PLAIN, strict=True):
        reply = refuse_legacy(error, RESPONSES[dialect], True)
        assert (reply.status, reply.body) == (status, f"ERROR : {error}".encode()), error


def test_get_job() -> None:
    """getJob always answers 200 with a StatusCode, but for the pilot that came to the wrong port."""
    codes = [30, 60, 60, 30, 30, 20, 20, 30, None, 30, 30]
    for error, code in zip(ALL, codes, strict=True):
        reply = refuse_legacy(error, RESPONSES["legacy getJob"], True)
        if code is None:
            assert reply.status == 403
        else:
            assert (reply.status, json.loads(reply.body)["StatusCode"]) == (200, code), error
            assert json.loads(reply.body)["errorDialog"] == str(error)


def test_retry_after() -> None:
    """Whoever gets a 503 is told when to come again."""
    assert dict(refuse_v1(StoreBusy("busy"), RESPONSES["v1"]).headers)[b"retry-after"].isdigit()
    assert refuse_v1(Forbidden("no"), RESPONSES["v1"]).headers == ()


async def fail(error: Exception) -> str:
    raise error


def result_of(work: Any) -> Any:
    with pytest.raises(StopIteration) as done:
        work.send(None)
    return done.value.value


def test_guarded() -> None:
    """A deliberate refusal is passed on as it is."""
    refused = Forbidden("no")
    assert result_of(guarded(fail(refused), lambda error: error, "a test")) is refused


def test_incident() -> None:
    """An unforeseen error tells the caller an id and nothing else; under that id the log has the traceback."""
    logged: list[Any] = []
    observer: Any = logged.append
    globalLogPublisher.addObserver(observer)
    try:
        said = str(result_of(guarded(fail(KeyError("secret")), lambda error: error, "a test")))
    finally:
        globalLogPublisher.removeObserver(observer)
    assert "secret" not in said
    event = next(event for event in logged if event.get("what") == "a test")
    assert event["id"] in said
    assert "secret" in event["log_failure"].getTraceback()
