"""What each process remembers of accounts and bans, kept fresh."""

from __future__ import annotations

from collections.abc import Callable

from pandad.spec.account import Directory
from pandad.taskbuffer import accounts
from pandad.taskbuffer.store import Store


class RightsReader:
    """Runs in every process: a look at the version each round, and a reading when it is another one.

    A change is known everywhere after a notice, or after a period of the loop at the latest, as long as the database answers.
    While it does not, what was known last stays true.

    :param learn: gets each new directory.
    """

    def __init__(self, store: Store, learn: Callable[[Directory], None]) -> None:
        self._store, self._learn = store, learn
        self._version: tuple[int, int] | None = None

    async def run_once(self) -> bool:
        """Read what is new, if anything is."""
        if await self._store.read("rights_version", accounts.version) != self._version:
            directory = await self._store.read("rights", accounts.directory)
            self._learn(directory)
            self._version = directory.version
        return False
