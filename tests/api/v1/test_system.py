"""API v1, module system."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("port", ["active", "passive"])
def test_is_alive(api: Any, port: str) -> None:
    """Anybody learns on either port that the server is alive."""
    got = getattr(api, port).get("/api/v1/system/is_alive")
    assert got.status == 200
    assert got.json == {"success": True, "message": "alive=yes", "data": None}


def test_get_attributes(api: Any, alice: str) -> None:
    """A caller learns whom the server takes him for."""
    got = api.active.get("/api/v1/system/get_attributes", dn=alice, roles="pilot")
    environment = got.json["data"]["environment"]
    assert environment["SSL_CLIENT_S_DN"] == alice
    assert environment["PANDAD_ROLES"] == "pilot"
    assert environment["REMOTE_ADDR"] == "192.0.2.1"


def test_get_attributes_anonymous(api: Any) -> None:
    """Nobody is told who he is without an identity."""
    got = api.active.get("/api/v1/system/get_attributes")
    assert got.status == 200
    assert got.json["success"] is False
    assert "no identity" in got.json["message"]
