"""From results to bytes."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.api import encode
from pandad.api.encode import Envelope, Reply
from pandad.spec.file import FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec


def test_envelope() -> None:
    """Data alone is a success; an envelope goes out as it is."""
    assert json.loads(encode.envelope([1], False).body) == {"success": True, "message": "", "data": [1]}
    assert json.loads(encode.envelope(Envelope(False, "no"), True).body) == {"success": False, "message": "no", "data": None}


def test_legacy() -> None:
    """A legacy answer is JSON for those who accept it, and a form for others."""
    answer = {"StatusCode": 0, "command": "NULL"}
    assert encode.legacy(answer, True) == Reply(b'{"StatusCode":0,"command":"NULL"}', encode.JSON)
    assert encode.legacy(answer, False) == Reply(b"StatusCode=0&command=NULL", encode.FORM)


@given(st.dictionaries(st.from_regex(r"[a-zA-Z_]+", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]))))
def test_forms_survive(values: dict[str, str]) -> None:
    """Whatever text goes into a form comes out of it."""
    form = encode.as_form(values, False).body.decode()
    assert dict(parse_qsl(form, keep_blank_values=True)) == values


def test_structures_in_forms() -> None:
    """In a form a list is JSON text, and for resource types a Python literal; nothing is the word NULL."""
    answer = {"jobs": [{"PandaID": 1}], "none": None, "yes": True}
    assert dict(parse_qsl(encode.as_form(answer, False).body.decode())) == {
        "jobs": '[{"PandaID":1}]',
        "none": "NULL",
        "yes": "True",
    }
    literal = dict(parse_qsl(encode.legacy_repr({"ResourceTypes": [{"maxcore": None}]}, False).body.decode()))["ResourceTypes"]
    assert ast.literal_eval(literal) == [{"maxcore": None}]


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=1))), {"__datetime__": "2026-11-23T00:00:00"}),
        (Decimal("5"), 5),
        (Decimal("5.5"), 5.5),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (frozenset({"b", "a"}), ["a", "b"]),
    ],
)
def test_panda_json(value: Any, wire: Any) -> None:
    """Times are naive and in UTC, as PanDA's clients read them."""
    assert json.loads(encode.json_bytes(value)) == wire


def test_no_json_form() -> None:
    """What has no agreed form is an error here, not a surprise at the client."""
    with pytest.raises(TypeError):
        encode.json_bytes(object())


def test_description() -> None:
    """A described job has all its attributes by name, null for what is unset, its files likewise, and the queues that
    it avoids; panda-client passes over what it does not know."""
    job = JobSpec(PandaID=1, creationTime=datetime(2026, 11, 23, tzinfo=UTC), Files=[FileSpec(lfn="a")])
    described = json.loads(encode.json_bytes(job))
    assert described.keys() == {a.name for a in JOB_ATTRIBUTES} | {"Files", "avoided"}
    assert described["creationTime"] == {"__datetime__": "2026-11-23T00:00:00"}
    assert (described["jobStatus"], described["VO"], described["Files"][0]["lfn"]) == ("defined", None, "a")
