"""Tokens that administrators denied, as this process knows them: read from the store each few seconds."""

from __future__ import annotations

from collections.abc import Mapping

from pandad.spec.caller import Identity
from pandad.spec.token import Denial, DenialKind, KeysUnknown
from pandad.taskbuffer import denials
from pandad.taskbuffer.store import Store


class Denials:
    """The list, and the loop body that keeps it fresh. While the store does not answer the last one stays in force."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reasons: Mapping[Denial, str] | None = None

    async def run_once(self) -> bool:
        """Read the list."""
        self._reasons = dict(await self._store.read("token_denials", denials.reasons))
        return False

    def reason(self, bearer: Identity, jti: str) -> str | None:
        """Why a token with this identity and id is denied; None if it is not.

        :raise KeysUnknown: the list has not been read yet.
        """
        if self._reasons is None:
            raise KeysUnknown(bearer.anchor, "the list of denied tokens has not been read yet")
        if not self._reasons:
            return None
        for kind, value in ((DenialKind.ISSUER, ""), (DenialKind.SUBJECT, bearer.subject), (DenialKind.JTI, jti)):
            reason = self._reasons.get(Denial(bearer.anchor, kind, value))
            if reason is not None:
                return reason
        return None
