"""The page on brokerage says what the code does."""

from __future__ import annotations

from pathlib import Path

from pandad.brokerage.page import table
from pandad.brokerage.weights import WEIGHTS
from pandad.config import BrokerageConfig

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "brokerage.md").read_text("utf-8")


def test_the_criteria_are_those_of_the_code() -> None:
    """All of them, in their order."""
    assert table() in PAGE


def test_every_formula_and_setting_is_there() -> None:
    """By the names of the configuration."""
    for name in (*(f"`{name}`" for name in WEIGHTS), *BrokerageConfig.__dataclass_fields__):
        assert name in PAGE, name
