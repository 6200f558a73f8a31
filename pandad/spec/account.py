"""People behind identities: which of them are one, what that one may, and who may nothing for now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pandad.spec.caller import Identity, Role


@dataclass(frozen=True, slots=True)
class Account:
    """Identities that belong to one person, each proved or vouched for by an administrator. ``label``: for display."""

    id: int
    label: str
    identities: frozenset[Identity]
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """Of an account, or of a subject; ``anchor`` None is that subject whoever vouches for it. ``until`` None is for ever."""

    id: int
    account: int | None = None
    subject: str | None = None
    anchor: str | None = None
    reason: str
    since: datetime
    until: datetime | None = None
    by: str

    def hits(self, identity: Identity, account: int | None) -> bool:
        """Whether it is about somebody who comes with this identity."""
        if self.account is not None:
            return self.account == account
        return self.subject == identity.subject and self.anchor in (None, identity.anchor)


@dataclass(frozen=True, slots=True)
class Directory:
    """All that a process must know of accounts and bans to answer without asking the database.

    :param version: what the database had when it was read: (generation, bans in force). Another version is another directory.
    """

    version: tuple[int, int] = (0, 0)
    accounts: Mapping[Identity, Account] = field(default_factory=dict)
    bans: Sequence[Ban] = ()
    _by_whom: dict[int | str | None, list[Ban]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for ban in self.bans:
            self._by_whom.setdefault(ban.subject if ban.account is None else ban.account, []).append(ban)

    def ban_on(self, identity: Identity) -> Ban | None:
        """The ban that keeps this identity out."""
        account = self.accounts.get(identity)
        number = account.id if account else None
        found = (*self._by_whom.get(number, ()), *self._by_whom.get(identity.subject, ()))
        return next((ban for ban in found if ban.hits(identity, number)), None)

    def person(self, identity: Identity) -> frozenset[Identity]:
        """All identities of whoever has this one."""
        account = self.accounts.get(identity)
        return frozenset({identity}) if account is None else account.identities


class People:
    """What this process knows of who is who, for what is counted by user: it may be some seconds behind.

    ``directory``: another object when anything has changed. Who waits in between works with one of them from beginning to end.
    """

    def __init__(self, directory: Directory | None = None) -> None:
        self.directory = directory or Directory()

    def learn(self, directory: Directory) -> None:
        """From now on go by this one."""
        self.directory = directory
