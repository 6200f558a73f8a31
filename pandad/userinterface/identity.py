"""Who calls, where nobody may be nobody."""

from __future__ import annotations

from pandad.spec.caller import Caller, Identity
from pandad.spec.errors import NotAuthenticated


def identity_of(caller: Caller) -> Identity:
    """:raise NotAuthenticated: there is none."""
    if caller.identity is None:
        raise NotAuthenticated("this needs an identity: come with a certificate, a proxy or a token")
    return caller.identity
