"""A good token is good as it is, and not otherwise. (mutations.py has more, to be run by hand.)"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandad.api.tokens.accepted import from_config
from pandad.api.tokens.jose import opened
from pandad.api.tokens.membership import fqans
from pandad.spec.errors import BadRequest
from pandad.spec.token import BadToken, KeysUnknown, TokenFault, vo_and_role

from .forge import CONFIG, Stand, good, good_claims, stand
from .mutations import mutated, originals

COUNT = 3000


@pytest.fixture(scope="module")
def here() -> Stand:
    """An authenticator."""
    return stand()


def test_changed_tokens(here: Stand) -> None:
    """None of some thousand changed ones is accepted."""
    rng, tokens = random.Random(4), originals()
    for text in (mutated(rng, tokens) for _ in range(COUNT)):
        if text.strip(b" ") not in tokens:
            with pytest.raises((BadToken, KeysUnknown)):
                here.ask(text)


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes(text: bytes) -> None:
    """Whatever comes in the place of a token is refused, and nothing else happens."""
    with pytest.raises(BadToken):
        opened(text)
    with pytest.raises(BadToken):
        stand_of_all().ask_raw([b"Bearer " + text])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8)


NAMES = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "groups", "scope", "name", "preferred_username")


@settings(max_examples=100)
@given(st.sampled_from(NAMES), json_values, st.sampled_from(["atlas", "atlas:production", "atlas:pilot", None]))
def test_any_claim(name: str, value: object, origin: str | None) -> None:
    """Whatever an issuer says is accepted or refused, and identity and VO are those of the token; it never gives a role that only
    another claim could."""
    try:
        found = stand_of_all().ask(good(**{name: value}), origin)
    except BadToken:
        return
    assert found is not None and found.vo == "atlas"
    assert found.identity.subject == (value if name == "sub" and value is not None else "alice-1")
    assert "/atlas/Role=pilot" not in found.fqans


@given(st.lists(st.text(max_size=20) | st.sampled_from(["atlas", "atlas/pilot", "/atlas/pilot", "cms/pilot"]), max_size=5))
def test_groups(groups: list[str]) -> None:
    """A role is there if and only if its group is, letter for letter."""
    accepted = from_config("iam", CONFIG.issuers["iam"])
    granted = not {"atlas/pilot", "/atlas/pilot"}.isdisjoint(groups)
    try:
        assert fqans(good_claims(groups=groups), accepted, "pilot")[0] == "/atlas/Role=pilot"
        assert granted
    except BadToken as refused:
        assert refused.fault is TokenFault.ROLE and not granted


@given(st.text(max_size=30) | st.from_regex(r"[a-z.:]{1,12}", fullmatch=True))
def test_origins(origin: str) -> None:
    """A VO and a role put together give the origin again, or it was refused."""
    try:
        vo, role = vo_and_role(origin)
    except BadRequest:
        return
    assert origin.strip("'") in (vo, f"{vo}:{role}", f"{vo}.{role}")


_stands: list[Stand] = []


def stand_of_all() -> Stand:
    """One for all examples."""
    if not _stands:
        _stands.append(stand())
    return _stands[0]
