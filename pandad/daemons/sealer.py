"""Acts get their place in the chain of the audit."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.taskbuffer import audit
from pandad.taskbuffer.store import Store


class Sealer:
    """Seals what waits for it.

    :param keys: see audit.seal.
    """

    def __init__(self, store: Store, keys: Sequence[bytes]) -> None:
        self._store, self._keys = store, keys

    async def run_once(self) -> bool:
        """One round; True if more waits."""
        return await self._store.transact("audit_seal", audit.seal, self._keys)
