"""Settings that take effect while the daemon runs: those whose rooms can take others at once. All others wait for a restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from twisted.logger import Logger

from pandad import metrics
from pandad.api.tokens.authconfig import AuthConfigError
from pandad.api.tokens.discovery import FetchFailed
from pandad.config import Config, ConfigError
from pandad.spec.errors import Unavailable

UNUSABLE = (AuthConfigError, FetchFailed)

Adopt = Callable[[Any], Any]
"""Puts a section in force, and returns what of it is in force then: parts of it may have to wait for a restart. If it raises one
of UNUSABLE, the section of before stays in force."""

Note = Callable[[str], Awaitable[None]]
"""Writes into the audit what changed."""


class LiveSettings:
    """What of the configuration is in force.

    :param used: what this process was started with. :param again: reads the file; raises ConfigError.
    :param sections: those that take effect at once. :param note: raises Unavailable; it is then asked again at the next occasion.
    """

    log = Logger()

    def __init__(self, used: Config, again: Callable[[], Config], sections: Mapping[str, Adopt], note: Note) -> None:
        self._used, self._again, self._sections, self._note = used, again, sections, note
        self._unnoted: list[str] = []

    async def reload(self) -> str | None:
        """Read the file, and go by it; what of it does not take effect. A file with any mistake in it changes nothing."""
        try:
            new = self._again()
        except ConfigError as error:
            return str(error)
        problems = dict(filter(None, (self._adopted(name, getattr(new, name)) for name in self._sections)))
        waiting = [f"[{each.name}]" for each in fields(new)
                   if each.name not in problems and getattr(new, each.name) != getattr(self._used, each.name)]
        said = [f"[{name}] stays as it was: {problem}" for name, problem in problems.items()]
        said += [f"changes in {', '.join(waiting)} need a restart"] if waiting else []
        return "; ".join([*said, *await self.note_changes()]) or None

    async def note_changes(self) -> list[str]:
        """Have the audit know what has changed; a sentence if it does not."""
        try:
            while self._unnoted:
                await self._note(self._unnoted[0])
                del self._unnoted[0]
        except Unavailable as error:
            return [f"it is in force, and the audit will know it later: {error}"]
        return []

    def changed(self, change: str) -> None:
        """Something else is in force now; to be followed by `note_changes`."""
        self._unnoted.append(change)
        self.log.info("from now on in force: {change}", change=change)

    def _adopted(self, name: str, wanted: Any) -> tuple[str, str] | None:
        """The section with its problem; None if there is none."""
        before = getattr(self._used, name)
        if wanted == before:
            return None
        try:
            after = self._sections[name](wanted)
        except UNUSABLE as error:
            metrics.SETTINGS_REFUSED.add(name)
            return name, str(error)
        self._used = replace(self._used, **{name: after})
        changes = list(differences(name, before, after))
        if changes:
            self.changed("; ".join(changes))
        return None


def differences(name: str, before: Any, after: Any) -> Iterator[str]:
    """What is different, a phrase for each setting."""
    if before == after:
        return
    if is_dataclass(before) and is_dataclass(after):
        for each in fields(before):
            yield from differences(f"{name}.{each.name}", getattr(before, each.name), getattr(after, each.name))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            if key in before and key in after:
                yield from differences(f"{name}.{key}", before[key], after[key])
            else:
                yield f"{name}.{key} is {'new' if key in after else 'gone'}{_shown(after.get(key))}"
    elif isinstance(before, tuple) and isinstance(after, tuple):
        marked = [*(f"+ {x}" for x in after if x not in before), *(f"- {x}" for x in before if x not in after)]
        yield f"{name}: {', '.join(marked) or 'in another order'}"
    else:
        yield f"{name}: {before} -> {after}"


def _shown(value: Any) -> str:
    """Short things only: a table has its own lines in the file."""
    return "" if value is None or is_dataclass(value) else f": {', '.join(value) if isinstance(value, tuple) else value}"
