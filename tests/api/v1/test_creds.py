"""API v1, module creds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pandad.api.v1.creds import UserSecret
from pandad.userinterface.secrets import NoVault


def test_set(api: Any, alice: str) -> None:
    """As panda-client sends it: a value, null to forget one, null twice to forget all."""
    for body in ({"key": "a", "value": "x"}, {"key": "a", "value": None}, {"key": None, "value": None}):
        got = api.active.post("/api/v1/creds/set_user_secrets", json=body, dn=alice).json
        assert (got["success"], got["data"]) == (True, "OK")
    assert [asked[1:] for asked in api.secrets.asked] == [("a", "x"), ("a", None), (None, None)]
    assert {asked[0].identity.subject for asked in api.secrets.asked} == {alice}


def test_a_large_one(api: Any, alice: str) -> None:
    """The largest that panda-client sends fits."""
    value = "x" * 1_000 * 1_024
    assert api.active.post("/api/v1/creds/set_user_secrets", json={"key": "a", "value": value}, dn=alice).json["success"]
    assert api.secrets.asked[0][2] == value


def test_get(api: Any, alice: str) -> None:
    """The data is JSON text, which clients parse; keys may be named."""
    for query, found in (("", {"a": "1", "b": "2"}), ("?keys=a&keys=c", {"a": "1"}), ("?keys=b", {"b": "2"})):
        got = api.active.get(f"/api/v1/creds/get_user_secrets{query}", dn=alice).json
        assert json.loads(got["data"]) == found


@pytest.mark.parametrize("method", ["set_user_secrets", "get_user_secrets"])
def test_refused(api: Any, alice: str, method: str) -> None:
    """Nobody without an identity or with a limited proxy, which a job has, gets at them; a server without a key says so."""
    verb = "POST" if method.startswith("set") else "GET"
    path = f"/api/v1/creds/{method}"
    assert "no identity" in api.active.call(verb, path).json["message"]
    assert "limited proxy" in api.active.call(verb, path, dn=alice, headers={"x-limited": "1"}).json["message"]
    assert api.passive.call(verb, path, dn=alice).json["success"] is False
    assert not api.secrets.asked
    api.secrets.trouble = NoVault()
    assert "key_file" in api.active.call(verb, path, dn=alice).json["message"]


def test_it_is_not_shown() -> None:
    """A request that meets a log line does not tell."""
    assert "canary" not in repr(UserSecret(key="a", value="canary"))
