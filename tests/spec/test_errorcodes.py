"""The messages of errors are PanDA's, letter by letter."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pandad.spec import errorcodes
from pandad.spec.errorcodes import Fault

AT = datetime(2026, 3, 1, 9, 5, 7, 999, UTC)

MESSAGES = [
    (errorcodes.KILLED, {"who": "alice"}, "taskBuffer", 100, "killed by alice"),
    (errorcodes.UPSTREAM_FAILED, {}, "taskBuffer", 100, "killed by Panda server : upstream job failed"),
    (errorcodes.TRANSFER_TIMEOUT, {"files": "a,b"}, "taskBuffer", 101, "transfer timeout for a,b"),
    (
        errorcodes.EXPIRED,
        {"state": "waiting", "changed": AT},
        "taskBuffer",
        102,
        "expired in waiting. status unchanged since 2026-03-01 09:05:07",
    ),
    (errorcodes.ABORTED, {}, "taskBuffer", 103, "aborted by ExtIF"),
    (errorcodes.INPUT_EXPIRED, {"days": 2}, "taskBuffer", 104, "expired after waiting for input data for 2 days"),
    (errorcodes.REASSIGNED, {"who": "JEDI"}, "taskBuffer", 105, "reassigned by JEDI"),
    (errorcodes.FAST_REBROKERAGE, {}, "taskBuffer", 130, "fast rebrokerage due to Nq/Nr overshoot"),
    (errorcodes.LOST_HEARTBEAT, {"heard": AT}, "jobDispatcher", 100, "lost heartbeat : 2026-03-01 09:05:07"),
    (errorcodes.RECOVERY_FAILED, {"hours": 3}, "jobDispatcher", 101, "job recovery failed for 3 hours"),
    (
        errorcodes.SENT_WITHOUT_REPLY,
        {"limit": "30 min"},
        "jobDispatcher",
        102,
        "Sent job didn't receive reply from pilot within 30 min",
    ),
    (
        errorcodes.HOLDING_TIMEOUT,
        {"state": "holding", "ended": AT},
        "jobDispatcher",
        103,
        "timeout in holding : last heartbeat at 2026-03-01 09:05:07",
    ),
    (
        errorcodes.OTHER_TIMEOUT,
        {"state": "merging", "ended": AT},
        "jobDispatcher",
        105,
        "timeout in merging : last heartbeat at 2026-03-01 09:05:07",
    ),
    (
        errorcodes.RELEASE_MISSING,
        {"release": "Atlas-1", "platform": "x86_64"},
        "brokerage",
        100,
        "Atlas-1/x86_64 not found in this cloud",
    ),
    (
        errorcodes.WORKER_ALREADY_DONE,
        {"state": "finished", "at": AT, "diag": "ok"},
        "sup",
        2,
        "worker already finished at 2026-03-01 09:05:07 with ok",
    ),
]


@pytest.mark.parametrize(("fault", "parts", "source", "code", "text"), MESSAGES, ids=[m[-1] for m in MESSAGES])
def test_messages(fault: Fault, parts: dict[str, object], source: str, code: int, text: str) -> None:
    """Each message has PanDA's shape, and stands on the job with its code; parts that it does not name do no harm."""
    assert fault.values(**parts, more="x") == {f"{source}ErrorCode": code, f"{source}ErrorDiag": text}


def test_long_messages_are_cut() -> None:
    """What stands on a job fits the attribute."""
    diag = errorcodes.TRANSFER_TIMEOUT.values(files="f" * 999)["taskBufferErrorDiag"]
    assert diag == ("transfer timeout for " + "f" * 999)[:300]


def test_parts_are_no_shapes() -> None:
    """Braces that come from outside are letters."""
    assert errorcodes.KILLED.text(who="{who.__class__}") == "killed by {who.__class__}"
