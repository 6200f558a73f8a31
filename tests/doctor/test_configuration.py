"""``pandad check``: every seeded mistake is found, with its line and its remedy, and nothing else is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.goodconfiguration import GOOD, lay_out, text_for
from doctor.mistakes import IN_THE_TEXT, Mistake
from doctor.spoilt import FILES, Scene, Spoilt
from pandad.doctor.configuration import check
from pandad.doctor.finding import Finding
from pandad.embedded.pki import SandboxPki

NOW = datetime.now(UTC)


@pytest.fixture
def good(tmp_path: Path, pki: SandboxPki) -> Path:
    """A configuration in which there is nothing to find."""
    return lay_out(tmp_path, pki)


def test_a_good_configuration_has_no_finding(good: Path) -> None:
    """Neither an error nor a warning."""
    assert check(good, NOW) == []


def place_of(finding: Finding) -> tuple[str, str, str]:
    """By what a mistake is told."""
    return finding.place, finding.key, finding.fault


@pytest.mark.parametrize("mistake", IN_THE_TEXT, ids=lambda each: f"{each.key}:{each.words}")
def test_a_mistake_is_told(good: Path, mistake: Mistake) -> None:
    """With its line, its key and what to write instead; and it is the only finding."""
    text = text_for(good.parent, mistake.made_in(GOOD))
    good.write_text(text)
    findings = check(good, NOW)
    wanted = (f"{good}:{mistake.line_in(text)}", mistake.key, mistake.fault)
    assert [place_of(finding) for finding in findings] == [wanted], findings
    assert mistake.words in f"{findings[0].text}; {findings[0].remedy}", findings


@pytest.mark.parametrize("spoilt", FILES, ids=lambda each: each.name)
def test_a_spoilt_file_is_told(good: Path, pki: SandboxPki, spoilt: Spoilt) -> None:
    """With the key that names it and what to do; and nothing else is found."""
    spoilt.spoil(Scene(good.parent, pki))
    findings = check(good, NOW)
    assert {(finding.fault, finding.key) for finding in findings} == {(spoilt.fault, spoilt.key)}, findings
    assert any(spoilt.words in f"{finding.text}; {finding.remedy}" for finding in findings), findings
    assert all(finding.place.startswith(f"{good}:") for finding in findings)


def test_all_mistakes_are_told_at_once(good: Path) -> None:
    """Of the text, of values, of keys that do not go together, and of files: each on its line, whatever else is wrong."""
    scene = Scene(good.parent, SandboxPki(good.parent, None, {}))  # type: ignore[arg-type]
    scene.put("secrets.key", "x")
    text = text_for(good.parent)
    for old, new in (("stop_s = 8.0", "stop_s = 8 s"), ("warn_days = 14", "warn_days = 0"), ("answer_s = 90.0",
      "answer_s = 180.0"),
                     ('level = "info"', 'level = "loud"'), ("DISK =", "DISC: DISK =")):
        text = text.replace(old, new)
    good.write_text(text)
    assert {(finding.key, finding.fault) for finding in check(good, NOW)} == {
        ("server.stop_s", "configuration"), ("tls.warn_days", "configuration"), ("limits.answer_s", "answer-too-late"),
        ("log.level", "configuration"), ("dataservice.endpoints.DISC", "configuration"), ("secrets.key_file",
          "secrets-key-unusable")}


def test_there_are_enough() -> None:
    """At least sixty different mistakes, each told once above."""
    assert len({(each.old, each.new) for each in IN_THE_TEXT}) == len(IN_THE_TEXT) >= 60
    assert len({each.name for each in FILES}) == len(FILES) >= 50


LINES = GOOD.split("\n")
SCRAPS = st.sampled_from(['"', "'", *"[]={}#,", "\\", "\n", "-1", "1e999", "nan", "[[x]]", '"""', "x.y = 1", "true"])
EDIT = st.tuples(st.integers(0, len(LINES) - 1), st.integers(0, 40), st.integers(0, 12), SCRAPS)
EDITS = st.lists(EDIT, min_size=1, max_size=4)
THOROUGH = "PANDAD_DOCTOR_THOROUGH"  # in the environment, by python -m tests.doctor


@settings(max_examples=500 if THOROUGH in os.environ else 25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS)
def test_whatever_is_done_to_a_configuration(good: Path, edits: list[tuple[int, int, int, str]]) -> None:
    """Each finding has a line that is there, and something to do; nothing is raised."""
    lines = text_for(good.parent).split("\n")
    for number, at, length, scrap in edits:
        lines[number] = lines[number][:at] + scrap + lines[number][at + length:]
    good.write_text("\n".join(lines))
    for finding in check(good, NOW):
        assert 1 <= int(finding.place.rpartition(":")[2]) <= len("\n".join(lines).split("\n"))
        assert finding.text
        assert finding.remedy
