"""Texts that must not be seen."""

from __future__ import annotations

from pandad.spec.confidential import Confidential


def test_it_is_only_revealed_on_demand() -> None:
    """However it is turned into text, the secret is not in it."""
    secret = Confidential("canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]} %s" % secret
    assert secret.reveal() == "canary"
