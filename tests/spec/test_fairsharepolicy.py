"""Shares of zero: whose work a queue does not want."""

from __future__ import annotations

import pytest

from pandad.spec.errors import BadRequest
from pandad.spec.fairsharepolicy import policy_of

EVGEN = {"type": "evgen", "group": "higgs"}


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        (None, None),
        ("", None),
        ("NULL", None),
        ("type=evgen:30%", None),
        ("type=evgen:0%", "type=evgen:0%"),
        ("type=evgen:0", "type=evgen:0"),
        ("type=simul:0%", None),
        ("type=simul:50%,type=any:0%", "type=any:0%"),
        ("type=evgen:50%,type=any:0%", None),
        ("group=higgs:0%", "group=higgs:0%"),
        ("type=evgen:group=higgs:0%", "type=evgen:group=higgs:0%"),
        ("type=evgen:group=top:0%", None),
        ("priority>400:0", "priority>400:0"),
        ("priority>500:0", None),
        ("type=evgen:priority<=500:0%", "type=evgen:priority<=500:0%"),
        ("id=7:0%", None),
    ],
)
def test_zero_shares(policy: str | None, refused: str | None) -> None:
    """The item that gives the work nothing; any is what no other item of its kind names."""
    assert policy_of(policy).zero_share(EVGEN, 500) == refused


@pytest.mark.parametrize("policy", ["half", "type=x", "type:5%", "colour=red:0%", "type=x:much"])
def test_what_is_no_policy(policy: str) -> None:
    """The item is named."""
    with pytest.raises(BadRequest, match="is no share; write"):
        policy_of(policy)
