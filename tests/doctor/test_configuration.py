"""``pandad check``: every seeded mistake is found, with its line and its remedy, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from doctor.goodconfiguration import GOOD, lay_out, text_for
from doctor.mistakes import IN_THE_TEXT, Mistake
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
