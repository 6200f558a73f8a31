"""What a credential may act as."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pandad.api.grants import Banned, Grants, NotYetKnown
from pandad.spec.account import Account, Ban, Directory
from pandad.spec.caller import Caller, Credential, Identity, Role

CA, ISSUER = "/CN=CA", "https://iam.test/"
PILOT = "/DC=org/CN=pilot"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def proof(subject: str, *fqans: str, anchor: str = CA, **but: Any) -> Credential:
    """Of an identity with this name."""
    kind = "x509" if anchor.startswith("/") else "token"
    end = datetime.max.replace(tzinfo=UTC)
    return Credential(kind=kind, identity=Identity(anchor, subject), not_after=end, fqans=fqans, **but)


def grants(**roles: list[str]) -> Grants:
    return Grants({Role(name): members for name, members in roles.items()})


def test_roles() -> None:
    """A role is given to whom it belongs by the whole name, and to nobody else."""
    granted = grants(pilot=[PILOT], admin=["/CN=root"]).granted
    assert granted(proof(PILOT)).roles == {Role.PILOT}
    for other in ("/DC=org/CN=alice", f"{PILOT}/CN=123", PILOT.upper(), f"/X=y{PILOT}"):
        assert granted(proof(other)).roles == frozenset()
    assert granted(proof(PILOT, anchor=ISSUER)).roles == frozenset()


def test_one_anchor_only() -> None:
    """An entry with an anchor is for that anchor; a token's subject needs one."""
    granted = grants(pilot=[f"{PILOT} from {CA}", f"12 from {ISSUER}"]).granted
    for good in (proof(PILOT), proof("12", anchor=ISSUER)):
        assert granted(good).roles == {Role.PILOT}
    for bad in (proof(PILOT, anchor="/CN=Other"), proof("12", anchor=ISSUER + "x"), proof("12", anchor="/CN=CA")):
        assert granted(bad).roles == frozenset()


def test_limited() -> None:
    """A limited proxy stays one, with the roles of its user."""
    caller = grants(pilot=[PILOT]).granted(proof(PILOT, limited=True))
    assert caller.limited and caller.roles == {Role.PILOT}


def test_tokens() -> None:
    """The FQANs of a token's own VO give roles, as its issuer is configured for it; its subject gives none, though it be the
    DN of a pilot."""
    granted = Grants({Role.PILOT: [PILOT], Role.ADMIN: ["/CN=root"]}).granted
    for subject in (PILOT, "/CN=root", "alice"):
        token = replace(proof(subject, anchor=ISSUER), kind="token", vo="atlas")
        assert granted(token).roles == frozenset()
        assert granted(replace(token, fqans=("/atlas/Role=production", "/atlas"))).roles == {Role.PRODUCTION}
        assert granted(replace(token, fqans=("/cms/Role=pilot", "/atlas/sub/Role=pilot", "/atlas/pilot"))).roles == frozenset()


def test_fqans() -> None:
    """A listed FQAN counts whole, if its own VO says it; what does not count is said to be so."""
    granted = Grants({Role.PILOT: ["/atlas/Role=pilot"]}, {"phys": ["/atlas/phys"]}).granted
    good = granted(proof("/CN=a", "/atlas/phys/Role=NULL/Capability=NULL", "/atlas/Role=pilot", vo="atlas"))
    assert good.roles == {Role.PILOT} and good.groups == {"phys"} and not good.production_of and not good.remarks
    for fqan, vo in (("/atlas/Role=pilots", "atlas"), ("/atlas/phys/Role=pilot", "atlas"), ("/atlas/Role=pilot", "cms"),
                     ("/atlas/Role=pilot", ""), ("/atlas/Role=production", "atlas"), ("/atlas/Role=pilot/Capability=x", "atlas")):
        caller = granted(proof("/CN=a", fqan, vo=vo))
        assert not caller.roles and not caller.groups
        assert fqan in caller.remarks[0] and "does not count" in caller.remarks[0] and caller.remarks[0] in caller.described


def test_roles_of_a_vo() -> None:
    """A configured VO says who its pilots and its production are, and a group's production is that of the group alone."""
    granted = Grants({}, vos=["atlas"]).granted
    assert granted(proof("/CN=a", "/atlas/Role=production", vo="atlas")).roles == {Role.PRODUCTION}
    assert granted(proof("12", "/atlas/Role=pilot", vo="atlas", anchor=ISSUER)).roles == {Role.PILOT}
    group = granted(proof("/CN=a", "/atlas/usatlas/Role=production", "/atlas/usatlas/Role=pilot", vo="atlas"))
    assert not group.roles and group.groups == group.production_of == {"usatlas"}
    for other in ("/atlas/Role=admin", "/atlas", "/atlas/usatlas"):
        caller = granted(proof("/CN=a", other, vo="atlas"))
        assert not caller.roles and not caller.groups


def test_what_was_not_proved() -> None:
    """Why attributes did not count is in what the caller is told."""
    caller = grants().granted(replace(proof("/CN=a"), unproved="the attributes of atlas do not count: its server is not known"))
    assert caller.described.endswith("the attributes of atlas do not count: its server is not known")


def directory(*bans: Ban) -> Directory:
    """Alice has a certificate and a token, and is production."""
    both = frozenset({Identity(CA, "/CN=alice"), Identity(ISSUER, "12")})
    account = Account(7, "alice", both, frozenset({Role.PRODUCTION}))
    return Directory((2, len(bans)), dict.fromkeys(both, account), bans)


def test_an_account() -> None:
    """Each identity of an account has the roles of the account, and those that any of them has by name."""
    made = Grants({Role.PILOT: ["/CN=alice"]}, {"phys": [f"12 from {ISSUER}"]})
    assert made.granted(proof("12", anchor=ISSUER)).roles == frozenset()
    made.learn(directory())
    for one, other in ((proof("/CN=alice"), Identity(ISSUER, "12")), (proof("12", anchor=ISSUER), Identity(CA, "/CN=alice"))):
        caller = made.granted(one)
        assert caller.account == 7 and caller.others == {other} and caller.roles == {Role.PILOT, Role.PRODUCTION}
        assert caller.groups == {"phys"} and caller.is_(other) and caller.is_(one.identity) and not caller.is_(None)
    stranger = made.granted(proof("/CN=bob"))
    assert (stranger.account, stranger.others) == (None, frozenset())


def ban(**on: Any) -> Ban:
    return Ban(id=1, reason="mining", since=NOW, by="root", **on)


@pytest.mark.parametrize(
    ("on", "hit", "spared"),
    [
        ({"account": 7}, ["/CN=alice", "12"], ["/CN=bob"]),
        ({"subject": "/CN=alice"}, ["/CN=alice"], ["12", "/CN=bob"]),
        ({"subject": "/CN=bob", "anchor": CA}, ["/CN=bob"], ["/CN=alice", "12"]),
        ({"subject": "/CN=bob", "anchor": "/CN=Other"}, [], ["/CN=bob"]),
    ],
)
def test_bans(on: dict[str, Any], hit: list[str], spared: list[str]) -> None:
    """A ban hits the account, or the subject from that anchor or any; who is hit learns why; it ends when the directory says."""
    made = grants(admin=["/CN=alice"])
    proofs = {s: proof(s, anchor=ISSUER if s == "12" else CA) for s in (*hit, *spared)}
    assert all(made.granted(p) for p in proofs.values())
    made.learn(directory(ban(**on)))
    for subject in hit:
        with pytest.raises(Banned, match=rf"you are {subject} \(vouched for by .*banned until an administrator lifts it: mining"):
            made.granted(proofs[subject])
    assert all(isinstance(made.granted(proofs[s]), Caller) for s in spared)
    made.learn(directory())
    assert all(made.granted(p) for p in proofs.values())


def test_a_ban_that_ends() -> None:
    """It says when."""
    made = grants()
    made.learn(directory(ban(subject="/CN=bob", until=datetime(2026, 3, 4, tzinfo=UTC))))
    with pytest.raises(Banned, match="banned until 2026-03-04T00:00.*: mining"):
        made.granted(proof("/CN=bob"))


def test_nothing_is_known_yet() -> None:
    """Before the first reading nobody is let in, lest a banned one is; and he is told to come again."""
    made = Grants({Role.PILOT: [PILOT]}, directory=None)
    with pytest.raises(NotYetKnown, match="try again"):
        made.granted(proof(PILOT))
    made.learn(Directory())
    assert made.granted(proof(PILOT)).roles == {Role.PILOT}
    assert made.granted(proof(PILOT)) is made.granted(proof(PILOT))
