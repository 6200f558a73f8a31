"""Whom the server takes somebody for: the same in every form in which he can ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pandad.api import whoami
from pandad.cli.whoami import overview
from pandad.spec.caller import Caller, Credential, Identity, Role

PROOF = Credential(
    kind="x509", identity=Identity("/CN=CA", "/DC=org/CN=alice 123"), not_after=datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC),
    host="192.0.2.1", vo="atlas", fqans=("/atlas", "/atlas/usatlas/Role=production"), nickname="alice")
ALICE = Caller(
    PROOF.identity, frozenset({Role.PRODUCTION}), False, PROOF.host, PROOF, 7, frozenset({Identity("https://iam.test/", "12")}),
    frozenset({"phys", "usatlas"}), frozenset({"usatlas"}), ("/atlas/x does not count: so",))


def test_all_forms_say_the_same() -> None:
    """Identity, VO, FQANs, nickname, end, account, roles, groups and what did not count."""
    user, environment = whoami.user(ALICE), whoami.environment(ALICE)
    assert user["user_dn_raw"] == user["subject"] == environment["SSL_CLIENT_S_DN"] == "/DC=org/CN=alice 123"
    assert user["user_dn_clean"] == user["name"] == "alice"
    assert user["fqans"] == ["/atlas", "/atlas/usatlas/Role=production"]
    assert (user["is_production_user"], user["production_working_groups"], user["primary_working_group"]) == (
        True, ["usatlas"], "usatlas")
    assert user["not_after"] == environment["PANDAD_NOT_AFTER"] == "2026-05-06T07:08:09+00:00"
    assert (user["account"], user["others"], environment["PANDAD_ACCOUNT"]) == (7, ["12 from https://iam.test/"], "7")
    assert environment["PANDAD_GROUPS"] == "phys,usatlas" and environment["PANDAD_REMARKS"] == "/atlas/x does not count: so"
    assert whoami.voms(ALICE) == {key: value for key, value in environment.items() if key.startswith("GRST_CRED")} == {
        "GRST_CRED_AURI_0": "dn:/DC=org/CN=alice 123", "GRST_CRED_AURI_1": "fqan:/atlas",
        "GRST_CRED_AURI_2": "fqan:/atlas/usatlas/Role=production", "GRST_CRED_AURI_3": "nickname:alice"}
    assert all(isinstance(value, str) for value in environment.values())
    text = overview(user)
    for words in ("alice 123", "/CN=CA", "/atlas/usatlas/Role=production", "12 from https://iam.test/", "does not count"):
        assert words in text
    assert "limited" not in text and "limited" in overview(whoami.user(replace(ALICE, limited=True)))


def test_who_has_nothing() -> None:
    """Somebody with a plain certificate."""
    user = whoami.user(Caller(PROOF.identity, credential=replace(PROOF, vo="", fqans=(), nickname="")))
    assert (user["is_production_user"], user["production_working_groups"], user["primary_working_group"]) == (False, [], None)
    assert whoami.voms(Caller(PROOF.identity)) == {"GRST_CRED_AURI_0": "dn:/DC=org/CN=alice 123"}
    assert "FQANs" not in overview(user)
