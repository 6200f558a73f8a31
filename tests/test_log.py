"""Log lines: for a person, or for a program, and in both the call that they belong to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from pandad import log, tracing
from pandad.config import LogConfig


class Call:
    """Of somebody, about a job."""

    request_id, subject, panda_id = "req-1", "/CN=Some Body", 4711


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Other tests find the settings as they were."""
    yield
    log.choose(LogConfig())


def said(say: Callable[[Logger], None], line: Callable[[Any], str], journal: bool = False, call: Any = None) -> str:
    """All that is written."""
    stream = io.StringIO()
    logger = Logger("pandad.test", observer=log.writer(stream, line, journal))

    def run() -> None:
        tracing.current.set(call)
        say(logger)

    copy_context().run(run)
    return stream.getvalue()


def a_failure() -> Failure:
    """With a traceback."""
    try:
        raise ValueError("a mistake")
    except ValueError:
        return Failure()


def test_text_is_a_line() -> None:
    """When, where, how bad, what; then for which call."""
    line = said(lambda logger: logger.warn("the {what} is slow", what="disk"), log.text_line, call=Call())
    when, _, rest = line.partition(" ")
    assert when[10] == "T" and when.endswith("+00:00")
    assert rest == "[pandad.test#warn] the disk is slow (request=req-1 PandaID=4711 identity=/CN=Some Body)\n"
    assert said(lambda logger: logger.info("x"), log.text_line).endswith("[pandad.test#info] x\n")


def test_json_is_an_object() -> None:
    """One a line, with what the sentence was made of."""
    line = said(lambda logger: logger.info("job {panda_id} of {n}", panda_id=7, n=2, thing=object()), log.json_line, call=Call())
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "info", "logger": "pandad.test", "message": "job 7 of 2", "panda_id": 7, "n": 2, "request": "req-1",
                     "PandaID": 7, "identity": "/CN=Some Body"}


@pytest.mark.parametrize("line", [log.text_line, log.json_line])
def test_a_traceback_belongs_to_its_line(line: Callable[[Any], str]) -> None:
    """In both forms."""
    written = said(lambda logger: logger.failure("it failed", failure=a_failure()), line)
    assert "it failed" in written and "ValueError: a mistake" in written and "Traceback" in written


@given(st.text(), st.integers())
def test_one_event_is_one_line(text: str, number: int) -> None:
    """Whatever it says, nobody writes a line of ours, and JSON stays JSON."""
    text_line = said(lambda logger: logger.info("{text} {number}", text=text, number=number), log.text_line)
    first, *others = text_line.removesuffix("\n").split("\n")
    assert all(other.startswith("    ") for other in others)
    assert not any(character < " " and character != "\n" for character in text_line)
    json_line = said(lambda logger: logger.info("{text} {number}", text=text, number=number), log.json_line)
    assert json_line.count("\n") == 1 and json.loads(json_line)["level"] == "info"


def test_the_journal_knows_how_bad_it_is() -> None:
    """By the number in front, which it takes off."""
    assert said(lambda logger: logger.error("x"), log.json_line, journal=True).startswith('<3>{"')


@pytest.mark.parametrize(("form", "stream", "is_json"), [
    ("auto", "8:1", True), ("auto", None, False), ("text", "8:1", False), ("json", None, True)])
def test_the_form(form: str, stream: str | None, is_json: bool, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    """auto is JSON where the journal reads."""
    monkeypatch.delenv(log.JOURNAL, raising=False)
    if stream is not None:
        monkeypatch.setenv(log.JOURNAL, stream)
    log.choose(LogConfig(format=form))
    Logger("pandad.test", observer=log.observer()).info("x")
    written = capsys.readouterr().err
    assert ('"message":"x"' in written) is is_json
    assert written.startswith("<6>") is (stream is not None)


def test_levels_change_while_it_runs() -> None:
    """Of all, and of one module; a new level of all forgets those of modules."""
    def both(logger: Logger) -> None:
        logger.debug("d")
        logger.warn("w")

    assert "#debug" not in said(both, log.text_line)
    log.set_level("debug", "pandad.test")
    assert "#debug" in said(both, log.text_line)
    log.set_level("error")
    assert said(both, log.text_line) == ""
    assert set(log.LEVELS) == {level.name for level in LogLevel.iterconstants()}


def test_what_turns_lines_around() -> None:
    """Signs that break a line, or turn its direction, stand there as question marks."""
    assert "a??b" in log.text_line({"log_format": "a{sign}b", "sign": "\u2028\u202e", "log_time": 0.0})
