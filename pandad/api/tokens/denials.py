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
        """Why a token with this identity and id ("": it has none) is denied; None if it is not.

        :raise KeysUnknown: the list has not been read yet.
        """
        if self._reasons is None:
            raise KeysUnknown(bearer.anchor, "the list of denied tokens has not been read yet")
        if not self._reasons:
            return None
        of_bearer = [Denial(bearer.anchor, DenialKind.ISSUER, ""), Denial(bearer.anchor, DenialKind.SUBJECT, bearer.subject)]
        of_token = [Denial(bearer.anchor, DenialKind.JTI, jti)] if jti else []
        return next((self._reasons[each] for each in (*of_bearer, *of_token) if each in self._reasons), None)
