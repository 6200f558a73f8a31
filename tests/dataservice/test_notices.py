"""What Rucio tells: whatever comes, what is understood of it only has something looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.dataservice.ddm import FileName
from pandad.dataservice.notices import MOST, Bulletin, Notices, hear_of_placements, read
from pandad.spec.errors import BadRequest
from pandad.taskbuffer.store import Transaction

RULE = "0123456789abcdef0123456789abcdef"


def message(kind: str, **payload: Any) -> bytes:
    return json.dumps({"event_type": kind, "created_at": "2026-01-02 03:04:05", "payload": payload}).encode()


def bulk(*messages: bytes) -> bytes:
    """As hermes posts to an Elasticsearch."""
    return b"".join(b'{"index": {"_index": "rucio"}}\n' + each + b"\n" for each in messages)


OK = message("RULE_OK", rule_id=RULE, scope="panda", name="x_dis001")
LOCK = message("DATASETLOCK_OK", rule_id=RULE, scope="panda", name="x_dis001", rse="DISK")
DONE = message("transfer-done", **{"scope": "user.alice", "name": "in", "dst-rse": "DISK", "src-rse": "TAPE", "file-size": 3})


@pytest.mark.parametrize("body", [
    bulk(OK, LOCK, DONE), b"\n".join([OK, LOCK, DONE]), b"[" + b",".join([OK, LOCK, DONE]) + b"]", bulk(DONE, OK, OK, DONE)])
def test_forms(body: bytes) -> None:
    """Elasticsearch's form, lines and a list say the same, in whatever order and however often."""
    found = read(body)
    assert found == Notices({RULE}, {("panda", "x_dis001")}, {("DISK", FileName("user.alice", "in"))})


def test_what_is_not_understood() -> None:
    """Other kinds, and messages without names, are counted and hide nothing."""
    others = [message("lost-file", scope="a", name="b"), message("rule-ok"), message("transfer-done", scope=1, name="x"),
              message("rule-ok", rule_id="x" * 501), message("rule-ok", rule_id="a\0b"),
              b'{"event_type": "rule-ok", "payload": "]"}', b'{"event_type": ["rule-ok"]}', b"3", b'"x"']
    found = read(bulk(*others, OK, b"no json"))
    assert (found.rules, found.ignored) == ({RULE}, len(others))


def test_a_payload_in_a_text() -> None:
    """Rucio's own tables have it so."""
    body = json.dumps({"event_type": "rule-ok", "payload": json.dumps({"rule_id": RULE})}).encode()
    assert read(body).rules == {RULE}


@pytest.mark.parametrize("body", [b"<html>", b"[{", b"no\njson", b"{"])
def test_no_json(body: bytes) -> None:
    """Is refused, with what to send instead."""
    with pytest.raises(BadRequest, match="event_type and payload"):
        read(body)


def test_too_many() -> None:
    """Is refused: hermes sends some hundreds."""
    with pytest.raises(BadRequest, match="several calls"):
        read(b"[" + b",".join([OK] * (MOST + 1)) + b"]")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["event_type", "payload", "rule_id", "scope", "name", "dst-rse"]) | st.text(), inner), max_leaves=8)


@given(st.lists(JSON | st.builds(lambda kind, payload: {"event_type": kind, "payload": payload},
                                 st.sampled_from(["rule-ok", "transfer-done"]), JSON)))
def test_anything(messages: list[Any]) -> None:
    """No message makes it fail, and nothing but texts of a bounded length comes out."""
    found = read(json.dumps(messages).encode())
    texts = [*found.rules, *(t for d in found.datasets for t in d), *(t for e, n in found.arrived for t in (e, n.scope, n.lfn))]
    assert all(isinstance(text, str) and 0 < len(text) <= 500 and "\0" not in text for text in texts)


@ensureDeferred
async def test_all_listeners_hear_it(stage: Stage) -> None:
    """Each gets everything, in one transaction; what concerns nobody is no harm."""
    heard: list[Notices] = []

    async def hear(txn: Transaction, notices: Notices) -> None:
        heard.append(notices)

    bulletin = Bulletin(stage.store, [hear, hear_of_placements, hear])
    before = await stage.dump()
    said = await bulletin.post(bulk(OK, DONE))
    assert heard == [said, said] and await stage.dump() == before
    await bulletin.post(bulk(message("lost-file")))
    assert len(heard) == 2
