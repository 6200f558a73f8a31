"""What pilots are lent, in both dialects."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from pandad.api.v1.creds import WantedToken
from pandad.jobdispatcher.lending import NotLent
from pandad.spec.errors import Forbidden, StoreUnavailable
from pandad.spec.pilotcredential import Kind

PILOT = {"dn": "/CN=pilot", "roles": "pilot"}
PRODUCTION = {"dn": "/CN=prod", "roles": "production"}
OK = {"StatusCode": 0, "errorDialog": "", "ErrorDialog": ""}


def test_as_pilots_ask(api: Any) -> None:
    """In a form or JSON, by POST or GET; the answer is JSON that is a Python literal too."""
    for sent in ({"data": {"role": "atlas", "dn": "atlpilo2"}}, {"json": {"role": "atlas", "dn": "atlpilo2"}}):
        got = api.active.post("/server/panda/getProxy", **PILOT, **sent)
        assert ast.literal_eval(got.text) == {**OK, "userProxy": "PROXY"}
        assert api.lending.asked.pop()[1:] == ("atlpilo2", "atlas")
    got = api.active.get("/server/panda/get_access_token?client_name=pilot_server&token_key=K", **PILOT)
    assert ast.literal_eval(got.text) == {**OK, "userProxy": "TOKEN"}
    assert api.lending.asked.pop()[1:] == ("pilot_server", "K")
    got = api.active.post("/server/panda/getKeyPair", data={"publicKeyName": "p", "privateKeyName": "q"}, **PILOT)
    assert got.json == {**OK, "publicKey": "PUBLIC", "privateKey": "PRIVATE"}
    assert api.active.get("/server/panda/get_token_key?client_name=c", **PRODUCTION).json == {**OK, "tokenKey": "KEY"}


def test_as_harvester_asks(api: Any) -> None:
    """Under both spellings of each key."""
    calls = {
        "get_proxy?role=atlas": {"user_proxy": "PROXY", "userProxy": "PROXY"},
        "get_key_pair?public_key_name=p&private_key_name=q": {
            "public_key": "PUBLIC", "private_key": "PRIVATE", "publicKey": "PUBLIC", "privateKey": "PRIVATE"},
        "get_access_token?client_name=c": {"user_proxy": "TOKEN", "userProxy": "TOKEN"},
        "get_token_key?client_name=c": {"tokenKey": "KEY"},
    }
    for query, data in calls.items():
        assert api.active.get(f"/api/v1/creds/{query}", **PRODUCTION).json["data"] == data
    assert api.lending.asked[0][1:] == (None, "atlas")


@pytest.mark.parametrize(
    ("error", "code"),
    [(NotLent(Kind.PROXY, "x"), 90), (Forbidden("no"), 70), (StoreUnavailable("later"), 10)])
def test_refusals_are_codes(api: Any, error: Exception, code: int) -> None:
    """With HTTP status 200, or a pilot sees no reason."""
    api.lending.trouble = error
    got = api.active.post("/server/panda/getProxy", data={}, **PILOT)
    assert (got.status, got.json["StatusCode"], got.json["errorDialog"]) == (200, code, str(error))


def test_who_may_not(api: Any, alice: str) -> None:
    """Users, limited proxies, and nobody: a reason, and nothing is looked up."""
    for who in ({"dn": alice}, {**PILOT, "headers": {"x-limited": "1"}}, {}):
        got = api.active.post("/server/panda/getProxy", data={}, **who)
        assert (got.status, got.json["StatusCode"]) == (200, 70) and "this call is for pilots" in got.json["errorDialog"]
    assert api.active.get("/server/panda/get_access_token", **PILOT).json["StatusCode"] == 30
    assert not api.lending.asked


def test_the_key_is_not_shown() -> None:
    """A request that meets a log line does not tell."""
    assert "canary" not in repr(WantedToken(client_name="c", token_key="canary"))
