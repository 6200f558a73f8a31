"""What a proved credential may act as. Looked at for every call, so it never asks the database: it is told what that knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from pandad.spec.account import Account, Ban, Directory
from pandad.spec.caller import Caller, Credential, Identity, Role
from pandad.spec.errors import Forbidden, Unavailable
from pandad.spec.fqan import Fqan, fqan_of
from pandad.spec.principal import Principal, names_of, principal_of

Name = TypeVar("Name", bound=str)

REMEMBERED = 10_000  # pilots come back with the same credentials

# What the roles of a VO are here, as in PanDA.
VO_ROLES: Mapping[str, Role] = {"production": Role.PRODUCTION, "pilot": Role.PILOT}
GROUP_ROLE = "production"

TOKEN = "token"  # a credential of this kind comes from an issuer that was configured for its VO

NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})
NOBODY = Directory()


class Banned(Forbidden):
    """Who is banned may do nothing for which one needs an identity."""

    def __init__(self, identity: Identity, ban: Ban) -> None:
        what = "your account is" if ban.account is not None else "you are"
        until = f"until {ban.until.isoformat(timespec='minutes')}" if ban.until else "until an administrator lifts it"
        who = f"{identity.subject} (vouched for by {identity.anchor})"
        super().__init__(f"you are {who}, and {what} banned {until}: {ban.reason}")
        self.ban = ban


class NotYetKnown(Unavailable):
    """The daemon just started and has not read who is banned."""

    def __init__(self) -> None:
        super().__init__("this server has just started and does not know yet who may what; try again")


class Grants:
    """Roles and groups by identity, account and FQAN. A limited proxy keeps them: which calls it is enough for, the calls say.

    :param roles: who has each, in the words of spec/principal.py. :param groups: the same for managers of a workingGroup.
    :param vos: the VOs whose own roles count, beside those of tokens: /VO/Role=production, /VO/Role=pilot, and
        /VO/GROUP/Role=production, which is production of the workingGroup GROUP alone.
    :param directory: None: to be told by `learn`; until then everybody is to come again.
    """

    def __init__(self, roles: Mapping[Role, Collection[str]], groups: Mapping[str, Collection[str]] = NOTHING,
                 vos: Collection[str] = (), directory: Directory | None = NOBODY) -> None:
        self._directory = directory
        self.adopt(roles, groups, vos)

    def adopt(self, roles: Mapping[Role, Collection[str]], groups: Mapping[str, Collection[str]] = NOTHING,
              vos: Collection[str] = ()) -> None:
        """From now on go by these; see above."""
        self._roles = {role: _principals(members) for role, members in roles.items()}
        self._groups = {group: _principals(members) for group, members in groups.items()}
        self._vos = frozenset(vos)
        self._listed = frozenset().union(*self._roles.values(), *self._groups.values())
        self._known = self._anew()

    def granted(self, credential: Credential) -> Caller:
        """Whom a credential makes its bearer.

        :raise Banned: says why. :raise NotYetKnown: nothing was read yet.
        """
        return self._known(credential)

    def learn(self, directory: Directory) -> None:
        """From now on go by this one."""
        self._directory, self._known = directory, self._anew()

    @property
    def version(self) -> tuple[int, int] | None:
        """Of the directory."""
        return self._directory.version if self._directory is not None else None

    def _anew(self) -> Callable[[Credential], Caller]:
        return lru_cache(maxsize=REMEMBERED)(self._caller)

    def _caller(self, credential: Credential) -> Caller:
        if self._directory is None:
            raise NotYetKnown
        identity = credential.identity
        ban = self._directory.ban_on(identity)
        if ban is not None:
            raise Banned(identity, ban)
        account = self._directory.accounts.get(identity) or Account(0, "", frozenset())
        fqans, remarks = self._counted(credential)
        names = {identity} if credential.kind == TOKEN else names_of(identity)
        held = frozenset(fqans).union(names, *map(names_of, account.identities - {identity}))
        of_vos = fqans if self._speaks_here(credential) else []
        production_of = frozenset(f.subgroup for f in of_vos if f.subgroup and f.role == GROUP_ROLE)
        of_vo = {VO_ROLES[f.role] for f in of_vos if not f.subgroup and f.role in VO_ROLES}
        return Caller(
            identity, frozenset(_whose(self._roles, held)) | account.roles | of_vo, credential.limited, credential.host,
            credential, account.id or None, account.identities - {identity},
            frozenset(_whose(self._groups, held)) | production_of, production_of, tuple(remarks))

    def _speaks_here(self, credential: Credential) -> bool:
        """Whether the VO of a credential is one of ours: a token's is, or its issuer would not be configured for it."""
        return credential.kind == TOKEN or credential.vo in self._vos

    def _counted(self, credential: Credential) -> tuple[list[Fqan], list[str]]:
        """The FQANs that count, and why others do not."""
        counted, remarks = [], [credential.unproved] if credential.unproved else []
        for text in credential.fqans:
            fqan = fqan_of(text)
            if fqan is None:
                remarks.append(f"{text} does not count: it is no FQAN without a capability")
            elif fqan.vo != credential.vo:
                remarks.append(f"{text} does not count: {credential.vo or 'nobody'} vouches for it, and not {fqan.vo}")
            elif fqan in self._listed or self._speaks_here(credential):
                counted.append(fqan)
            else:
                remarks.append(f"{text} does not count: it is not listed in [identity], and {fqan.vo} is none of its vos")
        return counted, remarks


def _principals(texts: Iterable[str]) -> frozenset[Principal]:
    return frozenset(found for text in texts if (found := principal_of(text)) is not None)


def _whose(table: Mapping[Name, frozenset[Principal]], held: frozenset[Principal]) -> list[Name]:
    return [name for name, members in table.items() if not members.isdisjoint(held)]
