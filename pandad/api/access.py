"""Who may call what. A rule says which callers are let in, and what of those things that have an owner they reach with the call;
the first is checked before the handler, the second by the room, by the same table (spec/ground.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pandad.spec import ground
from pandad.spec.caller import Caller, Role
from pandad.spec.errors import Forbidden, NotAuthenticated
from pandad.spec.ground import Ground


class Reach(StrEnum):
    """Whose things a call is about."""

    NOTHING = "nothing that is somebody's"
    READ = "any job, to read"
    OWN = "the caller's own"
    CLAIM = "any job that fits; without a role of pilots, the caller's own user jobs"
    REPORT = "any job; without a role of pilots, those that the caller took"
    LENT = "what pilots are lent"
    GROUNDS = "jobs, on these grounds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One rule. ``says`` completes the sentence "this call is for ..." in refusals and in the documentation.

    ``roles``: one of these is needed (admin always counts); empty = no role needed.
    ``limited``: whether a limited proxy is enough. One is in the hands of a job, so it may do a pilot's work only.
    ``reach``: what of others it can touch; "the caller's own" is that of all identities of his account.
    ``grounds``: with Reach.GROUNDS, and only then, on which of them.
    ``recognises``: for everybody, and who comes over TLS with an identity is told more. One that is not good is refused.
    """

    name: str
    says: str
    reach: Reach
    anonymous: bool = False
    limited: bool = False
    roles: frozenset[Role] = frozenset()
    grounds: frozenset[Ground] = frozenset()
    recognises: bool = False

    def __post_init__(self) -> None:
        if self.recognises and not self.anonymous:
            raise TypeError(f"{self.name}: whoever needs an identity is recognised anyway")
        if bool(self.grounds) != (self.reach is Reach.GROUNDS):
            raise TypeError(f"{self.name}: grounds go with Reach.GROUNDS")

    def check(self, caller: Caller) -> None:
        """Return if the caller may go on.

        :raise NotAuthenticated: no identity came with the call.
        :raise Forbidden: says who the server thinks the caller is, and which rule failed.
        """
        if self.anonymous:
            return
        if caller.identity is None:
            raise NotAuthenticated(
                f"this call is for {self.says}, and no identity came with it: come with a proxy, a certificate or a token")
        if caller.limited and not self.limited:
            raise Forbidden(f"this call is for {self.says}, and a limited proxy is not enough for it; {caller.described}")
        if self.roles and not caller.has(*self.roles):
            raise Forbidden(f"this call is for {self.says}; {caller.described}")


PUBLIC = Access(name="PUBLIC", says="everybody", reach=Reach.NOTHING, anonymous=True, limited=True)
IDENTIFIED = Access(name="IDENTIFIED", says="anybody with an identity", reach=Reach.NOTHING)
READ = Access(name="READ", says="anybody with an identity", reach=Reach.READ)
OWN = Access(name="OWN", says="anybody with an identity, about what is his own", reach=Reach.OWN)
KILL = Access(
    name="KILL", says="owners of jobs, those who manage them, and admins", reach=Reach.GROUNDS, grounds=ground.KILL)
STEER = Access(
    name="STEER", says="owners of tasks, those who manage them, and admins", reach=Reach.GROUNDS, grounds=ground.STEER)
DEBUG = Access(
    name="DEBUG", says="owners of jobs, those who manage them, and admins", reach=Reach.GROUNDS, grounds=ground.DEBUG)
DEBUG_AS_PILOT = Access(
    name="DEBUG_AS_PILOT", says="the pilot of a job, its owner, those who manage it, and admins", reach=Reach.GROUNDS,
    grounds=ground.DEBUG, limited=True)
PILOT = Access(
    name="PILOT", says="pilots (role pilot, production or admin)", limited=True, reach=Reach.NOTHING,
    roles=frozenset({Role.PILOT, Role.PRODUCTION}))
# What it says may end jobs, and a limited proxy is in the hands of one.
HARVESTER = Access(
    name="HARVESTER", says="Harvesters (role pilot, production or admin) with a full proxy, a certificate or a token",
    reach=Reach.NOTHING, roles=PILOT.roles)
FACTORY = Access(
    name="FACTORY", says="who runs factories of pilots (role production or admin)", reach=Reach.NOTHING,
    roles=frozenset({Role.PRODUCTION}))
TELLS_OF_DATA = Access(
    name="TELLS_OF_DATA", says="the data management system (role ddm)", reach=Reach.NOTHING, roles=frozenset({Role.DDM}))
# The rooms see to it that without a role one gets nothing but his own user jobs, and updates only what he got.
CLAIM = Access(name="CLAIM", says="pilots, and users who run their own pilots", limited=True, reach=Reach.CLAIM)
REPORT = Access(name="REPORT", says="pilots, and users who run their own pilots", limited=True, reach=Reach.REPORT)
# What is handed out is worth more than a limited proxy, which is in the hands of a job.
LENT = Access(
    name="LENT", says="pilots (role pilot, production or admin) with a full proxy, a certificate or a token", reach=Reach.LENT,
    roles=PILOT.roles)
LENT_KEY = Access(
    name="LENT_KEY", says="who starts pilots (role production or admin)", reach=Reach.LENT, roles=frozenset({Role.PRODUCTION}))
# Pages of the monitor. What is in them for whom: monitor/sight.py.
COUNTS = Access(name="COUNTS", says="everybody", reach=Reach.NOTHING, anonymous=True, limited=True, recognises=True)
STORY = Access(
    name="STORY", says="everybody, and whole for owners of jobs, those who manage them, production and admins",
    reach=Reach.GROUNDS, grounds=ground.KILL, anonymous=True, limited=True, recognises=True)


def credential(rule: Access) -> str:
    """What has to come with the call, in words."""
    return "none" if rule.anonymous else "any, a limited proxy too" if rule.limited else "any but a limited proxy"


def role(rule: Access) -> str:
    """Which role, in words; "-" is none."""
    return " or ".join(sorted(rule.roles)) + " or admin" if rule.roles else "-"


def reach(rule: Access) -> str:
    """What of others the call touches, in words."""
    if rule.reach is not Reach.GROUNDS:
        return rule.reach.value
    return f"{rule.reach.value}: {', '.join(sorted(rule.grounds))}"
