"""What a proved credential may act as. Pure, and looked at for every call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from pandad.spec.caller import Caller, Credential, Role

OF_FQAN = (Role.PILOT, Role.PRODUCTION)
REMEMBERED = 10_000  # pilots come back with the same credentials


class Grants:
    """Roles by the exact DN of the end entity, or by the FQANs of a token: /VO/Role=pilot and /VO/Role=production. A limited
    proxy keeps them: which calls it is enough for, the calls say."""

    def __init__(self, roles: Mapping[Role, Collection[str]]) -> None:
        subjects = {subject for members in roles.values() for subject in members}
        self._roles = {s: frozenset(role for role, members in roles.items() if s in members) for s in subjects}
        self.granted = lru_cache(maxsize=REMEMBERED)(self._caller)

    def _caller(self, credential: Credential) -> Caller:
        if credential.kind == "token":  # whose subject could be anybody's DN
            roles = frozenset(role for role in OF_FQAN if f"/{credential.vo}/Role={role}" in credential.fqans)
        else:
            roles = self._roles.get(credential.identity.subject, frozenset())
        return Caller(credential.identity, roles, credential.limited, credential.host, credential)
