"""Which tokens this server takes: issuer, audience, VO, and what the claims mean. Pure; from either kind of configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pandad.spec.token import BadToken, TokenFault
from pandad.tokenconfig import ALGORITHMS, TokenIssuerConfig

WELL_KNOWN = "/.well-known/openid-configuration"
GROUPS_CLAIM: Mapping[str, str] = {"iam": "groups", "wlcg": "wlcg.groups"}
SHOWN = 100  # characters of a claim in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One kind of token.

    ``name``: of the configuration that says so, for messages.
    ``role``: only for callers who ask for this role; "": for all.
    ``issuers``: spellings of the issuer, in iss; ``discovery``: the address of its OpenID configuration.
    ``groups``: FQANs by names of groups that are not VO/GROUP; ``robots``: groups by client id.
    """

    name: str
    vo: str
    role: str = ""
    issuers: frozenset[str]
    discovery: str
    audiences: frozenset[str]
    algorithms: frozenset[str] = frozenset(ALGORITHMS)
    groups_claim: str = "groups"
    members_only: bool = True
    auto_roles: tuple[str, ...] = ()
    scope_roles: frozenset[str] = frozenset()
    groups: Mapping[str, str] = field(default_factory=dict)
    robots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def from_config(name: str, config: TokenIssuerConfig) -> Accepted:
    """What a table [tokens.issuers.NAME] says."""
    return Accepted(
        name=name, vo=config.vo, issuers=frozenset({config.issuer}),
        discovery=config.discovery or config.issuer.rstrip("/") + WELL_KNOWN,
        audiences=frozenset(config.audience), algorithms=frozenset(config.algorithms),
        groups_claim=GROUPS_CLAIM[config.profile], members_only=config.members_only, auto_roles=config.auto_roles,
        scope_roles=frozenset(config.scope_roles), groups=config.groups, robots=config.robots)


class Catalogue:
    """All of them; finds the one that a token may be."""

    def __init__(self, accepted: tuple[Accepted, ...]) -> None:
        self.all = accepted
        self.vos = frozenset(each.vo for each in accepted)

    def find(self, claims: Mapping[str, Any], vo: str, role: str) -> Accepted:
        """The one that fits issuer, VO and audience; one that is for that role only goes first.

        :param vo: "" is the only VO of the issuer, if it has only one.
        :raise BadToken: there is none; says what does not fit.
        """
        issuer = claims.get("iss")
        of_issuer = [each for each in self.all if isinstance(issuer, str) and issuer in each.issuers]
        if not of_issuer:
            raise BadToken(TokenFault.ISSUER, _shown(issuer))
        vos = {each.vo for each in of_issuer}
        if not vo and len(vos) == 1:
            vo = vos.pop()
        fitting = [each for each in of_issuer if each.vo == vo and each.role in ("", role)]
        if not fitting:
            raise BadToken(TokenFault.ORIGIN)
        audiences = frozenset(_audiences(claims))
        for each in sorted(fitting, key=lambda each: each.role, reverse=True):
            if not audiences.isdisjoint(each.audiences):
                return each
        raise BadToken(TokenFault.AUDIENCE, "here it is " + " or ".join(sorted({a for each in fitting for a in each.audiences})))


def _audiences(claims: Mapping[str, Any]) -> Iterator[str]:
    """One text, or a list of nothing but texts (RFC 7519, 4.1.3)."""
    said = claims.get("aud")
    if isinstance(said, str):
        yield said
    elif isinstance(said, list) and all(isinstance(each, str) for each in said):
        yield from said


def _shown(claim: object) -> str:
    return f"it says {ascii(claim)[:SHOWN]}" if isinstance(claim, str) else "it does not say"
