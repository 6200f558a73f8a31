"""What may be wrong (a fault), and that it is (a finding)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"  # pandad does not start, or somebody is refused, or something stands still
    WARNING = "warning"  # it works, and will not for long, or not as it was meant


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that may be wrong.

    :param says: what is then so. :param remedy: what to do, a command where there is one; the finding gives the words in braces.
    :param page: below docs/, with its anchor.
    """

    name: str
    level: Level
    says: str
    remedy: str
    page: str

    def found(self, text: str, place: str = "", key: str = "", **words: object) -> Finding:
        """It is so.

        :param text: what was seen, with names and figures. :param place: ``file:line``. :param key: of the configuration.
        """
        return Finding(self.level, self.name, text, self.remedy.format(**words), self.page, place, key)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. ``place``: where it is to be mended, if that is one line; ``key``: of the configuration."""

    level: Level
    fault: str
    text: str
    remedy: str
    page: str
    place: str = ""
    key: str = ""


FAULTS: dict[str, Fault] = {}

CONFIGURATION_PAGE = "reference/checks.md"


def error(name: str, says: str, remedy: str, page: str = CONFIGURATION_PAGE) -> Fault:
    """Declare one that keeps pandad, or somebody, from working; at import time only."""
    return _declared(Fault(name, Level.ERROR, says, remedy, page))


def warning(name: str, says: str, remedy: str, page: str = CONFIGURATION_PAGE) -> Fault:
    """Declare one that does not do so yet."""
    return _declared(Fault(name, Level.WARNING, says, remedy, page))


def _declared(fault: Fault) -> Fault:
    assert fault.name not in FAULTS, fault.name
    FAULTS[fault.name] = fault
    return fault


def ordered(findings: list[Finding]) -> list[Finding]:
    """The worst first; of the same level as they were found, each once."""
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.level is not Level.ERROR)
