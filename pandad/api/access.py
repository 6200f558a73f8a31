"""Who may call what. A rule looks at the caller only; rules on single jobs belong to the rooms."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.spec.caller import Caller, Role
from pandad.spec.errors import Forbidden, NotAuthenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One rule. ``says`` completes the sentence "this call is for ..." in refusals and in the documentation.

    ``roles``: one of these is needed (admin always counts); empty = no role needed.
    ``limited``: whether a limited proxy is enough. One is in the hands of a job, so it may do a pilot's work only.
    """

    name: str
    says: str
    anonymous: bool = False
    limited: bool = False
    roles: frozenset[Role] = frozenset()

    def check(self, caller: Caller) -> None:
        """Return if the caller may go on.

        :raise NotAuthenticated: no identity came with the call.
        :raise Forbidden: says who the server thinks the caller is, and which rule failed.
        """
        if self.anonymous:
            return
        if caller.identity is None:
            raise NotAuthenticated(
                f"this call is for {self.says}, and no identity came with it: connect with a proxy or a certificate")
        if caller.limited and not self.limited:
            raise Forbidden(f"this call is for {self.says}, and a limited proxy is not enough for it; {_who(caller)}")
        if self.roles and not caller.has(*self.roles):
            raise Forbidden(f"this call is for {self.says}; {_who(caller)}")


def _who(caller: Caller) -> str:
    assert caller.identity is not None
    roles = ", ".join(sorted(caller.roles)) or "none"
    return f"you are {caller.identity.subject} (vouched for by {caller.identity.anchor}), with roles: {roles}"


PUBLIC = Access(name="PUBLIC", says="everybody", anonymous=True, limited=True)
IDENTIFIED = Access(name="IDENTIFIED", says="anybody with an identity")
PILOT = Access(
    name="PILOT", says="pilots (role pilot, production or admin)", limited=True,
    roles=frozenset({Role.PILOT, Role.PRODUCTION}))
# The rooms see to it that without a role one gets nothing but his own user jobs, and updates only what he got.
PILOT_OR_OWNER = Access(name="PILOT_OR_OWNER", says="pilots, and users who run their own pilots", limited=True)
