"""Who may call what."""

from __future__ import annotations

import pytest

from pandad.api.access import CLAIM, IDENTIFIED, PILOT, PUBLIC, TELLS_OF_DATA, Access
from pandad.spec.caller import ANONYMOUS, Caller, Identity, Role
from pandad.spec.errors import Forbidden, NotAuthenticated

ALICE = Identity("/CN=Test CA", "/CN=alice")
USER = Caller(ALICE)
LIMITED = Caller(ALICE, limited=True)
PILOTS = [Caller(ALICE, frozenset({role})) for role in Role if role is not Role.DDM]
RUCIO = Caller(ALICE, frozenset({Role.DDM}))
LIMITED_PILOT = Caller(ALICE, frozenset({Role.PILOT}), limited=True)


@pytest.mark.parametrize(
    ("rule", "callers"),
    [
        (PUBLIC, [ANONYMOUS, USER, LIMITED, *PILOTS]),
        (IDENTIFIED, [USER, *PILOTS]),
        (PILOT, [*PILOTS, LIMITED_PILOT]),
        (CLAIM, [USER, LIMITED, *PILOTS, LIMITED_PILOT]),
        (TELLS_OF_DATA, [RUCIO, Caller(ALICE, frozenset({Role.ADMIN}))]),
    ],
)
def test_let_in(rule: Access, callers: list[Caller]) -> None:
    """Those a rule is for are let in."""
    for caller in callers:
        rule.check(caller)


@pytest.mark.parametrize("rule", [IDENTIFIED, PILOT, CLAIM])
def test_anonymous(rule: Access) -> None:
    """Without an identity the refusal says that one is needed."""
    with pytest.raises(NotAuthenticated, match="no identity came with it"):
        rule.check(ANONYMOUS)


@pytest.mark.parametrize(
    ("rule", "caller"),
    [(IDENTIFIED, LIMITED), (IDENTIFIED, LIMITED_PILOT), (PILOT, USER), (PILOT, LIMITED), (TELLS_OF_DATA, LIMITED_PILOT)],
)
def test_kept_out(rule: Access, caller: Caller) -> None:
    """A refusal says who the server thinks the caller is, with which roles, and what the rule wants."""
    with pytest.raises(Forbidden) as refused:
        rule.check(caller)
    assert "/CN=alice (vouched for by /CN=Test CA)" in str(refused.value)
    assert rule.says in str(refused.value)
    assert ("roles: pilot" if caller.roles else "roles: none") in str(refused.value)
