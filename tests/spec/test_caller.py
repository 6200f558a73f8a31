"""Identities decide, names are for display."""

from __future__ import annotations

import pytest

from pandad.spec.caller import ANONYMOUS, Caller, Identity, Role, compact_name

CA_1, CA_2 = "/C=XX/O=Grid/CN=Root CA", "/C=YY/O=Other Grid/CN=Root CA"
DOE = "/DC=org/DC=grid/OU=People/CN=John Doe"

LOOKALIKES = [
    Identity(CA_1, DOE),
    Identity(CA_2, DOE),
    Identity(CA_1, DOE + "/emailAddress=john@example.org"),
    Identity(CA_1, DOE + " 12345"),
    Identity("https://issuer.example.org", "John Doe"),
]
"""Five people whom a comparison of cleaned names takes for one."""


def test_lookalikes_share_a_label_and_nothing_else() -> None:
    """Two authorities, an appended e-mail, a number behind the name and a token's name claim: one label, five identities."""
    assert {compact_name(i.subject) for i in LOOKALIKES} == {"John Doe"}
    assert len(set(LOOKALIKES)) == len(LOOKALIKES)


@pytest.mark.parametrize(
    ("subject", "label"),
    [
        (DOE, "John Doe"),
        ("/DC=ch/DC=cern/OU=Users/CN=jdoe/CN=654321/CN=John Doe", "John Doe"),
        (DOE + "/CN=1234567890", "John Doe"),
        (DOE + "/CN=proxy", "John Doe"),
        (DOE + "/CN=limited proxy", "John Doe"),
        ("/DC=org/CN=Robot: Pilot/CN=42", "Robot: Pilot"),
        ("/DC=org/CN= 12", " 12"),
        ("/DC=org/CN=12", "/DC=org/CN=12"),
        ("/DC=org/CN=", "/DC=org/CN="),
        ("6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("", ""),
    ],
)
def test_labels(subject: str, label: str) -> None:
    """The label is the last common name that names somebody; what has none is shown whole."""
    assert compact_name(subject) == label


def test_callers_are_named_for_display() -> None:
    """A caller shows as its label, nobody as anonymous."""
    assert Caller(Identity(CA_1, DOE)).name == "John Doe"
    assert ANONYMOUS.name == "anonymous"


@pytest.mark.parametrize("role", sorted(Role))
def test_a_role_is_held_or_not(role: Role) -> None:
    """A caller has the roles it was given, and no other."""
    caller = Caller(LOOKALIKES[0], frozenset({role}))
    assert [r for r in Role if caller.has(r)] == (list(Role) if role is Role.ADMIN else [role])


def test_any_of_several_roles_is_enough() -> None:
    """Asked for several roles, one is enough; without roles there is none."""
    assert Caller(LOOKALIKES[0], frozenset({Role.PILOT})).has(Role.PRODUCTION, Role.PILOT)
    assert not ANONYMOUS.has(*Role)
