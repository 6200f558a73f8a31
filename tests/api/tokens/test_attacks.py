"""No attack is accepted, and each is refused for its reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pandad.spec.errors import NotAuthenticated
from pandad.spec.token import SAYS, BadToken, TokenFault

from .attacks import Attack, bearer, corpus
from .forge import Stand, good, good_claims, rsa_signer, stand

SHOWN_AT_MOST = 16
"""Characters of a token in a row that a refusal may have by chance."""


@pytest.fixture(scope="module")
def usual() -> Stand:
    """An authenticator that remembers good tokens from other attacks."""
    return stand()


def verdict(here: Stand, attack: Attack) -> BadToken | str:
    """The refusal, or what happened instead of it."""
    try:
        here.ask_raw(attack.authorization, attack.origin)
    except BadToken as refused:
        return refused
    except NotAuthenticated as other:
        return f"{type(other).__name__}: {other}"
    return "accepted"


def test_none_is_accepted(usual: Stand) -> None:
    """Each is refused with the reason that it was made for, at the first try and at the second."""
    wrong = []
    for attack in corpus():
        here = usual if attack.documents is None else stand(attack.documents)
        found = [verdict(here, attack) for _ in range(2)]
        if [getattr(each, "fault", each) for each in found] != [attack.fault] * 2:
            wrong.append(f"{attack.name}: {attack.fault} wanted, {found[0]}")
    assert wrong == []
    assert usual.ask(good()) is not None


def test_they_are_many_and_different() -> None:
    """Over a hundred, no two of the same name, and every reason but those of the server's own state is among theirs."""
    attacks = corpus()
    assert len(attacks) >= 300
    assert [name for name, n in Counter(attack.name for attack in attacks).items() if n > 1] == []
    assert {attack.fault for attack in attacks} == set(TokenFault) - {TokenFault.DENIED, TokenFault.OFF}


def test_refusals_keep_tokens_to_themselves(usual: Stand) -> None:
    """No refusal repeats more of a token than a word."""
    for attack in corpus():
        refused = verdict(usual if attack.documents is None else stand(attack.documents), attack)
        text = str(refused)
        for value in attack.authorization:
            sent = value.decode("latin-1").removeprefix("Bearer ")
            pieces = {sent[i:i + SHOWN_AT_MOST] for i in range(len(sent) - SHOWN_AT_MOST)} if len(sent) < 20_000 else set()
            assert not any(piece in text for piece in pieces), attack.name


def test_refusals_are_short() -> None:
    """Every reason has a sentence, and however long a claim is the message is not."""
    assert set(SAYS) == set(TokenFault)
    refused = verdict(stand(), bearer("long", TokenFault.ISSUER, good(iss="https://" + "x" * 3000)))
    assert len(str(refused)) < 300


def test_the_page_lists_every_reason() -> None:
    """With the words of counters and the sentences that bearers read."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "tokens.md").read_text("utf-8")
    assert [fault for fault, sentence in SAYS.items() if f"| `{fault}` | {sentence} |" not in page] == []


def test_good_ones_beside_them() -> None:
    """A key that must not count is no reason to do without the others of its issuer."""
    attack = next(each for each in corpus() if each.name == "published: RSA-1024")
    assert stand(attack.documents).ask(rsa_signer(2048, 5).sign(good_claims())) is not None
