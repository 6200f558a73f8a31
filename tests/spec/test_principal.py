"""Those whom the configuration names."""

from __future__ import annotations

import pytest

from pandad.spec.caller import Identity
from pandad.spec.fqan import Fqan, fqan_of
from pandad.spec.principal import Principal, names_of, principal_of

CA = "/DC=org/CN=CA"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("/DC=org/CN=a", "/DC=org/CN=a"),
        ("/DC=org/CN=back from work", "/DC=org/CN=back from work"),
        (f"/DC=org/CN=a from {CA}", Identity(CA, "/DC=org/CN=a")),
        (f"/DC=org/CN=back from work from {CA}", Identity(CA, "/DC=org/CN=back from work")),
        ("12-34 from https://iam.test/", Identity("https://iam.test/", "12-34")),
        ("/atlas", Fqan("/atlas")),
        ("/atlas/us-atlas/Role=pilot", Fqan("/atlas/us-atlas", "pilot")),
        ("CN=a", None),
        ("12-34", None),
        ("atlas/Role=pilot", None),
        (" from https://iam.test/", None),
        ("/atlas/", None),
        ("", None),
    ],
)
def test_what_is_meant(text: str, meant: Principal | None) -> None:
    """DN, identity and FQAN are told apart by their form alone, and what is none of them is nothing."""
    assert principal_of(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/atlas/Role=NULL/Capability=NULL", "/atlas"),
        ("/atlas/Role=production/Capability=NULL", "/atlas/Role=production"),
        ("/atlas/a/b/Role=x", "/atlas/a/b/Role=x"),
        ("/atlas/Role=production/Capability=x", None),
        ("/atlas/Role=production/usatlas", None),
        ("/Role=production", None),
        ("/atlas/Role=", None),
        ("/atlas/Role=production\n", None),
        ("/atlas//Role=production", None),
        ("/atlas/Role=production/Role=pilot", None),
    ],
)
def test_fqans(text: str, said: str | None) -> None:
    """One way of writing for each, and nothing that only begins like one."""
    found = fqan_of(text)
    assert (str(found) if found else None) == said


def test_groups_below_a_vo() -> None:
    """The VO is the first part, the group the rest."""
    found = fqan_of("/atlas/phys/higgs/Role=production")
    assert found is not None and (found.vo, found.subgroup, found.role) == ("atlas", "phys/higgs", "production")
    assert Fqan("/atlas").subgroup == ""


def test_a_bare_dn_is_no_token() -> None:
    """The issuer of a token may write a DN into its subject; that does not make it one."""
    dn = "/DC=org/CN=a"
    assert dn in names_of(Identity(CA, dn))
    assert dn not in names_of(Identity("https://iam.test/", dn))
