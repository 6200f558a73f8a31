"""One look: at what, by what, and which keys of the configuration must be right for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pandad.doctor.finding import Finding
from pandad.doctor.installation import Installation

Looking = Callable[[Installation], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Look:
    """``at``: what is looked at, for a person. ``reads``: sections, or keys ``section.key``; if one is wrong there is no look."""

    name: str
    at: str
    reads: tuple[str, ...]
    look: Looking

    def findings(self, seen: Installation) -> Iterable[Finding]:
        """What there is to say; nothing if the configuration does not say where to look."""
        if not all(seen.has(*key.split(".")) for key in self.reads):
            return ()
        return self.look(seen)
