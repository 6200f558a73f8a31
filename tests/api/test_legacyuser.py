"""Calls of users in the legacy dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pandad.spec.errors import Forbidden


@pytest.mark.parametrize("form", [True, False])
def test_debug_mode(api: Any, alice: str, form: bool) -> None:
    """As pilots and old clients send it, in either encoding; they compare the answer with a word."""
    body = {"pandaID": "5", "modeOn": "True"}
    sent = {"data": body} if form else {"json": {"pandaID": 5, "modeOn": True}}
    got = api.active.post("/server/panda/setDebugMode", dn=alice, **sent)
    assert (got.status, got.text) == (200, "Succeeded")
    assert api.debug.asked[0][1:] == (5, True)
    limited = api.active.post("/server/panda/setDebugMode", dn="/CN=pilot", headers={"x-limited": "1"}, data=body)
    assert limited.text == "Succeeded"
    api.debug.trouble = Forbidden("job 5 is debugged by its owner")
    got = api.active.post("/server/panda/setDebugMode", dn=alice, data=body)
    assert (got.status, got.text) == (403, "ERROR : job 5 is debugged by its owner")


def test_command(api: Any, alice: str) -> None:
    """The answer is a pair."""
    got = api.active.post("/server/panda/send_command_to_job", dn=alice, data={"panda_id": "5", "com": "ps -ef"})
    assert got.json[0] is True and got.json[1].startswith("ps -ef")
    assert api.debug.asked[0][1:] == (5, "ps -ef")


def test_secrets(api: Any, alice: str) -> None:
    """Set as a form, read as text of JSON, or as an object by those who ask for one, as pilots do with a comma list of keys."""
    assert api.active.post("/server/panda/set_user_secret", dn=alice, data={"key": "a", "value": "x"}).json == [True, "OK"]
    assert api.secrets.asked[0][1:] == ("a", "x")
    ok, text = api.active.post("/server/panda/get_user_secrets", dn=alice, data={}).json
    assert ok and json.loads(text) == {"a": "1", "b": "2"}
    body = {"get_json": True, "keys": "a,c"}
    assert api.active.post("/server/panda/get_user_secrets", dn=alice, json=body).json == [True, {"a": "1"}]


@pytest.mark.parametrize("method", ["send_command_to_job", "set_user_secret", "get_user_secrets"])
def test_refused(api: Any, alice: str, method: str) -> None:
    """An identity is needed, and a limited proxy is not enough."""
    path = f"/server/panda/{method}"
    assert api.active.post(path, json={}).status == 403
    got = api.active.post(path, json={}, dn=alice, headers={"x-limited": "1"})
    assert got.status == 403 and "limited proxy" in got.text
    assert not api.debug.asked and not api.secrets.asked
