"""Decisions as lines of a log."""

from __future__ import annotations

from factories import a_job, a_queue

from pandad.brokerage.broker import decide
from pandad.brokerage.logline import lines
from pandad.brokerage.snapshot import Snapshot


def test_a_choice() -> None:
    """A line for each queue with PanDA's tag, and one for the choice; of a job that is not submitted there is no id."""
    at = [a_queue(nickname="A"), a_queue(nickname="B", maxrss=1000)]
    (decision,) = decide([a_job(PandaID=7, minRamCount=2000)], Snapshot(at, {}))
    assert list(lines(decision)) == [
        "PandaID=7 use site=A with weight=1 criteria=+use",
        "PandaID=7 skip site=B due to the job needs 2000 MB of memory, the queue has 1000 criteria=-lowmemory",
        "PandaID=7 action=choose site=A reason=maxweight weight=1",
    ]


def test_no_choice() -> None:
    """Where there is none the last line says why."""
    (decision,) = decide([a_job()], Snapshot([a_queue(status="offline")], {}))
    assert list(lines(decision))[-1] == "action=skip reason=nosite - no queue takes it: TEST_QUEUE: the queue is offline"
