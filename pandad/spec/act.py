"""A changing act by a person: what the audit keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pandad.spec.caller import Caller

LONGEST_TARGET = 20_000  # characters: a kill may name thousands of jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """``who``, ``anchor``: the identity, or the login name of an operator and "". ``host``: from where.

    ``act``: a word for it: kill, ban, ... ``target``: to what. ``why``: as far as that was said. None of them ever has a secret.
    """

    who: str
    anchor: str = ""
    account: int | None = None
    host: str
    act: str
    target: str
    why: str = ""

    @property
    def operator(self) -> str:
        """Whose word it is, beside what was changed: the login name and the host."""
        return f"{self.who}@{self.host}"


class Doer(Protocol):
    """Somebody who does something: gives the act in his name."""

    def __call__(self, act: str, target: str, why: str = "") -> Act: ...


def doer(caller: Caller) -> Doer:
    """In the name of somebody who calls the server."""
    assert caller.identity is not None
    identity = caller.identity

    def done(act: str, target: str, why: str = "") -> Act:
        return Act(who=identity.subject, anchor=identity.anchor, account=caller.account, host=caller.host, act=act,
                   target=target[:LONGEST_TARGET], why=why)

    return done


def operator_on(login: str, host: str) -> Doer:
    """In the name of somebody who works on the database from an account of this host."""

    def done(act: str, target: str, why: str = "") -> Act:
        return Act(who=login, host=host, act=act, target=target[:LONGEST_TARGET], why=why)

    return done
