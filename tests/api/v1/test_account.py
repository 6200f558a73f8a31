"""API v1, module account."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.api.v1.account import Proof
from pandad.spec.caller import Identity
from pandad.spec.errors import Conflict


def test_code(api: Any, alice: str) -> None:
    """A code, and until when it is good."""
    got = api.active.post("/api/v1/account/get_link_code", dn=alice).json
    assert got["data"] == {"code": "CODE", "expires": {"__datetime__": "2026-01-02T00:00:00"}}


def test_link(api: Any, alice: str) -> None:
    """The code goes to the room with the subject that the caller confirms; a refusal is told."""
    got = api.active.post("/api/v1/account/link", json={"code": "CODE", "subject": "12"}, dn=alice).json
    assert got["data"] == {"account": 7}
    assert api.accounts.asked[0][1:] == ("CODE", "12")
    api.accounts.trouble = Conflict("this code was asked for by x")
    assert api.active.post("/api/v1/account/link", json={"code": "CODE"}, dn=alice).json == {
        "success": False, "message": "this code was asked for by x", "data": None}
    assert "CANARY" not in repr(Proof(code="CANARY"))


def test_unlink(api: Any, alice: str) -> None:
    """By subject and anchor."""
    assert api.active.post("/api/v1/account/unlink", json={"subject": "12", "anchor": "y"}, dn=alice).json["success"]
    assert api.accounts.asked[0][1] == Identity("y", "12")


@pytest.mark.parametrize("method", ["get_link_code", "link", "unlink"])
def test_not_for_a_limited_proxy(api: Any, alice: str, method: str) -> None:
    """A job could make itself its owner."""
    got = api.active.post(f"/api/v1/account/{method}", json={}, dn=alice, headers={"x-limited": "1"}).json
    assert "limited proxy" in got["message"] and not api.accounts.asked
