"""A bounded, seeded share of `python -m tests.fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .targets import TARGETS

INPUTS = {"decoders": 30_000, "framing": 6_000, "calls": 4_000, "tokens": 4_000, "certificates": 6_000, "uploads": 500}


@pytest.mark.filterwarnings("ignore:Attribute", "ignore:Parsed a serial number")  # cryptography, of what no authority gives
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes(name: str, tmp_path: Path) -> None:
    """What has to hold, see targets, holds for the first inputs."""
    run = TARGETS[name](tmp_path)
    for number in range(INPUTS[name]):
        try:
            run(number)
        except Exception as error:
            raise AssertionError(f"python -m tests.fuzz {name} --first {number} --inputs 1") from error
