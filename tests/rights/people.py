"""Those who come, with what they prove; and by hand, what each is to be taken for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pandad.config import IdentityConfig
from pandad.spec.caller import Credential, Identity, Role

CA, OTHER_CA = "/DC=org/DC=test/CN=Test CA", "/DC=org/DC=other/CN=Other CA"
ISSUER = "https://iam.test/"
P, PROD, ADMIN, DDM = Role.PILOT, Role.PRODUCTION, Role.ADMIN, Role.DDM


def dn(name: str) -> str:
    """Of somebody with a certificate of the test CA."""
    return f"/DC=org/DC=test/CN={name}"


ALICE, BOB = Identity(CA, dn("alice")), Identity(CA, dn("bob"))
PILOT, PRODUCTION = Identity(CA, dn("pilot")), Identity(CA, dn("prod"))
ALICES_TOKEN = Identity(ISSUER, "6d1c")
BANNED, BANNED_TOO = Identity(CA, dn("eve")), Identity(ISSUER, "eve")

CONFIG = IdentityConfig(
    pilot=(f"{PILOT.subject} from {CA}", "/test/robots/Role=pilot"),
    production=(f"{PRODUCTION.subject} from {CA}",),
    admin=(f"{dn('root')} from {CA}",),
    ddm=(f"{dn('hermes')} from {CA}",),
    vos=("test",),
    groups={"phys": (f"{dn('mandy')} from {CA}",)})


@dataclass(frozen=True, kw_only=True)
class Person:
    """``proof``: None comes without anything. The rest is what must follow from it.

    ``is_``: whose jobs are his own, by name. ``groups``: whose jobs he manages.
    """

    proof: Credential | None
    is_: str = ""
    roles: frozenset[Role] = frozenset()
    groups: frozenset[str] = frozenset()
    production_of: frozenset[str] = frozenset()
    banned: bool = False

    @property
    def limited(self) -> bool:
        """Whether he has a limited proxy."""
        return self.proof is not None and self.proof.limited

    def has(self, *roles: Role) -> bool:
        """Whether one of the roles, or admin, is his."""
        return bool(self.roles & {*roles, ADMIN})


def _person(identity: Identity, *roles: Role, limited: bool = False, vo: str = "", fqans: tuple[str, ...] = (),
            **but: Any) -> Person:
    proof = Credential(
        kind="x509" if identity.anchor.startswith("/") else "token", identity=identity, limited=limited, vo=vo, fqans=fqans,
        not_after=datetime(2099, 1, 1, tzinfo=UTC), host="192.0.2.1")
    return Person(proof=proof, roles=frozenset(roles), **but)


def _someone(name: str, *roles: Role, **but: Any) -> Person:
    return _person(Identity(CA, dn(name)), *roles, **but)


PHYS = frozenset({"phys"})

PEOPLE: Mapping[str, Person] = {
    "nobody": Person(proof=None),
    "alice": _person(ALICE, is_="alice"),
    "alice, limited proxy": _person(ALICE, limited=True, is_="alice"),
    "alice's linked token": _person(ALICES_TOKEN, is_="alice"),
    "bob": _person(BOB, is_="bob"),
    "hermes": _someone("hermes", DDM),
    "alice of another CA": _person(Identity(OTHER_CA, ALICE.subject)),
    "token with alice's DN": _person(Identity(ISSUER, ALICE.subject)),
    "token with pilot's DN": _person(Identity(ISSUER, PILOT.subject)),
    "alice with a digit": _someone("alice 1"),
    "member of phys": _someone("mia", vo="test", fqans=("/test/phys",)),
    "manager of phys": _someone("mandy", groups=PHYS),
    "production of phys": _someone("gina", vo="test", fqans=("/test/phys/Role=production",), groups=PHYS, production_of=PHYS),
    "production of higgs": _someone(
        "hugo", vo="test", fqans=("/test/higgs/Role=production/Capability=NULL",), groups=frozenset({"higgs"}),
        production_of=frozenset({"higgs"})),
    "production": _person(PRODUCTION, PROD, is_="prod"),
    "production, limited proxy": _person(PRODUCTION, PROD, limited=True, is_="prod"),
    "production by FQAN": _someone("vera", PROD, vo="test", fqans=("/test", "/test/Role=production")),
    "production of another VO": _someone("otto", vo="other", fqans=("/other/Role=production",)),
    "another VO's word on this one": _someone("ovid", vo="other", fqans=("/test/Role=production", "/test/phys/Role=production")),
    "pilot": _person(PILOT, P, is_="pilot"),
    "pilot, limited proxy": _person(PILOT, P, limited=True, is_="pilot"),
    "pilot by token": _person(Identity(ISSUER, "robot"), P, vo="test", fqans=("/test/robots/Role=pilot",)),
    "role like pilot": _someone("paul", vo="test", fqans=("/test/Role=pilots", "/test/robots", "/test/robots/x/Role=pilot")),
    "admin": _someone("root", ADMIN),
    "banned admin's other token": _person(BANNED_TOO, banned=True),
}
"""All of them. Eve is banned by her certificate, is linked to a token, and was an admin by her account."""
