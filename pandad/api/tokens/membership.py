"""From the groups and scopes of a verified token to FQANs, as VOMS writes them. Pure.

A group VO/ROLE (with or without a slash before it) grants the role ROLE of that VO, as in PanDA; a role of a group below is
granted only by what the configuration translates. A role is taken on only when it is asked for: by the Origin header, a scope, or
the configuration (auto_roles).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pandad.api.tokens.accepted import Accepted
from pandad.spec.token import BadToken, TokenFault

MOST_GROUPS = 1000
SHOWN = 10  # groups in a refusal
ROLE_SCOPE = "role:"

_GROUP = re.compile(r"/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_ROLE = "/Role="


def fqans(claims: Mapping[str, Any], accepted: Accepted, asked: str) -> tuple[str, ...]:
    """The role first, if there is one, then the groups in their order: ``/atlas/Role=production, /atlas, /atlas/production``.

    :param asked: the role that the Origin header asks for, or "".
    :param claims: of a token that is good otherwise, and has a subject.
    :raise BadToken: no member of the VO, or the role asked for is not granted; says whom the bearer is taken for.
    """
    groups = list(dict.fromkeys(_groups(claims, accepted)))
    scopes = _scopes(claims)
    wanted = [asked] if asked else [*scopes, *accepted.auto_roles]
    roles: list[str] = next(filter(None, (_granted(role, groups, scopes, accepted) for role in wanted)), [])
    if asked and not roles:
        raise BadToken(TokenFault.ROLE, f"{accepted.vo}/{asked}; {_bearer(claims, groups)}")
    names = [group for group in groups if _ROLE not in group]
    if accepted.members_only and not names and not roles:
        looked = f"{accepted.vo}; the groups are looked for in the claim {accepted.groups_claim}"
        raise BadToken(TokenFault.MEMBER, f"{looked}; {_bearer(claims, groups)}")
    return (*roles, *names)


def nickname(claims: Mapping[str, Any]) -> str:
    """A label only."""
    said = claims.get("preferred_username") or claims.get("name")
    return said if isinstance(said, str) and said.isprintable() and len(said) <= 255 else ""


def _bearer(claims: Mapping[str, Any], groups: Sequence[str]) -> str:
    """Whom a refused one is taken for."""
    more = [f"and {len(groups) - SHOWN} more"] if len(groups) > SHOWN else []
    shown = ", ".join([*groups[:SHOWN], *more]) or "none"
    return f"you are {claims['sub']} (vouched for by {claims['iss']}), with groups: {shown}"


def _groups(claims: Mapping[str, Any], accepted: Accepted) -> Iterator[str]:
    """The groups of this VO with a slash before them; and FQANs of roles, where the configuration gives such to a group."""
    for name in _said(claims, accepted):
        translated = accepted.groups.get(name) or "/" + name.removeprefix("/")
        if translated == f"/{accepted.vo}" or translated.startswith(f"/{accepted.vo}/"):
            yield translated


def _said(claims: Mapping[str, Any], accepted: Accepted) -> list[str]:
    said = claims.get(accepted.groups_claim)
    if said is None:
        # Only the client itself: tokens of people that came by way of it have another subject.
        return list(accepted.robots.get(str(claims.get("sub")), ()))
    if not isinstance(said, list) or len(said) > MOST_GROUPS:
        raise BadToken(TokenFault.CLAIMS, f"{accepted.groups_claim} is no list of up to {MOST_GROUPS} groups")
    return [name for name in said if isinstance(name, str) and (name in accepted.groups or _GROUP.fullmatch(name))]


def _granted(role: str, groups: list[str], scopes: list[str], accepted: Accepted) -> list[str]:
    """The FQANs with that role; none if it is not granted."""
    of_vo = f"/{accepted.vo}{_ROLE}{role}"
    by_group = f"/{accepted.vo}/{role}" in groups
    by_scope = role in scopes and role in accepted.scope_roles
    return list(dict.fromkeys([*([of_vo] if by_group or by_scope else []), *(g for g in groups if g.endswith(_ROLE + role))]))


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """Roles among the scopes."""
    said = claims.get("scope")
    words = said.split(" ") if isinstance(said, str) else []
    return [word.removeprefix(ROLE_SCOPE) for word in words if word.startswith(ROLE_SCOPE)]
