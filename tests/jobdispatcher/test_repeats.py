"""Pilots' words twice, late and in any order: the answer to a repeated word is the first one, and its effect is there once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage

from pandad.jobdispatcher.guards import MEANINGS
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.spec.jobstatus import TRANSITIONS, Event, JobStatus
from pandad.spec.pilotcommand import ALREADY_DONE, NOTHING

from .words import LAST_WORDS, S, said

FILES = {"finished": '{"out.root": {"fsize": 5}}', "failed": ""}


async def tell(stage: Stage, panda_id: int, words: Sequence[str]) -> list[str]:
    """The answers to these words, one after the other."""
    heartbeat = Heartbeat(stage.store)
    reports = [FILES.get(word, "") for word in words]
    return [
        await heartbeat.update(PILOT_CALLER, said(word, panda_id, job_output_report=report))
        for word, report in zip(words, reports, strict=True)
    ]


async def is_lawful(stage: Stage, panda_id: int) -> bool:
    """Whether each line of the job's history follows from the one before by the table of transitions, and leads to its state."""
    at: JobStatus | None = None
    for event in await stage.history(panda_id):
        if event.event != Event.SUBMITTED:
            row = TRANSITIONS[Event(event.event)]
            if event.was != at or at not in row.sources or event.became is not row.target:
                return False
        at = event.became
    return at is await stage.status(panda_id)


@ensureDeferred
async def test_each_word_twice_after_each_other(stage: Stage) -> None:
    """After any word any other one, itself included, repeated at once gets the same answer and changes nothing more."""
    for first, second in product(MEANINGS, repeat=2):
        panda_id = await stage.job(S.SENT)
        await tell(stage, panda_id, [first])
        once = await tell(stage, panda_id, [second])
        events, reports = await stage.events(panda_id), await stage.sql("SELECT * FROM job_report ORDER BY pandaid")
        assert await tell(stage, panda_id, [second]) == once, (first, second)
        assert await stage.events(panda_id) == events and await is_lawful(stage, panda_id)
        assert await stage.sql("SELECT * FROM job_report ORDER BY pandaid") == reports


@ensureDeferred
async def test_any_order(stage: Stage) -> None:
    """In whatever order a pilot's words arrive, the job does not go back, and the last word that came first is what counts."""
    for words in permutations(("starting", "running", "holding", "finished", "failed")):
        panda_id = await stage.job(S.SENT)
        answers = dict(zip(words, await tell(stage, panda_id, words), strict=True))
        first, second = (word for word in words if word in LAST_WORDS)
        assert (answers.pop(first), answers.pop(second)) == (NOTHING, ALREADY_DONE)
        assert set(answers.values()) == {NOTHING}
        stored = await stage.sql("SELECT outcome, outputreport FROM job_report WHERE pandaid = %(id)s", id=panda_id)
        assert stored == [(first, FILES[first])]
        assert await stage.status(panda_id) is S.HOLDING and await is_lawful(stage, panda_id)


@ensureDeferred
async def test_a_bare_report_spoils_nothing(stage: Stage) -> None:
    """The same last word again, this time without its files, leaves the files as they were reported."""
    panda_id = await stage.job(S.RUNNING)
    await tell(stage, panda_id, ["finished"])
    before = await stage.dump()
    assert await Heartbeat(stage.store).update(PILOT_CALLER, said("finished", panda_id)) == NOTHING
    assert await stage.dump() == before
