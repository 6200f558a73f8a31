"""What a credential may act as."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pandad.api.grants import Grants
from pandad.spec.caller import Credential, Identity, Role

PILOT = "/DC=org/CN=pilot"


def proof(subject: str, *, limited: bool = False) -> Credential:
    """Of an identity with this name."""
    return Credential(
        kind="x509", identity=Identity("/CN=CA", subject), not_after=datetime.max.replace(tzinfo=UTC), limited=limited)


def test_roles() -> None:
    """A role is given to whom it belongs by the whole name, and to nobody else."""
    granted = Grants({Role.PILOT: [PILOT], Role.ADMIN: ["/CN=root"]}).granted
    assert granted(proof(PILOT)).roles == {Role.PILOT}
    for other in ("/DC=org/CN=alice", f"{PILOT}/CN=123", PILOT.upper(), f"/X=y{PILOT}"):
        assert granted(proof(other)).roles == frozenset()


def test_limited() -> None:
    """A limited proxy stays one, with the roles of its user."""
    caller = Grants({Role.PILOT: [PILOT]}).granted(proof(PILOT, limited=True))
    assert caller.limited and caller.roles == {Role.PILOT}


def test_tokens() -> None:
    """The FQANs of a token's own VO give roles; its subject gives none, though it be the DN of a pilot."""
    granted = Grants({Role.PILOT: [PILOT], Role.ADMIN: ["/CN=root"]}).granted
    for subject in (PILOT, "/CN=root", "alice"):
        token = replace(proof(subject), kind="token", vo="atlas")
        assert granted(token).roles == frozenset()
        assert granted(replace(token, fqans=("/atlas/Role=production", "/atlas"))).roles == {Role.PRODUCTION}
        assert granted(replace(token, fqans=("/cms/Role=pilot", "/atlas/sub/Role=pilot", "/atlas/pilot"))).roles == frozenset()
