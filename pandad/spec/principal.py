"""Those whom the configuration gives something to, as it writes them down.

* ``/DC=org/DC=example/CN=Some Name``: that DN, whichever trusted CA vouches for it.
* ``/DC=org/DC=example/CN=Some Name from /DC=org/CN=CA``: that DN from that trust anchor (the subject of the root) and no other.
* ``1234-5678 from https://issuer.example/``: the subject of a token, from that issuer.
* ``/atlas/Role=production``: who has exactly this FQAN, from a VOMS server or a token.
"""

from __future__ import annotations

import re

from pandad.spec.caller import Identity
from pandad.spec.fqan import Fqan, fqan_of

Principal = Identity | Fqan | str
"""A str is a DN, whoever vouches for it."""

FROM = " from "
_DN = re.compile(r"/[A-Za-z0-9.]+=.")
_ANCHOR = re.compile(r"/[A-Za-z0-9.]+=.|https?://.")


def identity_of(text: str) -> Identity | None:
    """``SUBJECT from ANCHOR`` as an identity; None: it is not of that form."""
    subject, middle, anchor = text.rpartition(FROM)
    return Identity(anchor, subject) if middle and subject and _ANCHOR.match(anchor) else None


def principal_of(text: str) -> Principal | None:
    """What a text of the configuration means; None: it means nothing."""
    identity = identity_of(text)
    if identity is not None:
        return identity
    return text if _DN.match(text) else fqan_of(text)


def names_of(identity: Identity) -> frozenset[Principal]:
    """By which an identity stands in the configuration. A bare DN means certificates only: a token's issuer may write
    whatever it likes into its subject."""
    with_dn = {identity.subject} if identity.anchor.startswith("/") else set()
    return frozenset({identity, *with_dn})
